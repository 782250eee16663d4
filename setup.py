"""Packaging of refinezoo. Tool settings: pyproject.toml. Pinned versions: constraints.txt."""

import re
from pathlib import Path

from setuptools import find_packages, setup

HERE = Path(__file__).parent
VERSION = re.search(r'__version__ = "(.+?)"', (HERE / "refinezoo/__init__.py").read_text()).group(1)

# `export/` and `zoo_configs/` stand at the top of the repository and install inside the package,
# so that site-packages gets one name only.
TOP_FOLDERS = {"refinezoo": "refinezoo", "refinezoo.export": "export"}
CONFIG_FOLDER = {"refinezoo.zoo_configs": "zoo_configs"}

packages = ["refinezoo.zoo_configs"]
for name, folder in TOP_FOLDERS.items():
    packages += [name, *(f"{name}.{child}" for child in find_packages(folder))]

# One of the two trains and refines; exports are made by TensorFlow.
extras = {
    "tensorflow": ["tensorflow==2.21.*", "tensorboard>=2.20"],
    "jax": ["jax>=0.6,<0.11"],
    # Brings nothing that TensorFlow does not need already, but its own few generated files.
    "serving": ["grpcio>=1.70", "protobuf>=6.31", "tensorflow-serving-api==2.21.*"],
    "litert": ["ai-edge-litert>=2.0"],
    "onnx": ["onnx>=1.18", "onnxruntime>=1.22", "tf2onnx>=1.17"],
    # tf2onnx: the IR is converted from the ONNX graph; onnxruntime quantises it.
    "openvino": ["openvino>=2025.4", "onnx>=1.18", "onnxruntime>=1.22", "tf2onnx>=1.17"],
    "exr": ["openexr>=3.3"],
    "ray": ["ray>=2.60"],  # which asks whoever connects for a token
    "hub": ["huggingface-hub>=0.30"],
    # Object stores want their own library beside it: s3fs, gcsfs, adlfs.
    "remote": ["fsspec>=2025.3"],
    "docs": ["mkdocs-material>=9.6", "mkdocstrings[python]>=0.29"],
}
extras["dev"] = [
    *extras["tensorflow"],
    *extras["jax"],
    *extras["litert"],
    *extras["onnx"],
    *extras["openvino"],
    *extras["serving"],
    *extras["exr"],
    *extras["hub"],
    *extras["remote"],
    *extras["ray"],
    *extras["docs"],
    "mypy>=1.15",
    "pre-commit>=4",
    "pytest>=8.3",
    "pytest-xdist>=3.6",
    "ruff>=0.11",
    "supervision>=0.31",
    "types-PyYAML",
    "uv>=0.6",
]

setup(
    name="refinezoo",
    version=VERSION,
    description="A Keras model zoo of synthetic-to-real image refiners",
    long_description=(HERE / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    license_files=["LICENSE", "NOTICE"],
    python_requires=">=3.11,<3.13",
    packages=packages,
    package_dir={**TOP_FOLDERS, **CONFIG_FOLDER},
    # `**` does not descend into folders whose names start with a dot; nothing here has one.
    package_data={
        "refinezoo": [
            "py.typed",
            "assets/**/*",
            "**/*.html",
            "**/*.css",
            "**/*.js",
            "**/*.yaml",
            "**/*.json",
        ],
        "refinezoo.export": [
            "**/*.yaml",
            "**/*.yml",
            "**/*.json",
            "**/*.config",
            "**/*.txt",
            "**/*.proto",
            "**/*.md",
            "**/*.sh",
            "**/Dockerfile*",
        ],
        "refinezoo.zoo_configs": ["*.yaml", "weights/*.h5", "gates/*.json"],
    },
    install_requires=[
        "keras==3.15.*",
        "h5py>=3.11",
        "matplotlib>=3.9",
        "numpy>=1.26,<2.5",
        "opencv-python-headless>=4.10",
        "pillow>=11",
        "pycocotools>=2.0.8",
        "pydantic>=2.10",
        "pyyaml>=6.0",
        "rich>=13.9",
        "typer>=0.15",
    ],
    extras_require=extras,
    entry_points={"console_scripts": ["refinezoo=refinezoo.cli:main"]},
    classifiers=[
        "Development Status :: 3 - Alpha",
        "Intended Audience :: Developers",
        "Intended Audience :: Science/Research",
        "Operating System :: POSIX :: Linux",
        "Programming Language :: Python :: 3.11",
        "Programming Language :: Python :: 3.12",
        "Topic :: Scientific/Engineering :: Image Recognition",
        "Typing :: Typed",
    ],
)
