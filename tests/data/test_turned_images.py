"""Images that EXIF turns: their labels say whether they are of the stored or the upright one."""

import struct

import numpy as np
import pytest
from PIL import Image
from small_sets import H, W, photo

from refinezoo.data import CocoDataset, read_image
from refinezoo.data.decode import decode, read_header
from refinezoo.data.domain_images import DomainImages
from refinezoo.data.formats import image_sizes
from refinezoo.errors import RefinezooError


def turning(orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


@pytest.mark.parametrize("name", ["a.png", "a.tif"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_annotations_decide_how_a_turned_image_is_read(tmp_path, orientation, name):
    stored = Image.fromarray(photo())
    for each in (name, "reference.png"):
        stored.save(tmp_path / each, exif=turning(orientation))
    from PIL import ImageOps

    upright = np.asarray(ImageOps.exif_transpose(Image.open(tmp_path / "reference.png")))
    np.testing.assert_array_equal(read_image(tmp_path / name), upright)
    size = upright.shape[1::-1]
    np.testing.assert_array_equal(read_image(tmp_path / name, size), upright)
    fits_stored = stored.size if size != stored.size else None
    if fits_stored:
        np.testing.assert_array_equal(read_image(tmp_path / name, fits_stored), stored)
    assert decode(tmp_path / name).turned == (orientation > 1)
    assert read_header(tmp_path / name).stored == stored.size


@pytest.mark.parametrize("orientation", range(1, 9))
def test_tiff_of_16_bits_is_turned_once(tmp_path, orientation):
    """OpenCV decodes it, and turns it as Pillow does."""
    values = photo().astype("<u2") * 257
    height, width = values.shape[:2]
    pixels = values.tobytes() + np.array([16, 16, 16], "<u2").tobytes()
    whole = (256, width), (257, height), (262, 2), (274, orientation), (277, 3), (278, height)
    entries = [(tag, 3, 1, value) for tag, value in (*whole, (259, 1), (284, 1))]
    entries += [(273, 4, 1, 8), (279, 4, 1, values.nbytes), (258, 3, 3, 8 + values.nbytes)]
    rows = b"".join(struct.pack("<HHII", *entry) for entry in sorted(entries))
    start = struct.pack("<2sHI", b"II", 42, 8 + len(pixels)) + pixels
    (tmp_path / "a.tif").write_bytes(start + struct.pack("<H", len(entries)) + rows + bytes(4))
    Image.fromarray(photo()).save(tmp_path / "a.png", exif=turning(orientation))
    np.testing.assert_array_equal(read_image(tmp_path / "a.tif"), read_image(tmp_path / "a.png"))


@pytest.mark.parametrize("says", ["stored", "upright", "another"])
def test_coco_sizes_are_compared_with_turned_files(tmp_path, says):
    from small_sets import coco, put_coco

    exif = Image.Exif()
    exif[0x0112] = 6
    (tmp_path / "images").mkdir()
    Image.fromarray(photo()).save(tmp_path / "images/a.png", exif=exif)
    width, height = {"stored": (W, H), "upright": (H, W), "another": (W, W)}[says]
    put_coco(tmp_path / "annotations.json", coco(["a.png"], width=width, height=height))
    if says == "another":
        with pytest.raises(RefinezooError, match=f"expected {W} x {W}"):
            CocoDataset.load(tmp_path)
        return
    assert CocoDataset.load(tmp_path).read(0).shape[1::-1] == (width, height)
    trained = DomainImages(str(tmp_path), None, 1 << 20, 1 << 30, False, "synthetic")[0]
    assert trained["image"].shape[1::-1] == (width, height)


@pytest.mark.parametrize("source", ["", "annotations.json", "images/*.png", "images/a.png"])
def test_images_come_with_the_sizes_that_their_labels_give(tmp_path, source):
    from small_sets import coco, put_coco

    (tmp_path / "images").mkdir()
    Image.fromarray(photo()).save(tmp_path / "images/a.png", exif=turning(6))
    put_coco(tmp_path / "annotations.json", coco(["a.png"]))
    ((path, size),) = image_sizes(tmp_path / source).items()
    known = (W, H) if source in ("", "annotations.json") else None
    assert path == tmp_path / "images/a.png" and size == known
    assert read_image(path, size).shape[:2] == ((H, W) if known else (W, H))
