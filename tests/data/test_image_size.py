"""`image_size` is one side or (height, width), for every class and reader that has one."""

import numpy as np
import pytest

from refinezoo.data.digits import load_digits
from refinezoo.data.image_size import height_and_width, largest_window, side_of_square
from refinezoo.data.pose import load_pose_views
from refinezoo.errors import RefinezooError
from refinezoo.refiners import CycleGAN, PixelDA, SimGAN
from refinezoo.tasks.classification import Classifier
from refinezoo.tasks.detection import SSD300
from refinezoo.tasks.detection.anchors import find_anchors
from refinezoo.tasks.obstacle_range import ObstacleRange
from refinezoo.tasks.segmentation import DeepLabV2


def test_a_side_and_a_pair_say_the_same():
    assert height_and_width(64) == height_and_width([64, 64]) == (64, 64)
    assert height_and_width((np.int64(48), 64.0), multiple=16) == (48, 64)
    assert side_of_square((64, 64), "a model") == 64


@pytest.mark.parametrize("value", [0, -8, 2.5, "64", True, None, (), (64,), (1, 2, 3), (64, "96")])
def test_what_is_no_size_is_refused(value):
    with pytest.raises(RefinezooError, match="one side of squares or as .height, width."):
        height_and_width(value)


def test_multiples_and_squares_are_told():
    with pytest.raises(RefinezooError, match=r"multiple of 32 pixels.*Take \(96, 128\)"):
        height_and_width((90, 128), multiple=32)
    with pytest.raises(RefinezooError, match="a model sees squares alone.*48 x 64.*Take 64"):
        side_of_square((48, 64), "a model")


def test_the_largest_window_has_the_proportions_and_fits():
    assert largest_window(120, 200, (32, 32)) == (120, 120)
    assert largest_window(120, 200, (24, 64)) == (75, 200)
    assert largest_window(200, 90, (24, 64)) == (34, 90)
    assert largest_window(3, 500, (8, 4000)) == (1, 500)


def test_files_and_readers_of_squares_say_so(tmp_path):
    for read in (load_digits, load_pose_views, find_anchors):
        rest = {"split": "train"} if read is load_digits else {}
        with pytest.raises(RefinezooError, match="sees squares alone"):
            read(tmp_path, image_size=[28, 32], **rest)


def test_cameras_take_both():
    from refinezoo.scenes.street import ForestWorld, StreetScene

    for camera in (StreetScene(1).camera, ForestWorld(1).random_camera):
        assert camera(64) == camera((64, 64))


@pytest.mark.once
def test_models_of_any_shape_take_both():
    assert ObstacleRange(image_size=64, width_multiplier=0.1).image_size == (64, 64)
    model = DeepLabV2(["a", "b"], image_size=32, width_multiplier=0.02, depth_multiplier=0.1)
    assert model.image_size == (32, 32)


@pytest.mark.once
@pytest.mark.parametrize("cls", [Classifier, SSD300])
def test_models_of_squares_say_so(cls):
    with pytest.raises(RefinezooError, match=f"{cls.__name__} sees squares alone"):
        cls(["a", "b"], image_size=(64, 96))
    with pytest.raises(RefinezooError, match="T, the task model, sees squares alone"):
        PixelDA(image_size=(32, 48))


@pytest.mark.once
def test_refiners_train_on_oblong_images(rng):
    images = rng.integers(0, 256, (2, 32, 48, 3), "uint8")
    batch = {"synthetic": {"image": images}, "real": {"image": images}}
    small = {"image_size": (32, 48), "width": 2, "blocks": 1, "pool_size": 4}
    for model in (CycleGAN(**small), SimGAN(**small, discriminator_width=4)):
        model.compile(run_eagerly=True)
        model.train_on_batch(batch)
        with pytest.raises(RefinezooError, match=r"expected synthetic images \[B, 32, 48, 3\]"):
            turned = {half: {"image": images.swapaxes(1, 2)} for half in batch}
            model.train_on_batch(turned)
    with pytest.raises(RefinezooError, match="multiple of 4 pixels"):
        CycleGAN(**{**small, "image_size": 30}).compile()
