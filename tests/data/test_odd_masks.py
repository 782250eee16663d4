"""Masks as tools write them: one meaning for every reader."""

import io
import struct

import cv2
import numpy as np
import pytest
from PIL import Image
from small_sets import H, W, ids, photo, put

from refinezoo.data import read_class_ids
from refinezoo.data.domain_images import DomainImages
from refinezoo.data.mask_files import read_foreground_mask
from refinezoo.errors import RefinezooError
from refinezoo.refinement import find_renders
from refinezoo.refinement.labels import read_foreground_mask as refine_reads

MASK = ids(1).astype(bool)
TWO = MASK.astype(np.uint8)
TWO[18:23, 2:8] = 2


def palette(colours):
    image = Image.new("P", (W, H))
    image.putdata(MASK.astype(int).ravel().tolist())
    image.putpalette(sum(colours, []))
    return image


def grey(values):
    return Image.fromarray(values.astype(np.uint8))


FOREGROUNDS = {
    "0 and 255": (grey(MASK * 255), MASK),
    "0 and 1": (grey(MASK), MASK),
    "1 bit": (grey(MASK * 255).convert("1"), MASK),
    "white": (grey(np.dstack([MASK * 255] * 3)), MASK),
    "red": (grey(np.dstack([MASK * 255, MASK * 0, MASK * 0])), MASK),
    "green": (grey(np.dstack([MASK * 0, MASK * 255, MASK * 0])), MASK),
    "blue": (grey(np.dstack([MASK * 0, MASK * 0, MASK * 9])), MASK),
    "palette of VOC": (palette([[0, 0, 0], [128, 0, 0]]), MASK),
    "palette, green object": (palette([[0, 0, 0], [0, 128, 0]]), MASK),
    "palette, white background": (palette([[255, 255, 255], [200, 0, 0]]), MASK),
    "palette left black": (palette([[0, 0, 0], [0, 0, 0]]), MASK),
    "palette of greys, swapped": (palette([[255, 255, 255], [0, 0, 0]]), ~MASK),
    "alpha": (grey(np.dstack([MASK * 0 + 255] * 3 + [MASK * 255])), MASK),
    "colour under constant alpha": (
        grey(np.dstack([MASK * 90, MASK * 0, MASK * 0, MASK * 0 + 255])),
        MASK,
    ),
    "grey and constant alpha": (grey(np.dstack([MASK * 255, MASK * 0 + 255])), MASK),
    "16-bit ids": (Image.fromarray(MASK.astype(np.uint16) * 1000), MASK),
    "ids 1 and 2": (grey(TWO), TWO > 0),
    "id 1 beside 255": (grey(np.where(TWO == 2, 255, TWO)), TWO > 0),
    "id 100 beside 255": (grey(np.where(TWO == 2, 255, TWO * 100)), TWO > 0),
}


@pytest.mark.parametrize("kind", FOREGROUNDS)
def test_every_verb_reads_the_same_foreground(tmp_path, kind):
    image, expected = FOREGROUNDS[kind]
    put(tmp_path / "images/a.png", photo())
    (tmp_path / "foreground_masks").mkdir()
    image.save(tmp_path / "foreground_masks/a.png")
    trained = DomainImages(str(tmp_path), None, 1 << 20, 1 << 30, False, "synthetic")[0]
    refined = refine_reads(find_renders(tmp_path), "images/a.png", W, H)
    np.testing.assert_array_equal(trained["foreground_mask"] > 0, expected)
    np.testing.assert_array_equal(refined > 0, expected)


def test_soft_edges_are_cut_at_half(tmp_path):
    soft = cv2.GaussianBlur(ids(255), (0, 0), 1.5)
    put(tmp_path / "a.png", soft)
    read = read_foreground_mask(tmp_path / "a.png", H, W)[..., 0]
    np.testing.assert_array_equal(read > 0, soft > 127)


def test_lossy_masks(tmp_path):
    put(tmp_path / "a.jpg", ids(255))
    assert (read_foreground_mask(tmp_path / "a.jpg", H, W)[..., 0] != MASK).mean() < 0.02
    put(tmp_path / "b.jpg", ids(1))
    with pytest.raises(RefinezooError, match="lossy"):
        read_foreground_mask(tmp_path / "b.jpg", H, W)
    coloured = np.dstack([ids(200), ids(20), ids(60)])
    put(tmp_path / "c.jpg", coloured)
    with pytest.raises(RefinezooError, match="colours in a lossy"):
        read_foreground_mask(tmp_path / "c.jpg", H, W)
    put(tmp_path / "c.webp", coloured)  # lossless
    assert (read_foreground_mask(tmp_path / "c.webp", H, W)[..., 0] == MASK).all()
    put(tmp_path / "d.jpg", np.dstack([ids(255)] * 3))
    assert (read_foreground_mask(tmp_path / "d.jpg", H, W)[..., 0] != MASK).mean() < 0.02


def test_a_mask_without_background_is_said(tmp_path, caplog):
    put(tmp_path / "a.png", np.where(ids() > 0, 3, 255).astype(np.uint8))
    assert read_foreground_mask(tmp_path / "a.png", H, W).all()
    assert "no pixel of this mask is 0" in caplog.text


def test_a_coloured_mask_without_background_is_guessed_aloud(tmp_path, caplog):
    put(tmp_path / "a.png", np.dstack([ids(9) + 90, ids(50), ids(1)]))
    assert read_foreground_mask(tmp_path / "a.png", H, W).all()
    assert "no pixel of this coloured mask is black" in caplog.text


def test_class_ids(tmp_path):
    palette([[0, 0, 0], [128, 0, 0]]).save(tmp_path / "voc.png")
    np.testing.assert_array_equal(read_class_ids(tmp_path / "voc.png"), MASK)
    packed = Image.fromarray(MASK.astype(np.uint8) * 3 * 17)  # 4 bits: Pillow reads 3 as 51
    packed.save(tmp_path / "four.png", bits=4)
    four = io.BytesIO()
    four_bit(MASK * 3, four)
    (tmp_path / "four.png").write_bytes(four.getvalue())
    np.testing.assert_array_equal(read_class_ids(tmp_path / "four.png"), MASK * 3)
    put(tmp_path / "colour.png", np.dstack([ids(200), ids(20), ids(60)]))
    with pytest.raises(RefinezooError, match=r"received colours .*\(0, 0, 0\).*colours="):
        read_class_ids(tmp_path / "colour.png")
    table = {(0, 0, 0): 0, (200, 20, 60): 5}
    np.testing.assert_array_equal(read_class_ids(tmp_path / "colour.png", table), MASK * 5)
    with pytest.raises(RefinezooError, match=r"received \(200, 20, 60\)"):
        read_class_ids(tmp_path / "colour.png", {(0, 0, 0): 0})


def four_bit(values, file):
    """A grey PNG of four bits a pixel, which Pillow does not write."""
    import zlib

    def chunk(kind, data):
        body = kind + data
        file.write(struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body)))

    file.write(b"\x89PNG\r\n\x1a\n")
    chunk(b"IHDR", struct.pack(">IIBBBBB", W, H, 4, 0, 0, 0, 0))
    packed = (values[:, ::2] << 4 | values[:, 1::2]).astype(np.uint8)
    chunk(b"IDAT", zlib.compress(b"".join(b"\0" + row.tobytes() for row in packed)))
    chunk(b"IEND", b"")
