"""The entries of `zoo_configs/`: finding, listing and adding them."""

import fnmatch
import os
import shutil
from pathlib import Path
from typing import Any

from refinezoo.config import read_yaml, validate, yaml_text
from refinezoo.errors import RefinezooError, did_you_mean
from refinezoo.files import atomic_path
from refinezoo.models.presets import read_preset
from refinezoo.models.registry import checked_kind_name
from refinezoo.models.weights import check_weights
from refinezoo.renames import replaced_name_used
from refinezoo.zoo.entry import ZooEntry
from refinezoo.zoo.remote import fetched, is_remote

# The heaviest, 16.2 MB, is YOLOv3 on ImageNet features: 8.1 million weights at half precision.
MAX_WEIGHTS_BYTES = 20_000_000
# Old names, which work for one version with a warning, and the better models in their place.
REPLACED = {
    "ssd300_lite0_fridge": "ssd300_fridge",
    "ssd300_fridge_real": "pvanet_fridge_real",
    "ssd300_fridge_refined": "pvanet_fridge_refined",
    "ssd300_fridge_reinhard": "pvanet_fridge_transport",
    "ssd300_fridge_synthetic": "pvanet_fridge_synthetic",
}


def find(name_or_folder: str | os.PathLike, *, root: Path | None = None) -> ZooEntry | Path:
    """What `load` would load: an entry of the zoo, or the path of a preset folder.

    Loads no weights and starts no Keras, so that a wrong name is told at once. A preset from
    elsewhere (`refinezoo.zoo.remote`) is fetched into the cache.
    """
    if is_entry(name_or_folder, root):
        return _entry(str(name_or_folder), root)
    if is_remote(name_or_folder):
        return fetched(str(name_or_folder))
    folder = Path(name_or_folder)
    if folder.is_dir():
        read_preset(folder)
        return folder
    if folder.suffix == ".keras" and folder.is_file():
        raise RefinezooError(
            f"expected a zoo name, a preset folder or an exported file, received {folder}, which "
            f"Keras saved. Open it by keras.models.load_model({str(folder)!r}); what "
            "save_to_preset(FOLDER) writes of that model is read here and by every verb."
        )
    raise _unknown(str(name_or_folder), root)


def is_entry(name: str | os.PathLike, root: Path | None = None) -> bool:
    """Whether the zoo has, or had one version ago, an entry of that name."""
    return isinstance(name, str) and (name in _names(root) or name in REPLACED)


def list_models(
    pattern: str = "*", kind: str | None = None, *, root: Path | None = None
) -> list[dict[str, Any]]:
    """The zoo's entries, by name: only those whose weights are there.

    Args:
        pattern: a shell pattern for the names, for example `"cyclegan*"`.
        kind: one of refiner, detector, segmenter, depth, pose, range, classifier; None for all.
        root: where the zoo's configs lie; the package's own by default.

    Returns:
        One dict an entry: name, version, kind, summary, class, weights_bytes, weights_sha256,
        licence and results (a list of dicts; each number has its recipe in `info(name)`).
    """
    if kind is not None:
        checked_kind_name(kind)
    rows = []
    for name in fnmatch.filter(_names(root), pattern):
        entry = _entry(name, root)
        if kind not in (None, entry.kind) or not _is_complete(entry, root):
            continue
        rows.append(
            {
                "name": entry.name,
                "version": entry.version,
                "kind": entry.kind,
                "summary": entry.summary,
                "class": entry.class_name,
                "weights_bytes": entry.weights.bytes if entry.weights else 0,
                "weights_sha256": entry.weights.sha256 if entry.weights else None,
                "licence": entry.licence,
                "results": [result.model_dump(exclude_defaults=True) for result in entry.results],
            }
        )
    return rows


def zoo_table() -> str:
    """The entries as a Markdown table, refiners first; the README shows it."""
    rows = ["| name | kind | what it is | measured | MB |", "|---|---|---|---|---|"]
    for entry in sorted(list_models(), key=lambda row: (row["kind"] != "refiner", row["kind"])):
        results = entry["results"][:1]
        measured = "".join(f"{row['metric']} {row['value']:.3g}" for row in results)
        cells = (
            f"`{entry['name']}`",
            entry["kind"],
            entry["summary"],
            measured,
            f"{entry['weights_bytes'] / 1e6:.1f}",
        )
        rows.append(f"| {' | '.join(cells)} |")
    return "\n".join(rows)


