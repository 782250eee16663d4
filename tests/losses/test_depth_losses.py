"""The losses of T2Net against brute-force NumPy."""

import numpy as np
import pytest
from compiled import compiled

from refinezoo.losses.depth import depth_task_loss, normalised_depth, smoothness_loss

depth_task_loss, smoothness_loss = map(compiled, (depth_task_loss, smoothness_loss))
MAX_DEPTH = 8.0


def maps(rng, size=16, count=2):
    """Four outputs, coarsest first."""
    return [
        rng.uniform(-1, 1, (count, size // k, size // k, 1)).astype("float32") for k in (8, 4, 2, 1)
    ]


def under(array, row, column, factor):
    """The pixels that bilinear scaling by an even factor looks at: the middle four."""
    if factor == 1:
        return array[row : row + 1, column : column + 1]
    y, x = (i * factor + factor // 2 - 1 for i in (row, column))
    return array[y : y + 2, x : x + 2]


def task_by_hand(outputs, depth):
    total = 0.0
    for output in outputs:
        factor, errors = depth.shape[1] // output.shape[1], []
        for image, row, column in np.ndindex(output.shape[:3]):
            values = under(depth[image, ..., 0], row, column, factor)
            values = values[np.isfinite(values) & (values > 0)]
            if values.size:
                wanted = np.mean(2 * np.minimum(values, MAX_DEPTH) / MAX_DEPTH - 1)
                errors.append(abs(output[image, row, column, 0] - wanted))
        total += np.mean(errors) if errors else 0.0
    return total


@pytest.mark.parametrize("holes", [0.0, 0.4])
def test_task_loss(rng, holes):
    depth = rng.uniform(0.5, 10, (2, 16, 16, 1)).astype("float32")
    depth[rng.uniform(size=depth.shape) < holes] = 0.0
    if holes:
        depth[0, :3, :3], depth[1, 3, 4] = np.nan, -1.0
    outputs = maps(rng)
    expected = task_by_hand(outputs, depth)
    assert float(depth_task_loss(outputs, depth, MAX_DEPTH)) == pytest.approx(expected, rel=1e-4)


def test_task_loss_of_holes_alone_is_zero(rng):
    depth = np.full((2, 16, 16, 1), np.nan, "float32")
    assert float(depth_task_loss(maps(rng), depth, MAX_DEPTH)) == 0.0
    target, known = normalised_depth(depth, MAX_DEPTH)
    assert np.all(np.asarray(target) == -1.0) and not np.any(np.asarray(known))


def test_what_lies_in_a_hole_has_no_say(rng):
    depth = rng.uniform(1, 7, (2, 16, 16, 1)).astype("float32")
    depth[:, 4:12, 4:12] = 0.0
    outputs = maps(rng)
    before = float(depth_task_loss(outputs[-1:], depth, MAX_DEPTH))
    outputs[-1][:, 4:12, 4:12] = 0.9
    assert float(depth_task_loss(outputs[-1:], depth, MAX_DEPTH)) == before


def smoothness_by_hand(outputs, images, coarse_first):
    total = 0.0
    for i, output in enumerate(outputs if coarse_first else outputs[::-1]):
        size = output.shape[1]
        factor = images.shape[1] // size
        small = np.zeros((len(images), size, size, 3))
        for image, row, column, channel in np.ndindex(small.shape):
            pixels = under(images[image, ..., channel], row, column, factor)
            small[image, row, column, channel] = pixels.mean()
        across, down = [], []
        for image, row, column in np.ndindex(output.shape[:3]):
            for terms, other in ((across, (row, column + 1)), (down, (row + 1, column))):
                if max(other) < size:
                    step = abs(output[image, row, column, 0] - output[(image, *other)][0])
                    edge = np.abs(small[image, row, column] - small[(image, *other)]).mean()
                    terms.append(step * np.exp(-edge))
        total += 2.0**-i * (np.mean(across) + np.mean(down))
    return total


@pytest.mark.parametrize(
    "order", ["coarse_first", pytest.param("fine_first", marks=pytest.mark.once)]
)
def test_smoothness_loss(rng, order):
    outputs = maps(rng)
    images = rng.uniform(-1, 1, (2, 16, 16, 3)).astype("float32")
    expected = smoothness_by_hand(outputs, images, order == "coarse_first")
    assert float(smoothness_loss(outputs, images, order)) == pytest.approx(expected, rel=1e-4)


def test_depth_may_jump_where_the_image_does():
    depth = np.zeros((1, 8, 8, 1), "float32")
    depth[:, :, 4:] = 1.0
    grey = np.zeros((1, 8, 8, 3), "float32")
    edge = np.where(depth > 0, 1.0, -1.0) * np.ones(3, "float32")
    flat, jump = (float(smoothness_loss([depth], x)) for x in (grey, edge.astype("float32")))
    assert jump == pytest.approx(flat * np.exp(-2.0), rel=1e-5)
    with pytest.raises(ValueError, match="'coarse_first' or 'fine_first'"):
        smoothness_loss([depth], grey, "finest")
