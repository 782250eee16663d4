"""What the package imports is what it declares."""

import ast
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
DISTRIBUTIONS = {
    "OpenEXR": "openexr",
    "PIL": "pillow",
    "cv2": "opencv-python-headless",
    "google": "protobuf",
    "grpc": "grpcio",
    "tensorflow_serving": "tensorflow-serving-api",
    "yaml": "pyyaml",
}


def imported():
    """Distributions that any module of the package imports, also inside functions."""
    names = set()
    for folder in ("refinezoo", "export"):
        for path in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Import):
                    names |= {alias.name.split(".")[0] for alias in node.names}
                elif isinstance(node, ast.ImportFrom) and not node.level:
                    names.add(node.module.split(".")[0])
    own = {"refinezoo", "__future__", *sys.stdlib_module_names}
    return {DISTRIBUTIONS.get(name, name) for name in names - own}


def test_every_import_is_declared_and_pinned():
    declared = re.findall(r'"([a-z0-9-]+)(?:\[\w+\])?[>=]=', (ROOT / "setup.py").read_text())
    pinned = re.findall(r"^([a-z0-9-]+)==", (ROOT / "constraints.txt").read_text(), re.M)
    assert {"keras", "pillow"} <= imported()
    assert imported() - set(declared) == set()
    assert set(declared) - set(pinned) == set()
