"""Views of objects on disk: `images/`, `foreground_masks/` where there are some, `poses.json`.

{"class_names": ["milk", ...],
 "poses": {"00000.png": {"class": "milk", "quaternion": [w, x, y, z]}, ...}}
"""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from refinezoo.config import Strict, read_json, validate
from refinezoo.data.image_size import side_of_square
from refinezoo.data.images import read_image, write_image
from refinezoo.errors import RefinezooError, did_you_mean
from refinezoo.files import write_json

POSES = "poses.json"
_MOST_BYTES = 1 << 28


class _Pose(Strict):
    class_: str
    quaternion: tuple[float, float, float, float]

    model_config = {"alias_generator": lambda name: name.rstrip("_"), "populate_by_name": False}


class _Poses(Strict):
    class_names: list[str]
    poses: dict[str, _Pose]


def pose_class_names(folder: str | os.PathLike) -> list[str]:
    """The classes of a folder of views, in the order of its `poses.json`."""
    return _read(Path(folder)).class_names


def read_pose_folder(
    folder: str | os.PathLike, class_names: Sequence[str], image_size: int
) -> dict[str, np.ndarray]:
    """Reads views with class and rotation into memory.

    Args:
        folder: holds `images/`, `poses.json` and, for methods that want them, a
            `foreground_masks/NAME.png` of every image.
        class_names: what the labels count in.
        image_size: side S to which images and masks are resized, pixels.

    Returns:
        `image` uint8 [N, S, S, 3], `label` int64 [N], `quaternion` float32 [N, 4] of length 1, and
        with masks `foreground_mask` float32 [N, S, S, 1], 1 = object; in the order of the names.

    Raises:
        RefinezooError: no such file, another class, or a rotation that is none.
    """
    folder, side = Path(folder), (side_of_square(image_size, "a pose model"),) * 2
    found = sorted(_read(folder).poses.items())
    labels, quaternions = [], []
    for name, pose in found:
        if pose.class_ not in class_names:
            raise RefinezooError(
                f"{folder / POSES}: expected the class of {name} among {list(class_names)[:5]}, "
                f"received {pose.class_!r}.{did_you_mean(pose.class_, class_names)}"
            )
        labels.append(list(class_names).index(pose.class_))
        quaternions.append(pose.quaternion)
    turned = np.asarray(quaternions, "float32").reshape(-1, 4)
    lengths = np.linalg.norm(turned, axis=1)
    if not found or np.abs(lengths - 1).max() > 1e-3:
        raise RefinezooError(
            f"{folder / POSES}: expected views with quaternions (w, x, y, z) of length 1, received "
            f"{f'{lengths.max():g} at most' if found else 'no view'}. Divide them by their length."
        )
    views = {
        "image": np.stack([_sized(read_image(folder / "images" / n), side) for n, _ in found]),
        "label": np.asarray(labels, "int64"),
        "quaternion": turned,
    }
    if (masks := folder / "foreground_masks").is_dir():
        read = [read_image(masks / f"{Path(n).stem}.png")[..., 0] > 127 for n, _ in found]
        views["foreground_mask"] = np.stack([_sized(m.astype("float32"), side) for m in read])
        views["foreground_mask"] = views["foreground_mask"][..., None]
    return views


def write_pose_folder(
    folder: str | os.PathLike, views: dict[str, Any], class_names: Sequence[str]
) -> Path:
    """Writes views as `read_pose_folder` reads them; `poses.json` comes last.

    Args:
        folder: made if need be; files of the same names are replaced.
        views: `image`, `label`, `quaternion` and, if need be, `foreground_mask`, as read.
        class_names: of the labels.
    """
    folder, poses = Path(folder), {}
    for row, image in enumerate(views["image"]):
        name = f"{row:05d}.png"
        write_image(_made(folder / "images") / name, image)
        if "foreground_mask" in views:
            mask = np.where(views["foreground_mask"][row, ..., 0] > 0.5, 255, 0).astype(np.uint8)
            write_image(_made(folder / "foreground_masks") / name, mask)
        turned = [float(value) for value in views["quaternion"][row]]
        poses[name] = {"class": class_names[views["label"][row]], "quaternion": turned}
    write_json(folder / POSES, {"class_names": list(class_names), "poses": poses})
    return folder


def _read(folder: Path) -> _Poses:
    path = folder / POSES
    return validate(_Poses, read_json(path, _MOST_BYTES), str(path))


def _sized(image: np.ndarray, side: tuple[int, int]) -> np.ndarray:
    same = image.shape[:2] == side
    return image if same else cv2.resize(image, side, interpolation=cv2.INTER_AREA)


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder
