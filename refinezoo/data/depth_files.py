"""Depth files as renderers and cameras write them: float32 metres, 0 = missing."""

import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from refinezoo.data.decode import IMAGE_SUFFIXES, decode, file_bytes, pixel_limit, read_header
from refinezoo.errors import RefinezooError

DEPTH_SUFFIXES = (".png", ".npy", ".npz", ".exr", ".tiff", ".tif", ".pfm")


def read_depth(path: str | os.PathLike, unit_m: float = 0.001) -> np.ndarray:
    """Reads a depth map: whole numbers (PNG, TIFF of 16 bits) in steps of `unit_m`, or metres.

    Args:
        path: `.png` or `.tiff` of whole numbers; `.npy`, `.npz`, `.exr`, `.pfm` or a float `.tiff`
            in metres. `.exr` needs `pip install 'refinezoo[exr]'`.
        unit_m: metres per step of an integer file; 0.001 for millimetres, 0.01 for Virtual KITTI.

    Returns:
        float32 [H, W, 1], metres, 0 = missing. NaN and infinite values become 0, and so does the
        largest whole number of the file (65535 of 16 bits): sky, no measurement, or too far.

    Raises:
        RefinezooError: the file is unreadable, no depth map, colour-coded, or has 8 bits.
    """
    path = Path(path)
    read = {".npy": _npy, ".npz": _npz, ".exr": _exr, ".pfm": _pfm}.get(path.suffix.lower())
    depth = np.asarray(read(path) if read else decode(path).values)
    if depth.ndim == 3 and depth.shape[2] in (3, 4) and depth.dtype == np.uint16:
        if (depth[..., :3] == depth[..., :1]).all():
            depth = depth[..., 0]  # grey, saved as RGB
    if depth.ndim == 3 and depth.shape[2] > 1 and depth.dtype.kind in "uib":
        raise RefinezooError(
            f"{path}: expected a depth map [H, W], received {list(depth.shape)} {depth.dtype}, "
            "colours. A coloured depth image cannot be turned back into metres; export the depth "
            "buffer as 16-bit grey PNG or float .npy."
        )
    if depth.dtype in (np.uint8, np.int8, bool):
        raise RefinezooError(
            f"{path}: expected depth of 16 bits or more, received 8 bits, whose steps are too "
            "coarse to be depth in metres. Export the depth buffer as 16-bit PNG or float .npy."
        )
    if depth.ndim == 2:
        depth = depth[..., None]
    if depth.ndim != 3 or depth.shape[2] != 1 or not depth.size or depth.dtype.kind not in "iuf":
        raise RefinezooError(
            f"{path}: expected a depth map [H, W], received {list(depth.shape)} {depth.dtype}. "
            "Save one number a pixel."
        )
    if depth.dtype.kind in "if" and (depth < 0).any() and not (depth > 0).any():
        raise RefinezooError(
            f"{path}: expected depth above 0, received negative numbers only (z of a camera that "
            "looks along -z). Save their opposite."
        )
    scale = 1.0
    if depth.dtype.kind in "iu":
        scale = unit_m
        depth = np.where(depth == np.iinfo(depth.dtype).max, 0, depth)
    metres = depth.astype(np.float32) * np.float32(scale)
    return np.where(np.isfinite(metres) & (metres > 0), metres, np.float32(0))


def map_size(path: Path) -> tuple[int, int] | None:
    """Width and height of a depth map or mask, undecoded; None where only its content says."""
    suffix = path.suffix.lower()
    try:
        if suffix == ".npy":
            height, width = np.load(path, mmap_mode="r", allow_pickle=False).shape[:2]
            return width, height
        return read_header(path).upright if suffix in IMAGE_SUFFIXES else None
    except (RefinezooError, OSError, ValueError):  # said where it is read
        return None


def _npy(path: Path) -> np.ndarray:
    return _loaded(path, lambda array: array)


def _npz(path: Path) -> np.ndarray:
    return _loaded(path, lambda arrays: _named_depth(path, arrays))


def _named_depth(path: Path, arrays: Any) -> np.ndarray:
    names = arrays.files
    found = (name for name in names if name.lower().startswith("depth"))
    name = "depth" if "depth" in names else next(found, None)
    if name is None and len(names) != 1:
        raise RefinezooError(
            f"{path}: expected an array called depth, received {', '.join(names[:5])}. Save the "
            "depth under that name."
        )
    name = name or names[0]
    if arrays.zip.getinfo(f"{name}.npy").file_size > 8 * pixel_limit():
        raise RefinezooError(f"{path}: expected a depth map, received a larger array.")
    return arrays[name]


def _loaded(path: Path, read: Callable[[Any], np.ndarray]) -> np.ndarray:
    try:
        return read(np.load(io.BytesIO(file_bytes(path)), allow_pickle=False))
    except RefinezooError:
        raise
    except Exception as error:  # a broken header raises whatever NumPy and zipfile meet in it
        raise RefinezooError(f"{path}: expected a depth map, but {error}.") from None


def _exr(path: Path) -> np.ndarray:
    if not path.is_file():
        raise RefinezooError(f"expected a depth map, received {path}: no such file.")
    try:
        import OpenEXR
    except ImportError:
        raise RefinezooError(
            f"{path}: expected depth, received OpenEXR, which needs "
            "`pip install 'refinezoo[exr]'`. Or export .npy in metres or 16-bit PNG in millimetres."
        ) from None
    try:
        with OpenEXR.File(str(path), separate_channels=True) as file:
            channels = {name: channel.pixels for name, channel in file.channels().items()}
    except Exception as error:  # OpenEXR raises its own classes
        raise RefinezooError(f"{path}: expected a depth map, but {error}.") from None
    names = [name for name in channels if name.rsplit(".", 1)[-1].upper() in ("Z", "V", "Y", "R")]
    names.sort(key=lambda name: "ZVYR".index(name.rsplit(".", 1)[-1].upper()))
    if not names:
        raise RefinezooError(
            f"{path}: expected a channel Z, V, Y or R, received {', '.join(channels)}."
        )
    return channels[names[0]]


def _pfm(path: Path) -> np.ndarray:
    """Portable float map: a header of three words, rows from the bottom."""
    try:
        data = file_bytes(path)
        kind, sizes, scale, body = data.split(b"\n", 3)
        width, height = (int(side) for side in sizes.split())
        order = "<" if float(scale) < 0 else ">"
        if kind.strip() != b"Pf" or len(body) < 4 * width * height or min(width, height) < 1:
            raise ValueError("it is no grey PFM of that size")
        values = np.frombuffer(body[: 4 * width * height], order + "f4")
    except (OSError, ValueError) as error:
        raise RefinezooError(f"{path}: expected a depth map, but {error}.") from None
    return values.reshape(height, width)[::-1].astype(np.float32)
