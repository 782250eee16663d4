"""What JPEG does to an image, as layers compute it, and the quality an image was saved at."""

import numpy as np
from keras import ops

OFF = 100.0  # the quality that stands for none at all
_BLOCK = 8
_SAMPLES, _SURE = 50, 0.5
_LEAST_STEP = 3.0  # below it, rounding to whole levels hides the steps
# ITU-T T.81, annex K.1 and K.2.
_LUMA = """16 11 10 16 24 40 51 61 12 12 14 19 26 58 60 55 14 13 16 24 40 57 69 56
14 17 22 29 51 87 80 62 18 22 37 56 68 109 103 77 24 35 55 64 81 104 113 92
49 64 78 87 103 121 120 101 72 92 95 98 112 100 103 99"""
_CHROMA = "17 18 24 47 18 21 26 66 24 26 56 99 47 66 99 99"
_TO_YCC = np.array(
    [[0.299, -0.168736, 0.5], [0.587, -0.331264, -0.418688], [0.114, 0.5, -0.081312]], "float32"
)


def _tables():
    luma = np.array(_LUMA.split(), "float32").reshape(8, 8)
    chroma = np.full((8, 8), 99, "float32")
    chroma[:4, :4] = np.array(_CHROMA.split(), "float32").reshape(4, 4)
    return luma, chroma


def _cosines():
    """The orthonormal DCT-II of 8 values, `[8 frequencies, 8 positions]`."""
    k, n = np.mgrid[:8, :8]
    rows = np.cos(np.pi * (n + 0.5) * k / 8) / 2
    rows[0] /= np.sqrt(2.0)
    return rows.astype("float32")


def steps_of(quality, table):
    """Quantisation steps of a table `[8, 8]` at qualities `[B]`, as libjpeg scales it."""
    quality = ops.clip(quality, 1.0, 100.0)
    scale = ops.where(quality < 50.0, 5000.0 / quality, 200.0 - 2.0 * quality)
    steps = ops.floor((table * scale[:, None, None] + 50.0) / 100.0)
    return ops.clip(steps, 1.0, 255.0)


def jpeg(images, quality):
    """Images as they come back from JPEG with halved colours (4:2:0).

    Args:
        images: float `[B, H, W, 3]` in [-1, 1].
        quality: `[B]`, 1 to 100; 100 leaves an image as it is.

    Returns:
        float `[B, H, W, 3]`, unclipped.
    """
    luma, chroma = _tables()
    _, height, width, _ = ops.shape(images)
    padded = _edges(images, 2 * _BLOCK)
    ycc = ops.matmul(padded * 127.5, ops.convert_to_tensor(_TO_YCC))
    y = _quantised(ycc[..., 0], steps_of(quality, luma))
    colours = []
    for channel in (1, 2):
        plane = ycc[..., channel]
        half = (plane[:, ::2] + plane[:, 1::2]) / 2.0
        half = (half[:, :, ::2] + half[:, :, 1::2]) / 2.0
        colours.append(_doubled(_quantised(half, steps_of(quality, chroma))))
    cb, cr = colours
    rgb = ops.stack([y + 1.402 * cr, y - 0.344136 * cb - 0.714136 * cr, y + 1.772 * cb], axis=-1)
    rgb = rgb[:, :height, :width] / 127.5
    return ops.where(quality[:, None, None, None] >= OFF, images, rgb)


def _edges(images, multiple):
    """Rows and columns repeated below and to the right, up to a multiple."""
    _, height, width, _ = ops.shape(images)
    for _ in range(multiple - 1):  # symmetric padding of 1 repeats the edge at any size
        images = ops.pad(images, [(0, 0), (0, 1), (0, 1), (0, 0)], mode="symmetric")
    rows, columns = (-(-side // multiple) * multiple for side in (height, width))
    return images[:, :rows, :columns]


def _quantised(plane, steps):
    """A plane `[B, H, W]` of levels, each block's frequencies rounded to steps `[B, 8, 8]`."""
    cosines = ops.convert_to_tensor(_cosines())
    _, height, width = ops.shape(plane)
    blocks = ops.reshape(plane, (-1, height // 8, 8, width // 8, 8))
    blocks = ops.transpose(blocks, (0, 1, 3, 2, 4))
    steps = steps[:, None, None]
    frequencies = ops.matmul(cosines, ops.matmul(blocks, ops.transpose(cosines)))
    frequencies = ops.round(frequencies / steps) * steps
    blocks = ops.matmul(ops.transpose(cosines), ops.matmul(frequencies, cosines))
    return ops.reshape(ops.transpose(blocks, (0, 1, 3, 2, 4)), (-1, height, width))


def _doubled(plane):
    """A plane `[B, H, W]` at twice its size by libjpeg's triangle filter."""
    for axis in (1, 2):
        pads = [(0, 0)] * 3
        pads[axis] = (1, 1)
        wide = ops.pad(plane, pads, mode="symmetric")
        size = ops.shape(plane)[axis]
        before, after = (
            wide[:, start : start + size] if axis == 1 else wide[:, :, start : start + size]
            for start in (0, 2)
        )
        pairs = ops.stack([0.75 * plane + 0.25 * near for near in (before, after)], axis=axis + 1)
        shape = [-1, *ops.shape(plane)[1:]]
        shape[axis] = 2 * size
        plane = ops.reshape(pairs, shape)
    return plane


def jpeg_quality(image):
    """The quality that a uint8 photo `[H, W, 3]` was last saved at as JPEG; 100 if none shows.

    The frequencies of its 8 x 8 blocks lie on multiples of the steps of a quality's table (Fan &
    de Queiroz 2003, Identification of bitmap compression history). A photo that was cropped off
    the blocks or resized since shows none, nor does one of a quality above about 92.
    """
    rows, columns = image.shape[0] // 8, image.shape[1] // 8
    if rows * columns < 16:
        return OFF
    y = image[: rows * 8, : columns * 8].astype("float32") @ _TO_YCC[:, 0] - 128.0
    blocks = y.reshape(rows, 8, columns, 8).transpose(0, 2, 1, 3).reshape(-1, 8, 8)
    cosines = _cosines()
    frequencies = cosines @ blocks @ cosines.T
    low = np.add.outer(np.arange(8), np.arange(8))
    low = (low > 0) & (low <= 3)
    values, table = frequencies[:, low], _tables()[0][low]
    found = {}
    for quality in range(10, 96):
        scale = 5000.0 / quality if quality < 50 else 200.0 - 2.0 * quality
        steps = np.clip(np.floor((table * scale + 50.0) / 100.0), 1.0, 255.0)
        used = (np.abs(values) > 0.4 * steps) & (steps >= _LEAST_STEP)
        if used.sum() >= _SAMPLES:
            on_steps = np.cos(2.0 * np.pi * values / steps)[used].mean()
            if on_steps > _SURE:
                found[quality] = float(on_steps)
        if found and quality >= min(found) + 4:  # tables of neighbours are alike: the best of them
            break
    return float(max(found, key=lambda quality: found[quality])) if found else OFF
