"""Images of any shape in a square, and boxes back."""

import numpy as np
import pytest

from refinezoo.data.letterbox import letterbox, out_of_letterbox, placement, squared

SHAPES = [(100, 50), (33, 97), (64, 64), (1, 7), (500, 3), (416, 415)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("side", [32, 416])
def test_the_longer_side_fills_the_square_and_the_rest_is_grey(shape, side):
    high, wide, top, left = placement(*shape, side)
    assert max(high, wide) == side and min(high, wide) >= 1
    assert 0 <= side - high - 2 * top <= 1 and 0 <= side - wide - 2 * left <= 1
    square = letterbox(np.full((*shape, 3), 250, np.uint8), side)
    assert square.shape == (side, side, 3) and square.dtype == np.uint8
    assert (square[top : top + high, left : left + wide] == 250).all()
    assert (square == 128).all(-1).sum() == side * side - high * wide


def test_an_image_of_that_size_stays_as_it_is():
    image = np.random.default_rng(0).integers(0, 255, (32, 32, 3)).astype("uint8")
    np.testing.assert_array_equal(letterbox(image, 32), image)


@pytest.mark.parametrize("shape", SHAPES)
def test_boxes_come_back(shape):
    side = 64
    high, wide, top, left = placement(*shape, side)
    height, width = shape
    boxes = np.array([[0, 0, width, height], [width / 4, height / 2, width / 2, height]], "float32")
    scale = np.array([wide / width, high / height] * 2, "float32")
    inside = (boxes * scale + [left, top, left, top]).astype("float32") / side
    np.testing.assert_allclose(out_of_letterbox(inside, height, width, side), boxes, atol=1e-3)
    beyond = out_of_letterbox(np.array([[-1, -1, 2, 2]], "float32"), height, width, side)
    np.testing.assert_array_equal(beyond, [[0, 0, width, height]])


def test_squared_keeps_the_middle():
    np.testing.assert_allclose(squared(np.array([10.0, 0, 30, 60])), [-10, 0, 50, 60])
