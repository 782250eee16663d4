"""Class and rotation of each render, from a CSV file: PixelDA trains on them too."""

import csv
import io
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from refinezoo.errors import RefinezooError
from refinezoo.files import small_file

_MOST_BYTES = 256 << 20  # of a CSV file: millions of images
QUATERNION = ("qw", "qx", "qy", "qz")


@dataclass(frozen=True)
class Labels:
    """Labels of images by file name.

    Attributes:
        path: the file they were read from.
        class_names: the K classes, sorted.
        label: file name -> index of its class, 0 to K - 1.
        quaternion: file name -> float32 [4], w, x, y, z, of length 1; empty without rotations.
    """

    path: Path
    class_names: list[str]
    label: dict[str, int]
    quaternion: dict[str, np.ndarray]

    def of(self, items: list[Any]) -> dict[str, np.ndarray]:
        """`label` int32 [N] and, if told, `quaternion` float32 [N, 4] of N image files.

        Raises:
            RefinezooError: an image without a line, or images that are no files.
        """
        names = [item.name if isinstance(item, Path) else "" for item in items]
        missing = [name for name in names if name not in self.label]
        if missing:
            raise RefinezooError(
                f"{self.path}: expected a line for each of {len(names)} images, {len(missing)} "
                f"have none, e.g. {missing[0] or 'an array, which has no file name'}."
            )
        found = {"label": np.array([self.label[name] for name in names], np.int32)}
        if self.quaternion:
            found["quaternion"] = np.stack([self.quaternion[name] for name in names])
        return found


def read_labels(path: str | os.PathLike) -> Labels:
    """Reads a CSV file with the header `file,class` or `file,class,qw,qx,qy,qz`.

    Args:
        path: the file; `file` is the image's name without folders. A quaternion is the object's
            rotation (w, x, y, z), of length 1 within 1 %.

    Raises:
        RefinezooError: names the line and what is wrong with it.
    """
    path = Path(path)
    try:
        text = small_file(path, _MOST_BYTES).decode("utf-8-sig")
        reader = csv.DictReader(io.StringIO(text, newline=""))
        header, rows = list(reader.fieldnames or []), list(reader)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise RefinezooError(f"{path}: expected a CSV file of labels: {error}.") from None
    turns = any(name in header for name in QUATERNION)
    wanted = ["file", "class", *(QUATERNION if turns else ())]
    if not set(wanted) <= set(header) or not rows:
        raise RefinezooError(
            f"{path}: expected the header file,class or file,class,{','.join(QUATERNION)} and a "
            f"line for each image, received {','.join(header) or 'nothing'} and {len(rows)} "
            "lines."
        )
    classes: dict[str, str] = {}
    quaternion: dict[str, np.ndarray] = {}
    for number, row in enumerate(rows, start=2):
        name, what = (str(row[key] or "").strip() for key in ("file", "class"))
        if not name or not what or name in classes:
            raise RefinezooError(
                f"{path}, line {number}: expected a file of its own and its class, received "
                f"{name or 'no file'!r} and {what or 'no class'!r}."
            )
        classes[name] = what
        if turns:
            quaternion[name] = _unit(row, f"{path}, line {number}")
    names = sorted(set(classes.values()))
    return Labels(
        path, names, {file: names.index(what) for file, what in classes.items()}, quaternion
    )


def _unit(row: dict[str, str], where: str) -> np.ndarray:
    try:
        values = np.array([float(row[key]) for key in QUATERNION], np.float32)
    except (TypeError, ValueError):
        values = np.full(4, np.nan, np.float32)
    length = float(np.linalg.norm(values))
    if not abs(length - 1) < 0.01:
        raise RefinezooError(
            f"{where}: expected a quaternion qw,qx,qy,qz of length 1, received "
            f"{','.join(str(row[key]) for key in QUATERNION)}. Normalise it."
        )
    return values / length
