import cv2
import numpy as np
import pytest

from refinezoo.data.pose import load_pose_views, photographed, split_views
from refinezoo.errors import RefinezooError


@pytest.fixture
def archive(tmp_path, rng):
    """Ten views of two objects, 16 px: a textured square on black."""
    mask = np.zeros((10, 16, 16), bool)
    mask[:, 4:12, 4:12] = True
    path = tmp_path / "views.npz"
    np.savez(
        path,
        rgb=rng.integers(50, 200, (10, 16, 16, 3), "uint8") * mask[..., None],
        mask=mask,
        depth_mm=(mask * 700).astype("uint16"),
        label=np.repeat([0, 1], 5).astype("uint8"),
        names=np.array(["tin", "box"]),
        quat_wxyz=2 * rng.normal(size=(10, 4)).astype("float32"),
    )
    return path


@pytest.fixture
def photos(tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    cv2.imwrite(str(folder / "grey.png"), np.full((40, 60, 3), 128, "uint8"))
    return folder


@pytest.mark.parametrize("size", [16, 8])
def test_views_come_in_metres_with_unit_quaternions(archive, size):
    views, names = load_pose_views(archive, size)
    assert names == ["tin", "box"] and views["image"].shape == (10, size, size, 3)
    assert set(np.unique(views["depth_m"])) == {0.0, np.float32(0.7)}
    assert views["foreground_mask"].mean() == pytest.approx(0.25, abs=0.01)
    np.testing.assert_allclose(np.linalg.norm(views["quaternion"], axis=1), 1.0, atol=1e-6)


def test_split_takes_the_same_share_of_every_class(archive):
    views, _ = load_pose_views(archive)
    train, test = split_views(views["label"], 0.4, seed=0)
    assert sorted([*train, *test]) == list(range(10))
    np.testing.assert_array_equal(np.bincount(views["label"][test]), [2, 2])
    np.testing.assert_array_equal(split_views(views["label"], 0.4, seed=0)[1], test)


def test_objects_stand_in_photos_under_other_light(archive, photos):
    views, _ = load_pose_views(archive, 16)
    made = photographed(views, photos, copies=3, seed=1)
    assert made["image"].shape == (30, 16, 16, 3) and made["image"].dtype == np.uint8
    np.testing.assert_array_equal(made["label"], np.repeat(views["label"], 3))
    np.testing.assert_array_equal(made["quaternion"][3], views["quaternion"][1])
    far_from_object = made["image"][:, 0, 0].astype(float)
    assert np.abs(far_from_object.mean() - 128) < 3
    middle = made["image"][:, 6:10, 6:10].mean(axis=(1, 2, 3)).reshape(10, 3)
    assert middle.std(axis=1).mean() > 10  # each copy in another light
    again = photographed(views, photos, copies=3, seed=1)
    np.testing.assert_array_equal(again["image"], made["image"])


def test_other_files_are_named(tmp_path):
    with pytest.raises(RefinezooError, match="does not exist"):
        load_pose_views(tmp_path / "views.npz")
    np.savez(tmp_path / "views.npz", rgb=np.zeros(1))
    with pytest.raises(RefinezooError, match="received none of the name mask, depth_mm"):
        load_pose_views(tmp_path / "views.npz")
