"""Mask files as renderers and annotators write them: grey, palette, colours, transparency."""

import logging
import os
from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from refinezoo.data.decode import LOSSY, Decoded, decode
from refinezoo.data.mask_values import as_foreground_mask
from refinezoo.errors import RefinezooError

Colours = Mapping[tuple[int, int, int], int]
_CHROMA = 24  # levels between the channels of a grey image after lossy compression
_log = logging.getLogger(__name__)


def read_foreground_mask(
    path: str | os.PathLike, height: int, width: int, *, resize: bool = False
) -> np.ndarray:
    """Reads which pixels show an object.

    Where transparency varies it is the mask. Else of a palette file the index decides (0 is
    background, as PASCAL VOC has it; in a palette of greys the grey does), of a coloured file
    whether the colour is black, of a grey one what `as_foreground_mask` says of ids and coverage.

    Args:
        path: the file.
        height: of the image.
        width: of the image.
        resize: bring another size to the image's (nearest, logged) instead of refusing it.

    Returns:
        float32 [height, width, 1], 1 = object.

    Raises:
        RefinezooError: no image, another size without `resize`, or values that a lossy format
            has changed.
    """
    found = decode(path, size=(width, height))
    if found.header.format in LOSSY and found.values.ndim == 3:
        found = replace(found, values=_grey_of(found, str(path)))
    values = _mask_values(found, str(path))
    if found.header.format in LOSSY and values.dtype == np.uint8:
        if 0 < values.max() < 64:
            raise RefinezooError(
                f"{path}: expected a mask, received a lossy {found.header.format} of values up to "
                f"{values.max()}, which are not what was written. Export masks as PNG."
            )
        values = values > 127
    return as_foreground_mask(values, height, width, resize=resize, name=str(path))


def read_class_ids(path: str | os.PathLike, colours: Colours | None = None) -> np.ndarray:
    """Reads a mask whose values are class ids: a grey PNG, or a palette PNG as PASCAL VOC has.

    Args:
        path: the file.
        colours: of a coloured mask, the class id of each RGB colour.

    Returns:
        uint8 [H, W]; of a palette PNG the indices, not the colours.

    Raises:
        RefinezooError: the file does not decode, shows colours that no table explains, or holds
            ids above 255.
    """
    found = decode(path)
    if found.header.format in LOSSY:
        raise RefinezooError(
            f"{path}: expected a PNG of class ids, received a lossy format, which changes them. "
            "Export the masks as PNG."
        )
    values = found.values
    if found.header.format == "GIF" and found.palette is not None:  # writers sort its palette anew
        values, found = found.palette[values][..., :3], replace(found, palette=None)
    if colours is not None:
        rgb = found.palette[values] if found.palette is not None else values
        if rgb.ndim == 3 and rgb.shape[2] >= 3:
            return _ids_of(rgb[..., :3], colours, path)
    if values.dtype == bool:
        values = values.astype(np.uint8)
    if values.ndim == 3:
        values = _one_channel(values)
    ids = values // found.scale
    if ids.ndim != 2:
        raise RefinezooError(
            f"{path}: expected class ids [H, W], received colours {list(ids.shape)}, e.g. "
            f"{_some_colours(ids)}. Give the table, colours={{(R, G, B): id, ...}}, or save the "
            "index of each pixel's class as a grey or palette PNG."
        )
    if ids.dtype.kind == "f" or ids.max(initial=0) > 255 or ids.min(initial=0) < 0:
        raise RefinezooError(
            f"{path}: expected class ids 0 to 255, received {ids.min()} to {ids.max()} "
            f"({ids.dtype}). Instance masks (Cityscapes, KITTI) hold class and number: keep the "
            "class."
        )
    return ids.astype(np.uint8)


def _mask_values(found: Decoded, name: str) -> np.ndarray:
    """[H, W] for `as_foreground_mask`: bool where it is decided, else grey values."""
    values = found.values
    if found.palette is not None:
        colours = found.palette[values]
        used = found.palette[np.unique(values)]
        if used[:, 3].min() < used[:, 3].max():
            return colours[..., 3] > 127
        alike = len(used) > 1 and np.ptp(used[:, :3], axis=0).max() == 0  # a palette left empty
        grey = (used[:, :1] == used[:, 1:3]).all() and not alike
        return colours[..., 0] if grey else values > 0
    if values.ndim == 2:
        return values // found.scale if found.scale > 1 else values
    alpha = values[..., -1] if values.shape[2] in (2, 4) else None
    if alpha is not None and alpha.min() < alpha.max():
        return alpha > np.iinfo(values.dtype).max // 2
    grey = _one_channel(values)
    if grey.ndim == 2:
        return grey
    coloured = values[..., :3].max(axis=2) > 0
    if coloured.all():
        _log.warning(
            "%s: no pixel of this coloured mask is black, so that all is taken for object. Save "
            "the background in black.",
            name,
        )
    return coloured


def _grey_of(found: Decoded, name: str) -> np.ndarray:
    """The grey of a lossy mask; its colours bleed, so that a mask of colours cannot be read.

    WebP may be lossless, with few colours, and have transparency; both stay.
    """
    values = found.values
    if values.shape[2] == 2 or (values.shape[2] == 4 and np.ptp(values[..., 3])):
        return values
    colours = np.unique(values[..., :3].reshape(-1, 3), axis=0)
    if found.header.format == "WEBP" and len(colours) <= 256:
        return values
    rgb = values[..., :3].astype(np.int16)
    if np.ptp(rgb, axis=-1).max() > _CHROMA:
        raise RefinezooError(
            f"{name}: expected a mask, received colours in a lossy {found.header.format}, whose "
            "edges are mixed. Export masks as PNG."
        )
    return rgb.mean(axis=-1).round().astype(np.uint8)


def _one_channel(values: np.ndarray) -> np.ndarray:
    """[H, W] of a grey mask that was saved with equal channels or constant alpha, else as it is."""
    colour = values[..., : 3 if values.shape[2] >= 3 else 1]
    alike = (colour == colour[..., :1]).all()
    opaque = values.shape[2] in (1, 3) or values[..., -1].min() == values[..., -1].max()
    return colour[..., 0] if alike and opaque else values


def _ids_of(rgb: np.ndarray, colours: Colours, path: str | os.PathLike) -> np.ndarray:
    packed = rgb.astype(np.uint32) @ np.array([1 << 16, 1 << 8, 1], np.uint32)
    ids = np.zeros(packed.shape, np.uint8)
    known = np.zeros(packed.shape, bool)
    for (r, g, b), number in colours.items():
        here = packed == (r << 16 | g << 8 | b)
        ids[here], known = number, known | here
    if not known.all():
        raise RefinezooError(
            f"{path}: expected the {len(colours)} colours of the table, received "
            f"{_some_colours(rgb[~known][None])} in {(~known).mean():.1%} of the pixels. Add them."
        )
    return ids


def _some_colours(values: np.ndarray) -> str:
    found = np.unique(values.reshape(-1, values.shape[-1]), axis=0)[:3].tolist()
    return ", ".join(str(tuple(colour)) for colour in found)
