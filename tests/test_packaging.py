"""What the package imports is what it declares; its wheel holds what is ours, and says it."""

import ast
import json
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from refinezoo.config import read_yaml
from refinezoo.files import sha256

ROOT = Path(__file__).resolve().parents[1]
DISTRIBUTIONS = {
    "OpenEXR": "openexr",
    "PIL": "pillow",
    "cv2": "opencv-python-headless",
    "google": "protobuf",
    "grpc": "grpcio",
    "huggingface_hub": "huggingface-hub",
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


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel, built without a registry and without touching the checkout."""
    place = tmp_path_factory.mktemp("wheel")
    build = f"egg_info --egg-base {place} build --build-base {place}/build bdist_wheel"
    options = f"-d {place}/dist -b {place}/bdist --compression stored"
    line = [sys.executable, "-W", "ignore", "setup.py", "-q", *build.split(), *options.split()]
    done = subprocess.run(line, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    (path,) = (place / "dist").iterdir()
    return path


def test_the_wheel_holds_no_stray_file(wheel):
    names = [name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name]
    source = {name: name.replace("refinezoo/export/", "export/") for name in names}
    source = {n: s.replace("refinezoo/zoo_configs/", "zoo_configs/") for n, s in source.items()}
    assert all(name.startswith("refinezoo/") for name in names)
    known = {
        ".py",
        ".typed",
        ".yaml",
        ".json",
        ".html",
        ".css",
        ".js",
        ".h5",
        ".png",
        ".jpg",
        ".txt",
        ".config",
    }
    assert {Path(name).suffix for name in names} <= known | {".sh"}
    parts = {part for name in names for part in Path(name).parts}
    assert not any(part.startswith(".") or part in ("__pycache__", "tests") for part in parts)
    listed = subprocess.run(
        ["git", "ls-files", "refinezoo", "export", "zoo_configs"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    if listed.returncode:
        pytest.skip("no git checkout: what is tracked is not known")
    tracked = set(listed.stdout.splitlines())
    assert set(source.values()) - tracked == set()
    assert {name for name in tracked - set(source.values()) if not name.endswith(".md")} == set()


def test_each_weight_of_the_wheel_is_that_of_a_zoo_entry(wheel):
    found = {}
    with zipfile.ZipFile(wheel) as file:
        for name in file.namelist():
            if name.endswith(".h5"):
                found[Path(name).name] = file.getinfo(name).file_size
    entries = [read_yaml(path) for path in (ROOT / "zoo_configs").glob("*.yaml")]
    listed = [entry["weights"] for entry in entries if entry.get("weights")]
    assert found == {row["file"]: row["bytes"] for row in listed}
    for row in listed:
        assert sha256(ROOT / "zoo_configs/weights" / row["file"]) == row["sha256"]


def test_the_bill_of_materials_names_all_that_is_installed(wheel, tmp_path):
    line = [sys.executable, ROOT / ".ci/make_sbom", wheel, ROOT / "constraints.txt"]
    for name in ("a.json", "b.json"):
        subprocess.run([*line, tmp_path / name], check=True)
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()
    bill = json.loads((tmp_path / "a.json").read_text())
    assert bill["metadata"]["component"]["hashes"][0]["content"] == sha256(wheel)
    rows = {row["name"]: row for row in bill["components"]}
    pinned = re.findall(r"^([a-z0-9-]+)==", (ROOT / "constraints.txt").read_text(), re.M)
    assert set(pinned) < set(rows) and all(row["hashes"] for row in rows.values())
    assert rows["keras"]["scope"] == "required" and rows["pytest"]["scope"] == "optional"
    weights = [row for row in rows.values() if row["type"] == "machine-learning-model"]
    for row in weights:
        file = ROOT / "zoo_configs/weights" / Path(row["name"]).name
        assert row["hashes"][0]["content"] == sha256(file)
    assert len(weights) == len(list((ROOT / "zoo_configs/weights").glob("*.h5")))
