"""Exact max pooling of regions of interest, from gathers and maxima alone."""

import keras
import numpy as np
from keras import ops

# A little more: half a cell rounds up, and fractions of the image are never quite exact.
_HALF = 0.5001


@keras.saving.register_keras_serializable("refinezoo")
class RoIMaxPooling(keras.layers.Layer):
    """The largest feature in each of `bins` x `bins` parts of every region, as Fast R-CNN's.

    A region covers the cells from `round(x1 W)` to `round(x2 W - 1 / stride)`, at least one; part
    i of its w cells covers those from `floor(i w / bins)` to `ceil((i + 1) w / bins) - 1`. Parts
    beyond the map give 0.

    How: a table holds the maximum of each window whose sides are powers of two. Any part is the
    union of four such windows, one in each of its corners, which may overlap. So a part costs
    four rows to gather whatever its size, and the result is exact, gradient included.

    Args:
        bins: parts along each side, 6 in PVANET.
        stride: pixels a cell stands for, 16; it says where the last pixel of a box lies.

    Reference:
        Girshick, Fast R-CNN, arXiv 1504.08083, section 2.1, and its Caffe layer.
    """

    def __init__(self, bins: int = 6, stride: int = 16, **kwargs) -> None:
        # Casting boxes to half precision would move them by pixels.
        super().__init__(autocast=False, **kwargs)
        self.bins, self.stride = bins, stride

    def call(self, features, boxes):
        """Features float [B, H, W, C], H and W static, and boxes float32 [B, R, 4].

        The boxes are xyxy as fractions of the image, clipped to it; no gradient reaches them.

        Returns:
            [B, R, bins * bins * C] of the features' dtype, part by part, row by row.
        """
        height, width, channels = features.shape[1:]
        regions = boxes.shape[1]
        boxes = ops.stop_gradient(boxes)
        tables, rows, columns = _window_maxima(features, self._longest(height, width))
        top, bottom = self._parts(boxes[..., 1], boxes[..., 3], height)
        left, right = self._parts(boxes[..., 0], boxes[..., 2], width)
        row_level, above, below = _two_windows(top, bottom, rows, height)
        column_level, before, behind = _two_windows(left, right, columns, width)

        # [B, R, bins, bins, 4]: indices of each part's four windows in the flat tables.
        table = row_level[..., :, None] * columns + column_level[..., None, :]
        corners = [
            (table * height + y[..., :, None]) * width + x[..., None, :]
            for y in (above, below)
            for x in (before, behind)
        ]
        indices = ops.stack(corners, axis=-1)
        size = rows * columns * height * width
        image = ops.arange(ops.shape(features)[0], dtype="int32") * size
        indices = ops.reshape(indices + image[:, None, None, None, None], (-1,))
        found = ops.take(ops.reshape(tables, (-1, channels)), indices, axis=0)
        found = ops.max(ops.reshape(found, (-1, 4, channels)), axis=1)
        empty = (bottom <= top)[..., :, None] | (right <= left)[..., None, :]
        found = ops.reshape(found, (-1, regions, self.bins**2, channels))
        full = ops.cast(ops.logical_not(empty), found.dtype)
        found = found * ops.reshape(full, (-1, regions, self.bins**2, 1))
        return ops.reshape(found, (-1, regions, self.bins**2 * channels))

    def compute_output_spec(self, features, boxes):
        # Any number of regions: what follows may be called with others than it was built with.
        length = self.bins**2 * features.shape[-1]
        return keras.KerasTensor((features.shape[0], None, length), dtype=features.dtype)

    def _longest(self, height: int, width: int) -> int:
        """Cells along the longest part of a region that covers the map."""
        return min(-(-(max(height, width) + 1) // self.bins) + 1, max(height, width))

    def _parts(self, low, high, cells: int):
        """First and beyond-last cell int32 [B, R, bins] of each part, within the map."""
        one_pixel = 1 / (self.stride * cells)
        first = ops.cast(ops.floor(low * cells + _HALF), "int32")
        last = ops.cast(ops.floor((high - one_pixel) * cells + _HALF), "int32")
        length = ops.maximum(last - first + 1, 1)[..., None]
        part = np.arange(self.bins, dtype="int32")
        start = first[..., None] + part * length // self.bins
        stop = first[..., None] + ((part + 1) * length + self.bins - 1) // self.bins
        return ops.clip(start, 0, cells), ops.clip(stop, 0, cells)

    def get_config(self):
        return {**super().get_config(), "bins": self.bins, "stride": self.stride}


def _window_maxima(features, longest: int):
    """Maxima over windows of 2^i rows and 2^j columns that begin at each cell.

    Returns:
        [B, rows * columns, H, W, C] and the numbers of heights and widths, each 1, 2, 4, ... up to
        `longest`. Windows that reach over the edge hold what lies within the map.
    """
    levels = int(np.log2(longest)) + 1
    heights = [features]
    for level in range(levels - 1):
        heights.append(_with_shifted(heights[-1], 2**level, 1))
    tables = []
    for table in heights:
        tables.append(table)
        for level in range(levels - 1):
            tables.append(_with_shifted(tables[-1], 2**level, 2))
    return ops.stack(tables, axis=1), levels, levels


def _with_shifted(x, step: int, axis: int):
    """Maximum of each cell and the one `step` cells on."""
    if axis == 1:
        return ops.concatenate([ops.maximum(x[:, :-step], x[:, step:]), x[:, -step:]], axis=1)
    return ops.concatenate([ops.maximum(x[:, :, :-step], x[:, :, step:]), x[:, :, -step:]], axis=2)


def _two_windows(start, stop, levels: int, cells: int):
    """Level and first cells of two windows of a power of two that together cover [start, stop)."""
    length = ops.maximum(stop - start, 1)
    level, window = ops.zeros_like(length), ops.ones_like(length)
    for power in range(1, levels):
        longer = ops.cast(length >= 2**power, "int32")
        level, window = level + longer, window * (longer + 1)
    first = ops.minimum(start, cells - 1)
    return level, first, ops.maximum(stop - window, first)
