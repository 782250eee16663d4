"""Depth as tools write it: metres for every reader."""

import cv2
import numpy as np
import pytest
from PIL import Image
from small_sets import H, W, ids, photo, put

from refinezoo.data import read_depth
from refinezoo.data.domain_images import DomainImages
from refinezoo.errors import RefinezooError

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
        with pytest.raises(RefinezooError, match="colours. A coloured depth image"):
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
    read = DomainImages(str(tmp_path), None, 1 << 20, 1 << 30, False, "synthetic")[0]
    np.testing.assert_allclose(read["depth_m"], METRES)


def test_depth_in_openexr(tmp_path):
    exr = pytest.importorskip("OpenEXR", reason="an optional reader")
    for channels in ({"V": METRES}, {"Z": METRES}, {"RGB": np.dstack([METRES] * 3)}):
        with exr.File({"type": exr.scanlineimage}, channels) as file:
            file.write(str(tmp_path / "a.exr"))
        np.testing.assert_allclose(read_depth(tmp_path / "a.exr")[..., 0], METRES)
