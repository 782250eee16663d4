"""Pictures, masks and depth as tools write them: one meaning for every reader."""

import io
import os
import struct

import cv2
import numpy as np
import pytest
from PIL import Image
from small_sets import H, W, ids, photo, put

from refinezoo.data import CocoDataset, list_images, read_class_ids, read_depth, read_image
from refinezoo.data.decode import decode, read_header
from refinezoo.data.formats import picture_sizes, voc, yolo
from refinezoo.data.images import encode_image, read_picture
from refinezoo.data.labels import read_labels
from refinezoo.data.mask_files import read_foreground_mask
from refinezoo.data.pictures import Pictures
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
    trained = Pictures(str(tmp_path), None, 1 << 20, 1 << 30, False, "synthetic")[0]
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
    import struct
    import zlib

    def chunk(kind, data):
        body = kind + data
        file.write(struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body)))

    file.write(b"\x89PNG\r\n\x1a\n")
    chunk(b"IHDR", struct.pack(">IIBBBBB", W, H, 4, 0, 0, 0, 0))
    packed = (values[:, ::2] << 4 | values[:, 1::2]).astype(np.uint8)
    chunk(b"IDAT", zlib.compress(b"".join(b"\0" + row.tobytes() for row in packed)))
    chunk(b"IEND", b"")


METRES = np.linspace(1, 8, H * W, dtype=np.float32).reshape(H, W)


def _npz(path):
    np.savez(path, other=np.zeros(3), depth=METRES)


def _pfm(path):
    path.write_bytes(b"Pf\n%d %d\n-1.0\n" % (W, H) + METRES[::-1].astype("<f4").tobytes())


DEPTHS = {
    "a.png": lambda path: cv2.imwrite(str(path), (METRES * 1000).astype(np.uint16)),
    "a.PNG": lambda path: cv2.imwrite(str(path), (METRES * 1000).astype(np.uint16)),
    "a.tif": lambda path: cv2.imwrite(str(path), METRES),
    "a.TIFF": lambda path: cv2.imwrite(str(path), (METRES * 1000).astype(np.uint16)),
    "a.npy": lambda path: np.save(path, METRES[..., None].astype(np.float64)),
    "a.npz": _npz,
    "a.pfm": _pfm,
    "grey as colour.png": lambda path: cv2.imwrite(
        str(path), np.dstack([(METRES * 1000).astype(np.uint16)] * 3)
    ),
}


@pytest.mark.parametrize("name", DEPTHS)
def test_depth_of_every_kind(tmp_path, name):
    DEPTHS[name](tmp_path / name)
    depth = read_depth(tmp_path / name)
    assert depth.shape == (H, W, 1) and depth.dtype == np.float32
    np.testing.assert_allclose(depth[..., 0], METRES, atol=1.1e-3)


@pytest.mark.parametrize("kind", [np.uint16, np.int32])
def test_the_largest_number_of_a_depth_file_is_no_measurement(tmp_path, kind):
    values = (METRES * 1000).astype(kind)
    values[:3], values[3] = np.iinfo(kind).max, 0
    values[4] = np.iinfo(np.uint16).max - 1
    Image.fromarray(values).save(tmp_path / "a.tif")
    depth = read_depth(tmp_path / "a.tif")[..., 0]
    assert not depth[:4].any() and np.allclose(depth[4], 65.534)
    np.testing.assert_allclose(depth[5:], METRES[5:], atol=1.1e-3)


def test_depth_that_is_none(tmp_path):
    put(tmp_path / "carla.png", photo())
    deep = (METRES * 1000).astype(np.uint16)
    put(tmp_path / "map.png", np.dstack([deep, deep // 2, deep // 3]))
    for name in ("carla.png", "map.png"):
        with pytest.raises(RefinezooError, match="colours. A coloured depth picture"):
            read_depth(tmp_path / name)
    put(tmp_path / "eight.png", ids())
    with pytest.raises(RefinezooError, match="received 8 bits"):
        read_depth(tmp_path / "eight.png")
    (tmp_path / "a.npz").write_bytes(b"PK\3\4 junk")
    (tmp_path / "a.npy").write_bytes(b"\x93NUMPY\1\0 junk")
    (tmp_path / "a.pfm").write_bytes(b"Pf\n9 9\n-1\n")
    (tmp_path / "a.exr").write_bytes(b"\x76\x2f\x31\x01")
    np.save(tmp_path / "pickle.npy", np.array([{}, 1], object), allow_pickle=True)
    for name in ("a.npz", "a.npy", "a.pfm", "a.exr", "pickle.npy"):
        with pytest.raises(RefinezooError, match="expected (a )?depth"):
            read_depth(tmp_path / name)


def test_depth_files_are_found_by_any_suffix(tmp_path):
    put(tmp_path / "images/a.png", photo())
    (tmp_path / "depth").mkdir()
    _npz(tmp_path / "depth/a.npz")
    read = Pictures(str(tmp_path), None, 1 << 20, 1 << 30, False, "synthetic")[0]
    np.testing.assert_allclose(read["depth_m"], METRES)


def test_pictures_of_odd_kinds(tmp_path):
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


@pytest.mark.parametrize("values", [METRES / 8, (METRES * 9999).astype(np.int32)])
def test_pictures_without_a_range_are_refused(tmp_path, values):
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
        assert (read_picture(tmp_path / "a.png").alpha == alpha).all()
    put(tmp_path / "a.png", np.dstack([rgb, ids(255)]))
    assert (read_image(tmp_path / "a.png")[~MASK] == 128).all()


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


def turning(orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


@pytest.mark.parametrize("name", ["a.png", "a.tif"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_annotations_decide_how_a_turned_picture_is_read(tmp_path, orientation, name):
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
    trained = Pictures(str(tmp_path), None, 1 << 20, 1 << 30, False, "synthetic")[0]
    assert trained["image"].shape[1::-1] == (width, height)


def test_broken_files_end_in_words(tmp_path, rng):
    """Mutated files of each format: a picture, or a RefinezooError."""
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


def test_depth_in_openexr(tmp_path):
    exr = pytest.importorskip("OpenEXR", reason="an optional reader")
    for channels in ({"V": METRES}, {"Z": METRES}, {"RGB": np.dstack([METRES] * 3)}):
        with exr.File({"type": exr.scanlineimage}, channels) as file:
            file.write(str(tmp_path / "a.exr"))
        np.testing.assert_allclose(read_depth(tmp_path / "a.exr")[..., 0], METRES)


@pytest.mark.parametrize("source", ["", "annotations.json", "images/*.png", "images/a.png"])
def test_pictures_come_with_the_sizes_that_their_labels_give(tmp_path, source):
    from small_sets import coco, put_coco

    (tmp_path / "images").mkdir()
    Image.fromarray(photo()).save(tmp_path / "images/a.png", exif=turning(6))
    put_coco(tmp_path / "annotations.json", coco(["a.png"]))
    ((path, size),) = picture_sizes(tmp_path / source).items()
    known = (W, H) if source in ("", "annotations.json") else None
    assert path == tmp_path / "images/a.png" and size == known
    assert read_image(path, size).shape[:2] == ((H, W) if known else (W, H))
