"""DeepLab-v2: several scales, any size, what it refuses."""

import keras
import numpy as np
import pytest
from keras import layers

import refinezoo
from refinezoo.errors import RefinezooError
from refinezoo.losses.segmentation import segmentation_loss
from refinezoo.metrics.segmentation import confusion_matrix, segmentation_metrics
from refinezoo.tasks.segmentation import DeepLabV2, deeplab_v2
from refinezoo.training.layerwise import LayerwiseSGD

NAMES = ["sky", "road", "car"]


def toy_network(classes, *, rates, **options):
    """Stride 8 and logits like the real ones, of two layers: compiles fast."""
    images = keras.Input((None, None, 3))
    x = layers.Conv2D(8, 8, strides=8, padding="same", name="conv1")(images / 127.5 - 1.0)
    x = layers.Conv2D(classes, 1, name=f"aspp_{rates[0]}")(layers.ReLU()(x))
    return keras.Model(images, x)


@pytest.fixture(scope="module")
def toy():
    """Replaces the backbones of new models."""
    with pytest.MonkeyPatch.context() as patch:
        for name, (_, _, *rest) in deeplab_v2.BACKBONES.items():
            patch.setitem(deeplab_v2.BACKBONES, name, (toy_network, {}, *rest))
        yield


def scenes(count=4, height=48, width=64):
    """Sky above, road below, a red car; the first rows are not labelled."""
    random = np.random.default_rng(0)
    images = random.integers(0, 30, (count, height, width, 3)).astype("uint8")
    masks = np.zeros((count, height, width), "uint8")
    images[:, : height // 2] += 200
    masks[:, height // 2 :] = 1
    for row in range(count):
        x = 8 * row
        images[row, height // 2 : height // 2 + 16, x : x + 24, 0] += 180
        masks[row, height // 2 : height // 2 + 16, x : x + 24] = 2
    masks[:, :4] = 255
    return images, masks


@pytest.fixture(scope="module")
def trained(toy):
    keras.utils.set_random_seed(0)
    model = DeepLabV2(NAMES)
    model.compile(keras.optimizers.Adam(0.02))
    images, masks = scenes()
    return model, model.fit(images, masks, batch_size=4, epochs=40, verbose=0).history


@pytest.mark.once
def test_a_real_network_overfits_one_image():
    keras.utils.set_random_seed(0)
    model = DeepLabV2(
        NAMES,
        backbone="vgg16_aspp",
        width_multiplier=0.0625,
        depth_multiplier=0.1,
        batch_norm=True,
        rates=(1, 2),
        scales=(1, 0.5),
    )
    images, masks = scenes(1)
    model.compile(keras.optimizers.Adam(0.01))
    loss = model.fit(images, masks, epochs=25, verbose=0).history["loss"]
    assert loss[-1] < 0.15 * loss[0]


def test_fit_learns_and_the_ids_are_found_again(trained):
    model, history = trained
    assert set(history) == {"loss"} and history["loss"][-1] < 0.2 * history["loss"][0]
    images, masks = scenes()
    metrics = model.evaluate_masks(images, masks)
    assert metrics["mean_iou"] > 0.7 and metrics["pixels"] == (masks != 255).sum()


@pytest.mark.once
def test_the_loss_is_the_sum_over_scales_and_the_fused_map(trained):
    """By hand: each scale through the network, their maximum at the size of the first."""
    model, _ = trained
    images, masks = scenes()
    bilinear = {"interpolation": "bilinear"}
    maps = [model.network(images.astype("float32"))]
    for scale in (0.75, 0.5):
        size = (int(48 * scale), int(64 * scale))
        smaller = keras.ops.image.resize(images.astype("float32"), size, **bilinear)
        maps.append(model.network(smaller))
    same = [np.asarray(keras.ops.image.resize(m, (6, 8), **bilinear)) for m in maps]
    maps.append(np.max(same, axis=0))
    found = [np.asarray(m) for m in model(images.astype("float32"))]
    assert [m.shape[1:3] for m in found] == [(6, 8), (5, 6), (3, 4), (6, 8)]
    for expected, given in zip(maps, found, strict=True):
        np.testing.assert_allclose(np.asarray(expected), given, atol=1e-3)
    expected = sum(float(segmentation_loss(m, masks, 255)) for m in maps)
    assert model.evaluate(images, masks, batch_size=4, verbose=0) == pytest.approx(expected, 1e-3)


@pytest.mark.once
def test_class_ids_are_those_of_the_fused_map_at_the_size_of_the_image(trained):
    model, _ = trained
    images, _ = scenes(3, 41, 53)
    ids = model.segment(images, batch_size=2)
    assert ids.shape == (3, 41, 53) and ids.dtype == np.uint8
    fused = model(images.astype("float32"))[-1]
    scores = keras.ops.image.resize(fused, (41, 53), interpolation="bilinear")
    assert (np.asarray(scores).argmax(-1) == ids).mean() > 0.999  # ties of float32
    assert (model.segment(images[1]) == ids[1]).mean() > 0.999
    np.testing.assert_array_equal(model.predict(images), ids)
    assert model.segment(images[:1, :1, :1]).shape == (1, 1, 1)


@pytest.mark.once
def test_metrics_of_images_of_different_sizes(trained):
    model, _ = trained
    pairs = [scenes(1), scenes(1, 40, 50)]
    images, masks = ([pair[i][0] for pair in pairs] for i in (0, 1))
    table = sum(
        confusion_matrix(m, model.segment(i), 3) for i, m in zip(images, masks, strict=True)
    )
    assert model.evaluate_masks(images, masks) == segmentation_metrics(table, NAMES)


@pytest.mark.once
def test_one_scale_has_one_loss(toy):
    model = DeepLabV2(NAMES, scales=(1,))
    model.compile()
    images, masks = scenes()
    maps = model(images.astype("float32"))
    assert len(maps) == 1
    loss = model.evaluate(images, masks, batch_size=4, verbose=0)
    assert loss == pytest.approx(float(segmentation_loss(maps[0], masks, 255)), rel=1e-4)
    assert model.segment(images).shape == (4, 48, 64)


def test_the_default_optimizer_is_the_papers(toy):
    model = DeepLabV2(NAMES)
    model.compile(steps=50)
    optimizer = model.optimizer
    assert isinstance(optimizer, LayerwiseSGD) and optimizer.l2 == 5e-4
    expected = {
        "conv1/kernel": (1, 1),
        "conv1/bias": (2, 0),
        "aspp_6/kernel": (10, 1),
        "aspp_6/bias": (20, 0),
    }
    assert {v.path: optimizer.multipliers(v.path) for v in model.trainable_variables} == expected
    before = {v.path: keras.ops.convert_to_numpy(v.value) for v in model.trainable_variables}
    images, masks = scenes()
    model.fit(images, masks, batch_size=4, epochs=1, verbose=0)
    assert all((np.asarray(v.value) != before[v.path]).any() for v in model.trainable_variables)
    model.compile(steps=1)
    frozen = [np.asarray(v.value) for v in model.trainable_variables]
    model.optimizer.iterations.assign(10)  # past the last step the rate is 0
    model.fit(images, masks, batch_size=4, epochs=1, verbose=0)
    for a, b in zip(frozen, model.trainable_variables, strict=True):
        np.testing.assert_array_equal(a, np.asarray(b.value))


@pytest.mark.once
def test_saving_and_loading(trained, tmp_path):
    model, _ = trained
    images, _ = scenes()
    model.save_to_preset(tmp_path / "preset")
    revived = refinezoo.load(str(tmp_path / "preset"))
    assert type(revived) is DeepLabV2 and revived.arguments == model.arguments
    assert (revived.segment(images) == model.segment(images)).mean() > 0.99  # half precision
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(again.segment(images), model.segment(images))
    assert int(again.optimizer.iterations) == int(model.optimizer.iterations) > 0


@pytest.mark.once
@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda i, m: (i, m + 1), "ids 0 to 2 or 255"),
        (lambda i, m: (i, m / 255), "integers, received float64"),
        (lambda i, m: (i, m[:, ::2, ::2]), r"masks \[4, 48, 64\], the size of their images"),
        (lambda i, m: (i, np.eye(3, dtype=int)[m % 3]), "one-hot"),
        (lambda i, m: (i / 255, m), "uint8 RGB"),
        (lambda i, m: (i, np.where(np.arange(4)[:, None, None] == 2, 255, m)), "at index 2"),
    ],
)
def test_bad_batches_are_refused_in_words(trained, change, words):
    model, _ = trained
    images, masks = change(*(array.copy() for array in scenes()))
    with pytest.raises(RefinezooError, match=words):
        model.fit(images, masks, verbose=0)


@pytest.mark.once
def test_bad_calls_are_refused_in_words(trained):
    model, _ = trained
    images, masks = scenes()
    with pytest.raises(RefinezooError, match="a mask for each image"):
        model.evaluate_masks(images, masks[:2])
    with pytest.raises(RefinezooError, match="only pixels to ignore"):
        model.evaluate_masks(images, np.full_like(masks, 255))
    with pytest.raises(RefinezooError, match="uint8 RGB"):
        model.segment(images[..., :1])
    with pytest.raises(RefinezooError, match="sample weights"):
        model.fit(images, masks, sample_weight=np.ones(4), verbose=0)
    with pytest.raises(RefinezooError, match="loss: DeepLabV2 has its own|no loss"):
        model.compile(loss="mse")


@pytest.mark.once
@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"backbone": "resnet11"}, "Did you mean 'resnet101'"),
        ({"class_names": ["a", "a"]}, "different names"),
        ({"class_names": "abc"}, "different names"),
        ({"scales": (0.75, 1)}, "start with 1"),
        ({"ignore_id": 2}, "ignored id is no class"),
    ],
)
def test_bad_settings_are_refused_in_words(toy, settings, words):
    with pytest.raises(RefinezooError, match=words):
        DeepLabV2(**{"class_names": NAMES, **settings})
