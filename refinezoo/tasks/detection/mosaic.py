"""Four training images side by side, seen through a window.

Reference:
    Bochkovskiy et al., YOLOv4, arXiv 2004.10934, section 3.4.
"""

from collections.abc import Sequence

import numpy as np

from refinezoo.tasks.detection.augmentation import kept, look_through

Tile = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]


def mosaic(tiles: Sequence[Tile], size: int, random: np.random.Generator) -> Tile:
    """A random square of a 2 x 2 arrangement, which always shows a corner of each image.

    Args:
        tiles: four of (image uint8 [S, S, 3], boxes xyxy float [N, 4] in pixels, labels int [N],
            crowd bool [N]); S = `size`.
        size: side of the tiles and of the result, pixels.
        random: places the square, between one and two tiles wide, around the common corner.

    Returns:
        The same four things of the square: boxes are cut at its edges; objects whose centre lies
        outside are left out.
    """
    top, bottom = np.hstack([tiles[0][0], tiles[1][0]]), np.hstack([tiles[2][0], tiles[3][0]])
    canvas = np.vstack([top, bottom])
    corners = np.array([[0, 0], [1, 0], [0, 1], [1, 1]], "float32") * size
    boxes = np.concatenate(
        [np.asarray(tile[1]) + np.tile(at, 2) for tile, at in zip(tiles, corners, strict=True)]
    )
    labels = np.concatenate([tile[2] for tile in tiles])
    crowd = np.concatenate([tile[3] for tile in tiles]).astype(bool)
    side = random.uniform(1, 2) * size
    low = np.maximum(0, 1.2 * size - side)
    corner = random.uniform(low, np.minimum(0.8 * size, 2 * size - side), 2)
    window = np.concatenate([corner, corner + side])
    keep = kept(boxes, crowd, window)
    image, boxes = look_through(canvas, boxes[keep], window, size)
    return image, boxes, labels[keep], crowd[keep]