def info(name_or_folder: str | os.PathLike, *, root: Path | None = None) -> dict[str, Any]:
    """Everything known of one model, without loading it.

    Args:
        name_or_folder: a name of `list_models()`, or a folder written by `save_to_preset`.
        root: where the zoo's configs lie; the package's own by default.

    Returns:
        Of a zoo entry: config, weights, data, recipe, results, limits. Of a preset folder what
        its `config.json` says: class, config, weights.

    Raises:
        RefinezooError: unknown name, or a broken config.
    """
    found = find(name_or_folder, root=root)
    known = read_preset(found) if isinstance(found, Path) else found
    return known.model_dump(by_alias=True)


def add_entry(
    preset_folder: str | os.PathLike, values: dict[str, Any], *, root: Path | None = None
) -> Path:
    """Takes a trained preset into the zoo.

    Args:
        preset_folder: what `save_to_preset` wrote.
        values: the entry's other fields (see `refinezoo.zoo.entry.ZooEntry`); `class`, `config`
            and `weights` come from the preset.
        root: where the zoo's configs lie; the package's own by default.

    Returns:
        The YAML file. The weights lie in `weights/NAME.weights.h5` beside it.
    """
    root = _root(root)
    preset_folder = Path(preset_folder)
    preset = read_preset(preset_folder)
    name = values.get("name", "")
    filled = {**values, "class": preset.class_name, "config": preset.config, "weights": None}
    if preset.weights is not None:
        source = preset_folder / preset.weights.file
        check_weights(source, preset.weights)
        filled["weights"] = {**preset.weights.model_dump(), "file": f"{name}.weights.h5"}
        if preset.weights.bytes > MAX_WEIGHTS_BYTES:
            raise RefinezooError(
                f"expected at most {MAX_WEIGHTS_BYTES} bytes of weights in the package, received "
                f"{preset.weights.bytes}. Train a narrower width, or store float16 (half=True)."
            )
    entry = validate(ZooEntry, filled, f"zoo entry {name!r}")
    if entry.weights is not None:
        with atomic_path(root / "weights" / entry.weights.file) as temporary:
            shutil.copyfile(source, temporary)
    path = root / f"{entry.name}.yaml"
    text = yaml_text(entry.model_dump(by_alias=True, exclude_unset=True))
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
    return path


def _root(root: Path | None) -> Path:
    if root is not None:
        return Path(root)
    import refinezoo.zoo_configs

    return Path(next(iter(refinezoo.zoo_configs.__path__)))


def _names(root: Path | None) -> list[str]:
    return sorted(path.stem for path in _root(root).glob("*.yaml"))


def _entry(name: str, root: Path | None) -> ZooEntry:
    if name in REPLACED and name not in _names(root):
        replaced_name_used(name, REPLACED[name], stacklevel=5)
        name = REPLACED[name]
    path = _root(root) / f"{name}.yaml"
    entry = validate(ZooEntry, read_yaml(path), str(path))
    if entry.name != name:
        raise RefinezooError(
            f"{path}: expected name: {name} (the file's own name), received {entry.name}."
        )
    return entry


def gate_file(name: str, root: Path | None = None) -> Path | None:
    """The calibration of the label gate that an entry brings, of renders like its own, if any."""
    path = _root(root) / "gates" / f"{name}.json"
    return path if name in _names(root) and path.is_file() else None


def weights_folder(root: Path | None) -> Path:
    """Where the weights of the entries lie."""
    return _root(root) / "weights"


def _is_complete(entry: ZooEntry, root: Path | None) -> bool:
    if entry.weights is None:
        return True
    path = weights_folder(root) / entry.weights.file
    return path.is_file() and path.stat().st_size == entry.weights.bytes


def _unknown(name: str, root: Path | None) -> RefinezooError:
    names = _names(root)
    return RefinezooError(
        f"expected a zoo name or a preset folder, received {name!r}, which is neither."
        f"{did_you_mean(name, names)} In the zoo: {', '.join(names) or '(nothing)'}."
    )
