"""What a result depends on, as hashes; and where it was measured, as plain facts."""

from __future__ import annotations

import hashlib
import json
import os
import platform
from importlib import metadata
from pathlib import Path
from typing import Any

from refinezoo.data.coco_file import read_coco
from refinezoo.data.coco_images import locate_images
from refinezoo.data.tree import read_tree
from refinezoo.files import sha256

PACKAGES = (
    "refinezoo",
    "keras",
    "tensorflow",
    "jax",
    "numpy",
    "opencv-python-headless",
    "pycocotools",
)


def recipe_hash(value: Any) -> str:
    """The SHA-256 of a JSON-able value, whatever the order of its keys."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, default=str)
    return hashlib.sha256(_bytes(text)).hexdigest()


def dataset_fingerprint(annotations: str | os.PathLike, images: str | os.PathLike) -> str:
    """The SHA-256 over a COCO file and every image that it names (a missing image counts too).

    Of a folder of masks: over its files and those of the images. Of a dataset of another format
    (`annotations` and `images` are one folder): over all its files.
    """
    annotations, images = Path(annotations), Path(images)
    if annotations == images:
        tree = read_tree(images)
        return files_fingerprint([tree.root / name for name in tree.files])
    if annotations.is_dir():
        return files_fingerprint(
            [p for part in (images, annotations) for p in sorted(part.iterdir()) if p.is_file()]
        )
    coco = read_coco(annotations)
    files, _ = locate_images(coco, annotations, images)
    digest = hashlib.sha256(annotations.read_bytes())
    names = ((row["file_name"], files.get(number)) for number, row in coco.images.items())
    for name, path in sorted(names, key=lambda pair: pair[0]):
        digest.update(_bytes(f"{name}:{sha256(path) if path else 'missing'}\n"))
    return digest.hexdigest()


def files_fingerprint(paths: list[Path]) -> str:
    """The SHA-256 over the names and bytes of some files, in the order given."""
    digest = hashlib.sha256()
    for path in paths:
        digest.update(_bytes(f"{path.name}:{sha256(path)}\n"))
    return digest.hexdigest()


def _bytes(text: str) -> bytes:
    """UTF-8, and the bytes of file names that are none, as Python reads them."""
    return text.encode(errors="surrogateescape")


def model_fingerprint(model: Any) -> str:
    """The SHA-256 over a model's class, constructor arguments and inference weights.

    Arguments at their default are left out, so that a study outlives a version that adds one.
    """
    from refinezoo.models.arguments import stated_arguments
    from refinezoo.refinement.fingerprint import weights_sha256

    config = stated_arguments(type(model), model.get_config())
    config.pop("name", None)  # Keras numbers names by what was built before
    return recipe_hash([type(model).__name__, config, weights_sha256(model)])


def versions() -> dict[str, str]:
    """The versions of Python and of the packages that a number may depend on."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def hardware() -> dict[str, Any]:
    """The machine in words: processor, usable cores, memory in GB; no host name."""
    facts: dict[str, Any] = {"machine": platform.machine(), "cores": usable_cores()}
    cpuinfo, meminfo = Path("/proc/cpuinfo"), Path("/proc/meminfo")
    if cpuinfo.is_file():
        names = [
            line.split(":", 1)[1].strip()
            for line in cpuinfo.read_text().splitlines()
            if line.startswith("model name")
        ]
        if names:
            facts["processor"] = names[0]
    if meminfo.is_file():
        kilobytes = int(meminfo.read_text().split("MemTotal:")[1].split()[0])
        facts["memory_gb"] = round(kilobytes / 1e6, 1)
    return facts


def usable_cores() -> int:
    """The number of processor cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return max(1, len(os.sched_getaffinity(0)))
    return os.cpu_count() or 1
