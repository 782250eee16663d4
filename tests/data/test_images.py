"""Every odd format is read as uint8 RGB or refused with words."""

import cv2
import numpy as np
import pytest

from refinezoo.data import list_images, read_image, write_image
from refinezoo.data.decode import decode
from refinezoo.data.images import read_rgba
from refinezoo.errors import RefinezooError


@pytest.fixture
def image():
    """uint8 [24, 36, 3]: red left half, blue right half."""
    image = np.zeros((24, 36, 3), np.uint8)
    image[:, :18, 0] = 220
    image[:, 18:, 2] = 220
    return image


def test_round_trip_keeps_rgb_order(tmp_path, image):
    assert (read_image(write_image(tmp_path / "a.png", image)) == image).all()
    jpeg = read_image(write_image(tmp_path / "a.jpg", image, quality=95)).astype(int)
    assert np.abs(jpeg[:, 4:14] - image[:, 4:14]).max() < 12


def test_grey_becomes_rgb(tmp_path):
    grey = np.arange(200, dtype=np.uint8).reshape(10, 20)
    image = read_image(write_image(tmp_path / "a.png", grey))
    assert image.shape == (10, 20, 3) and (image == grey[..., None]).all()


def test_transparency_is_laid_over_mid_grey(tmp_path, image):
    alpha = np.full((24, 36, 1), 255, np.uint8)
    alpha[:12] = 0
    path = write_image(tmp_path / "a.png", np.concatenate([image, alpha], 2))
    read = read_image(path)
    assert (read[:12] == 128).all() and (read[12:] == image[12:]).all()
    assert (read_rgba(path)[..., 3] == alpha[..., 0]).all()


def test_sixteen_bits(tmp_path):
    values = np.linspace(0, 65535, 200).astype(np.uint16).reshape(10, 20)
    cv2.imwrite(str(tmp_path / "a.png"), values)
    image = read_image(tmp_path / "a.png")
    assert image.dtype == np.uint8
    assert np.abs(image[..., 0].astype(float) - values / 257).max() <= 0.51
    cv2.imwrite(str(tmp_path / "b.png"), np.stack([values * 0, values, values // 2], 2))
    colour = read_image(tmp_path / "b.png")
    assert colour[9, 19].tolist() == [127, 255, 0] or colour[9, 19].tolist() == [128, 255, 0]


def test_float_tiff_is_refused(tmp_path):
    cv2.imwrite(str(tmp_path / "a.tiff"), np.random.default_rng(0).random((8, 8), np.float32))
    with pytest.raises(RefinezooError, match="8 or 16 bits"):
        read_image(tmp_path / "a.tiff")


def test_palette_cmyk_and_exif(tmp_path, image):
    pillow = pytest.importorskip("PIL.Image")
    source = pillow.fromarray(image)
    source.quantize(8).save(tmp_path / "palette.png")
    assert (read_image(tmp_path / "palette.png") == image).all()
    source.convert("CMYK").save(tmp_path / "cmyk.jpg", quality=95)
    cmyk = read_image(tmp_path / "cmyk.jpg").astype(int)
    assert cmyk.shape == (24, 36, 3) and np.abs(cmyk[:, 4:14] - image[:, 4:14]).max() < 40
    exif = pillow.Exif()
    exif[0x0112] = 6  # show rotated by 90 degrees clockwise
    source.save(tmp_path / "turned.jpg", exif=exif, quality=95)
    turned = read_image(tmp_path / "turned.jpg").astype(int)
    assert turned.shape == (36, 24, 3)
    assert np.abs(turned[4:14] - np.rot90(image, -1)[4:14]).max() < 12


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp"])
@pytest.mark.parametrize("kept", [0.05, 0.5, 0.95])
def test_truncated_files_are_refused(tmp_path, suffix, kept):
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)
    path = write_image(tmp_path / f"a{suffix}", noise)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * kept)])
    with pytest.raises(RefinezooError, match="truncated|do not decode"):
        read_image(path)


def stored(path):
    return decode(path).values


@pytest.mark.parametrize(("read", "channels"), [(read_rgba, (4,)), (stored, ())])
def test_truncated_cut_outs_and_masks_are_refused(tmp_path, read, channels):
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, *channels), np.uint8)
    path = write_image(tmp_path / "a.png", noise)
    assert (read(path) == noise).all()
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * 0.6)])
    with pytest.raises(RefinezooError, match="truncated"):
        read(path)


@pytest.mark.parametrize("suffix", [".jpg", ".png"])
def test_trailers_of_phones_are_no_truncation(tmp_path, image, suffix):
    path = write_image(tmp_path / f"a{suffix}", image)
    alone = read_image(path)
    path.write_bytes(path.read_bytes() + b"ftypmp42" * 4096)
    assert (read_image(path) == alone).all()


@pytest.mark.parametrize("progressive", [False, True])
def test_the_end_of_a_preview_is_not_the_end_of_the_photo(tmp_path, progressive):
    pillow = pytest.importorskip("PIL.Image")
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)
    path = tmp_path / "a.jpg"
    preview = b"Exif\0\0" + b"\xff\xd8\xff\xda preview \xff\xd9"
    pillow.fromarray(noise).save(path, exif=preview, quality=95, progressive=progressive)
    assert read_image(path).shape == (64, 64, 3)
    path.write_bytes(path.read_bytes()[:-800])
    with pytest.raises(RefinezooError, match="truncated"):
        read_image(path)


def test_files_that_are_no_images(tmp_path):
    (tmp_path / "empty.png").touch()
    (tmp_path / "text.jpg").write_text("hello")
    with pytest.raises(RefinezooError, match="zero bytes"):
        read_image(tmp_path / "empty.png")
    with pytest.raises(RefinezooError, match="do not decode"):
        read_image(tmp_path / "text.jpg")
    with pytest.raises(RefinezooError, match="No such file"):
        read_image(tmp_path / "missing.jpg")


def test_write_image_refuses_floats_and_leaves_nothing(tmp_path, image):
    with pytest.raises(RefinezooError, match="uint8"):
        write_image(tmp_path / "a.png", image / 255.0)
    with pytest.raises(RefinezooError, match="suffixes"):
        write_image(tmp_path / "a.xyz", image)
    assert not list(tmp_path.iterdir())


def test_list_images(tmp_path, image):
    with pytest.raises(RefinezooError, match="no such folder"):
        list_images(tmp_path / "none")
    with pytest.raises(RefinezooError, match="found no renders"):
        list_images(tmp_path)
    for name in ("b.png", "a.JPG", "c.txt", ".hidden.png"):
        (tmp_path / name).touch()
    assert [path.name for path in list_images(tmp_path)] == ["a.JPG", "b.png"]
