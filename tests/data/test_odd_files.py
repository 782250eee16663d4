"""Images as tools write them; files that are none, broken, or too large."""

import os

import cv2
import numpy as np
import pytest
from PIL import Image
from small_sets import H, W, ids, photo, put

from refinezoo.data import list_images, read_class_ids, read_depth, read_image
from refinezoo.data.decode import read_header
from refinezoo.data.formats import voc, yolo
from refinezoo.data.images import encode_image, read_image_file
from refinezoo.data.labels import read_labels
from refinezoo.errors import RefinezooError


def test_images_of_odd_kinds(tmp_path):
    rgb = photo()
    image = Image.fromarray(rgb)
    other = Image.fromarray(photo(1, 9, 9))
    image.save(tmp_path / "drone.JPG", format="MPO", save_all=True, append_images=[other])
    image.save(tmp_path / "a.jfif", format="JPEG", quality=95)
    image.save(tmp_path / "b.tga")
    image.save(tmp_path / "without_suffix", format="PNG")
    cv2.imwrite(str(tmp_path / "deep.png"), rgb[..., ::-1].astype(np.uint16) * 257)
    for name in ("b.tga", "without_suffix", "deep.png"):
        np.testing.assert_array_equal(read_image(tmp_path / name), rgb)
    for name in ("drone.JPG", "a.jfif"):
        assert read_image(tmp_path / name).shape == rgb.shape
    assert [path.name for path in list_images(tmp_path)] == [
        "a.jfif",
        "b.tga",
        "deep.png",
        "drone.JPG",
    ]


@pytest.mark.parametrize("suffix", [".tga", ".jfif", ".ppm", ".png", ".tif", ".bmp", ".webp"])
def test_what_is_read_is_written_back(tmp_path, suffix):
    rgb = cv2.resize(photo()[:2, :3], (W, H))
    (tmp_path / f"a{suffix}").write_bytes(encode_image(rgb, suffix))
    back = read_image(tmp_path / f"a{suffix}")
    limit = 30 if suffix in (".jfif", ".webp") else 0
    assert np.abs(back.astype(int) - rgb).max() <= limit
    with pytest.raises(RefinezooError, match="received '.gif'"):
        encode_image(rgb, ".gif")


RAMP = np.linspace(0.1, 1, H * W, dtype=np.float32).reshape(H, W)


@pytest.mark.parametrize("values", [RAMP, (9999 * RAMP).astype(np.int32)])
def test_images_without_a_range_are_refused(tmp_path, values):
    Image.fromarray(values).save(tmp_path / "a.tif")
    with pytest.raises(RefinezooError, match="8 or 16 bits per channel"):
        read_image(tmp_path / "a.tif")


def test_animations_are_refused(tmp_path):
    frames = [Image.fromarray(photo(k)) for k in range(2)]
    for name in ("a.webp", "a.png", "a.tif"):
        frames[0].save(tmp_path / name, save_all=True, append_images=frames[1:])
        with pytest.raises(RefinezooError, match="animation or several pages"):
            read_image(tmp_path / name)


def test_alpha_that_is_the_same_everywhere_is_left_out(tmp_path):
    rgb = photo()
    for alpha in (0, 7, 255):
        put(tmp_path / "a.png", np.dstack([rgb, np.full((H, W), alpha, np.uint8)]))
        np.testing.assert_array_equal(read_image(tmp_path / "a.png"), rgb)
        assert (read_image_file(tmp_path / "a.png").alpha == alpha).all()
    put(tmp_path / "a.png", np.dstack([rgb, ids(255)]))
    assert (read_image(tmp_path / "a.png")[ids() == 0] == 128).all()


def test_pixels_are_limited_before_they_are_decoded(tmp_path, monkeypatch):
    Image.new("1", (20000, 20000)).save(tmp_path / "bomb.png")
    assert (tmp_path / "bomb.png").stat().st_size < 100_000
    for read in (read_image, read_header, read_class_ids):
        with pytest.raises(RefinezooError, match="REFINEZOO_MAX_PIXELS=400000000"):
            read(tmp_path / "bomb.png")
    put(tmp_path / "a.png", photo())
    monkeypatch.setenv("REFINEZOO_MAX_PIXELS", "100")
    with pytest.raises(RefinezooError, match="at most 100 pixels"):
        read_image(tmp_path / "a.png")
    monkeypatch.setenv("REFINEZOO_MAX_PIXELS", "many")
    with pytest.raises(RefinezooError, match="a number of pixels"):
        read_image(tmp_path / "a.png")


@pytest.mark.parametrize("suffix", [".png", ".npy", ".npz", ".pfm"])
def test_files_without_an_end_are_not_read(tmp_path, suffix):
    """A pipe would wait for ever, a device and a sparse file would fill the memory."""
    path = tmp_path / f"a{suffix}"
    readers = [read_depth] + [read_image, read_header, read_class_ids] * (suffix == ".png")

    def sparse():
        path.touch()
        os.truncate(path, 1 << 40)

    for make in (lambda: os.mkfifo(path), lambda: path.symlink_to("/dev/zero"), sparse):
        make()
        for read in readers:
            with pytest.raises(RefinezooError, match="which is no file|MB|no decoder knows"):
                read(path)
        path.unlink()


def test_labels_are_of_a_size_that_labels_have(tmp_path):
    path = tmp_path / "a"
    path.touch()
    os.truncate(path, 1 << 40)
    for read in (read_labels, voc._parsed):
        with pytest.raises(RefinezooError, match="received 1,099,512 MB"):
            read(path)
    boxes, (problem,) = yolo._read(path)
    assert boxes == [] and "received 1,099,512 MB" in problem


def test_broken_files_end_in_words(tmp_path, rng):
    """Mutated files of each format: an image, or a RefinezooError."""
    for name in ("PNG", "JPEG", "BMP", "WEBP", "TIFF", "PPM", "TGA", "JPEG2000"):
        whole = bytearray(encode_image(photo(), name))
        for _ in range(40):
            broken = bytearray(whole[: int(rng.integers(4, len(whole) + 1))])
            for place in rng.integers(0, len(broken), int(rng.integers(0, 5))):
                broken[place] = int(rng.integers(256))
            path = tmp_path / "a.bin"
            path.write_bytes(broken)
            for read in (read_image, read_class_ids, read_depth):
                try:
                    read(path)
                except RefinezooError:
                    pass
