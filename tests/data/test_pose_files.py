import json

import numpy as np
import pytest

from refinezoo.data.pose_files import pose_class_names, read_pose_folder, write_pose_folder
from refinezoo.errors import RefinezooError

pytestmark = pytest.mark.once
NAMES = ["tin", "box"]


@pytest.fixture
def views(rng):
    quaternions = rng.normal(size=(3, 4)).astype("float32")
    mask = np.zeros((3, 16, 16, 1), "float32")
    mask[:, 4:12, 4:12] = 1
    return {
        "image": rng.integers(0, 255, (3, 16, 16, 3), "uint8"),
        "label": np.array([1, 0, 1]),
        "quaternion": quaternions / np.linalg.norm(quaternions, axis=1, keepdims=True),
        "foreground_mask": mask,
    }


def test_views_are_read_as_they_were_written(views, tmp_path):
    folder = write_pose_folder(tmp_path / "views", views, NAMES)
    assert pose_class_names(folder) == NAMES
    read = read_pose_folder(folder, NAMES, 16)
    assert read.keys() == views.keys()
    for key, values in views.items():
        np.testing.assert_array_equal(read[key], values)
    small = read_pose_folder(folder, ["box", "tin"], 8)
    assert small["image"].shape == (3, 8, 8, 3) and small["label"].tolist() == [0, 1, 0]
    assert small["foreground_mask"].sum() == 3 * 4 * 4


def test_mistakes_are_named(views, tmp_path):
    folder = write_pose_folder(tmp_path / "views", views, NAMES)
    with pytest.raises(RefinezooError, match="received 'box'. Did you mean 'boxes'"):
        read_pose_folder(folder, ["tin", "boxes"], 16)
    path = folder / "poses.json"
    found = json.loads(path.read_text())
    found["poses"]["00000.png"]["quaternion"] = [2, 0, 0, 0]
    path.write_text(json.dumps(found))
    with pytest.raises(RefinezooError, match="length 1, received 2 at most"):
        read_pose_folder(folder, NAMES, 16)
    found["poses"]["00000.png"] = {"class": "tin", "quat": [1, 0, 0, 0]}
    path.write_text(json.dumps(found))
    with pytest.raises(RefinezooError, match="quat: unknown key"):
        read_pose_folder(folder, NAMES, 16)
    path.unlink()
    with pytest.raises(RefinezooError, match="received no file there"):
        pose_class_names(folder)
