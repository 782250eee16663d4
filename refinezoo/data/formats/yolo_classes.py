"""Which classes YOLO's numbers stand for: data.yaml, dataset.yaml, classes.txt, obj.names."""

import json
from pathlib import Path
from typing import Any

from refinezoo.config import read_yaml
from refinezoo.data.tree import Tree
from refinezoo.errors import RefinezooError
from refinezoo.files import small_file

_CLASS_LISTS = ("classes.txt", "obj.names")
_MOST_BYTES = 4 << 20  # of a text file: some 50,000 boxes


def class_settings(tree: Tree) -> dict[str, Any]:
    """Class names and whether lines are poses, of data.yaml, dataset.yaml or classes.txt."""
    settings: dict[str, Any] = {"names": {}, "poses": None, "file": "", "problem": ""}
    for name in sorted(filter(_may_name_classes, tree.files), key=_rank):
        try:
            names, poses = _read_names(tree.root / name)
        except (RefinezooError, OSError) as error:
            settings["problem"] = settings["problem"] or str(error)
            continue
        if not settings["file"] and names:
            settings.update(names=names, poses=poses, file=name, problem="")
        elif names and names != settings["names"]:
            settings["problem"] = (
                f"expected one list of classes in {tree.root}, received {settings['file']} "
                f"({_shown(settings['names'])}) and {name} ({_shown(names)}). Remove the wrong one."
            )
    return settings


def _may_name_classes(name: str) -> bool:
    low = name.lower()
    return low.endswith((".yaml", ".yml")) or low.rsplit("/", 1)[-1] in _CLASS_LISTS


def _rank(name: str) -> tuple[int, int, str]:
    """The nearest to the root first; there data.yaml, then other YAML, then lists."""
    file = name.rsplit("/", 1)[-1].lower()
    kind = 2 if file in _CLASS_LISTS else int(not file.startswith(("data.", "dataset.")))
    return name.count("/"), kind, name


def _read_names(path: Path) -> tuple[dict[int, str], bool | None]:
    """The classes that a file names, if it names any, and whether lines are poses."""
    if path.name.lower() in _CLASS_LISTS:
        words = [line.strip() for line in read_text(path).splitlines() if line.strip()]
        return dict(enumerate(words)), None
    content = read_yaml(path)
    if not isinstance(content, dict) or "names" not in content:
        return {}, None
    return _names(content["names"], path), True if content.get("kpt_shape") else None


def _names(names: Any, path: Path) -> dict[int, str]:
    """The name of each class."""
    pairs = list(names.items()) if isinstance(names, dict) else []
    if isinstance(names, list):
        pairs = list(enumerate(names))
    for _, word in pairs:
        if not isinstance(word, (str, int, float)) or isinstance(word, bool) or word == "":
            raise RefinezooError(
                f"{path}: expected a name for each class, received {word!r:.40} (no, yes, on and "
                'off are no words in YAML: write "no").'
            )
    try:
        known = {int(key): str(word).strip() for key, word in pairs}
    except (TypeError, ValueError):
        raise RefinezooError(
            f"{path}: expected names as a list or as {{0: name, 1: name}}, received "
            f"{str(names)[:80]}."
        ) from None
    return dict(sorted(known.items()))


def _shown(names: dict[int, str]) -> str:
    return ", ".join(list(names.values())[:4]) + (", ..." if len(names) > 4 else "")


def read_text(path: Path) -> str:
    """A text file's content; Windows' shells write UTF-16."""
    data = small_file(path, _MOST_BYTES)
    return data.decode(json.detect_encoding(data), "replace")
