"""The depth U-Net alone, and what it refuses."""

import keras
import numpy as np
import pytest

from refinezoo.data.depth import resize_depth
from refinezoo.errors import RefinezooError
from refinezoo.metrics.depth import depth_metrics
from refinezoo.tasks.depth import depth_unet as task
from refinezoo.tasks.depth.checks import check_metres
from refinezoo.tasks.depth.depth_unet import DepthUNet

SIZE = 96


def data(count=4):
    """Scenes that are as far as they are bright."""
    rng = np.random.default_rng(0)
    ramp = np.linspace(20, 230, SIZE)[None, :, None, None] * rng.uniform(0.5, 1, (count, 1, 1, 1))
    images = np.broadcast_to(ramp, (count, SIZE, SIZE, 3)).astype("uint8")
    depth = images[..., :1].astype("float32") / 50
    depth[:, :4, :4] = np.nan
    return images, depth


@pytest.fixture(scope="module")
def trained(toy_depth_unet):
    """A trained model of toy layers; tests/refiners/test_t2net.py trains the real network."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(task, "depth_unet", toy_depth_unet)
        keras.utils.set_random_seed(0)
        model = DepthUNet(learning_rate=0.05)
        model.compile()
        images, depth = data()
        history = model.fit(images, depth, batch_size=2, epochs=10, verbose=0).history
        yield model, history


def test_fit_learns_and_logs_the_losses_of_the_paper(trained):
    _, history = trained
    assert set(history) == {"task", "smoothness"}
    assert history["task"][-1] < 0.8 * history["task"][0]


def test_predict_gives_metres_at_any_size(trained):
    model, _ = trained
    images, _ = data(3)
    depth = model.predict(images[:, :90, :85], batch_size=2)
    assert depth.shape == (3, 90, 85, 1) and depth.dtype == np.float32
    assert 0 <= depth.min() < depth.max() <= model.max_depth
    np.testing.assert_allclose(depth[1:], model.predict(images[1:, :90, :85]), atol=1e-4)


def test_evaluate_gives_losses_and_evaluate_depth_metrics(trained):
    model, _ = trained
    images, depth = data()
    losses = model.evaluate(images, depth, batch_size=2, verbose=0, return_dict=True)
    assert losses["task"] > 0
    metrics = model.evaluate_depth(images, depth, batch_size=2)
    assert set(metrics) >= {"abs_rel", "sq_rel", "rmse", "rmse_log", "delta1", "delta2", "delta3"}
    finer = np.repeat(np.repeat(depth, 2, 1), 2, 2)
    scaled = resize_depth(model.predict(images), 2 * SIZE, 2 * SIZE)
    assert model.evaluate_depth(images, finer) == pytest.approx(
        depth_metrics(scaled, finer, max_depth=model.max_depth)
    )


@pytest.mark.parametrize(
    ("depth", "words"),
    [
        (np.full((4, 4), 2134, "uint16"), "float metres, received uint16"),
        (np.full((4, 4), 2134.0), "2.134 m if these are millimetres"),
        (np.full((4, 4), 250.0), "2.5 m if these are centimetres"),
        (np.full((4, 4), 0.3), "scaled to 0..1"),
        (np.zeros((4, 4)), "only holes"),
        (np.full((4, 4), np.nan), "only holes"),
    ],
)
def test_labels_that_are_no_metres_are_told(depth, words):
    with pytest.raises(RefinezooError, match=words):
        check_metres(depth, 8.0)


def test_metres_with_holes_pass():
    depth = np.full((4, 4), 2.5, "float32")
    depth[0], depth[1] = 0.0, np.nan
    check_metres(depth, 8.0)
    check_metres(depth * 20, 80.0)


def test_bad_batches_are_named(trained):
    model, _ = trained
    images, depth = data()
    with pytest.raises(RefinezooError, match="no depth_m"):
        model.fit(images, verbose=0)
    with pytest.raises(RefinezooError, match="if these are millimetres"):
        model.fit(images, depth * 1000, verbose=0)
    with pytest.raises(RefinezooError, match="multiples of 16"):
        model.fit(images[:, :90], depth[:, :90], verbose=0)
    with pytest.raises(RefinezooError, match=r"depth_m \[B, 96, 96, 1\]"):
        model.fit(images, depth[:, ::2, ::2], verbose=0)


def test_train_on_batch_takes_images_and_depth(trained):
    model, _ = trained
    images, depth = data(2)
    assert np.isfinite(model.train_on_batch(images, depth)).all()
    with pytest.raises(RefinezooError, match="received no depth_m"):
        model.train_on_batch(images)
