import numpy as np
import pytest

from refinezoo.errors import RefinezooError
from refinezoo.report import contact_sheet

RED, BLUE = (np.full((32, 32, 3), colour, np.uint8) for colour in ((250, 0, 0), (0, 0, 250)))


def test_pairs_stand_side_by_side_before_left_of_after():
    sheet = contact_sheet([(RED, BLUE)] * 3, columns=2, size=32, gap=4)
    assert sheet.dtype == np.uint8 and sheet.shape == (26 + 2 * 40, 2 * (68 + 8) + 8, 3)
    assert (sheet[26 + 16, 8 + 16] == (250, 0, 0)).all()
    assert (sheet[26 + 16, 8 + 36 + 16] == (0, 0, 250)).all()
    assert (sheet[26 + 40 + 16, 8 + 16] == (250, 0, 0)).all()


def test_an_image_of_another_shape_is_shown_whole_and_centred():
    wide = np.full((20, 80, 3), 10, np.uint8)
    sheet = contact_sheet([(wide, RED)], size=40, gap=4)
    dark = (sheet == 10).all(-1)
    rows, columns = np.where(dark)
    assert columns.max() - columns.min() + 1 == 40
    assert rows.max() - rows.min() + 1 == 10


@pytest.mark.parametrize(
    ("pairs", "words"),
    [
        ([], "at least one pair"),
        ([(RED,)], "received 1 in group 0"),
        ([(RED, RED.astype(np.float32))], "uint8"),
        ([(RED, RED[..., 0])], "uint8"),
    ],
)
def test_what_is_no_pair_of_images_is_named(pairs, words):
    with pytest.raises(RefinezooError, match=words):
        contact_sheet(pairs)
