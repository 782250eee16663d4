"""Networks of PixelDA: golden parameter counts, shapes, and what each tower is made of."""

import keras
import numpy as np
import pytest

from refinezoo.errors import RefinezooError
from refinezoo.layers import DropoutAndNoise, PixelNoise, RepeatToSize
from refinezoo.networks import pixelda_discriminator, pixelda_generator, task_tower


def trainable(network):
    return sum(int(np.prod(v.shape)) for v in network.trainable_variables)


@pytest.mark.once
@pytest.mark.parametrize(
    ("size", "channels", "body", "noise"), [(32, 3, 445_699, 11_264), (64, 4, 446_340, 45_056)]
)
def test_generator_has_the_official_number_of_parameters(size, channels, body, noise):
    network = pixelda_generator(image_size=size, channels=channels)
    assert trainable(network) == body + noise
    without = pixelda_generator(image_size=size, channels=channels, noise_dimensions=0)
    assert trainable(without) == body - 9 * 64  # one input channel less


@pytest.mark.once
@pytest.mark.parametrize(
    ("size", "channels", "count", "filters"),
    [(32, 3, 1_559_169, [64, 128, 256, 512]), (64, 4, 6_287_553, [64, 128, 256, 512, 1024])],
)
def test_discriminator_doubles_until_four_pixels(size, channels, count, filters):
    network = pixelda_discriminator(image_size=size, channels=channels)
    assert trainable(network) == count
    convolutions = [x for x in network.layers if isinstance(x, keras.layers.Conv2D)]
    assert [x.filters for x in convolutions] == filters
    assert [x.strides[0] for x in convolutions] == [1] + [2] * (len(filters) - 1)
    assert network.layers[-2].output.shape == (None, 4 * 4 * filters[-1])
    noisy = [x for x in network.layers if isinstance(x, DropoutAndNoise)]
    assert [(x.rate, x.stddev) for x in noisy] == [(0.1, 0.2)] * len(filters)


def dense(inputs, *units):
    return sum((a + 1) * b for a, b in zip((inputs, *units), units, strict=False))


def convolutions(kernels, filters, channels=3):
    pairs = zip((channels, *filters), filters, kernels, strict=False)
    return sum((k * k * a + 1) * b for a, b, k in pairs)


@pytest.mark.once
@pytest.mark.parametrize(
    ("kind", "size", "classes", "count", "features"),
    [
        (
            "mnist",
            32,
            10,
            convolutions([5, 5], [32, 48]) + dense(8 * 8 * 48, 100, 100, 10),
            (16, 16, 32),
        ),
        (
            "svhn",
            32,
            10,
            convolutions([5, 5, 5], [64, 64, 128]) + dense(7 * 7 * 128, 3072, 2048, 10),
            (15, 15, 64),
        ),
        (
            "gtsrb",
            40,
            43,
            convolutions([5, 3, 5], [96, 144, 256]) + dense(5 * 5 * 256, 512, 43),
            (20, 20, 96),
        ),
        (
            "pose_mini",
            64,
            11,
            convolutions([5, 5], [32, 64]) + dense(16 * 16 * 64, 128, 11) + dense(128, 4),
            (32, 32, 32),
        ),
        (
            "doubling",
            64,
            11,
            convolutions([3] * 4, [32, 64, 128, 256]) + dense(4 * 4 * 256, 100, 11) + dense(100, 4),
            (16, 16, 64),
        ),
    ],
)
def test_towers_are_those_of_the_paper(kind, size, classes, count, features):
    pose = kind in ("pose_mini", "doubling")
    tower = task_tower(kind, image_size=size, classes=classes, quaternion=pose)
    assert trainable(tower.private_real) + trainable(tower.shared) == count
    assert tower.private_real.output.shape[1:] == features
    assert trainable(tower.private_synthetic) == trainable(tower.private_real)
    assert set(tower.shared.output) == ({"label", "quaternion"} if pose else {"label"})
    dropouts = [x for x in tower.shared.layers if isinstance(x, DropoutAndNoise)]
    assert [(x.rate, x.stddev) for x in dropouts] == ([(0.5, 0.0)] if pose else [])


@pytest.mark.once
@pytest.mark.parametrize(("kind", "dropout"), [("doubling", 0.0), ("mnist", 0.3)])
def test_dropout_of_a_tower_can_be_chosen(kind, dropout):
    tower = task_tower(kind, image_size=28, classes=3, dropout=dropout)
    rates = [x.rate for x in tower.shared.layers if isinstance(x, DropoutAndNoise)]
    assert rates == ([dropout] if dropout else [])
    with pytest.raises(RefinezooError, match="dropout from 0 to below 1, received 1"):
        task_tower(kind, image_size=28, classes=3, dropout=1)


@pytest.mark.once
def test_private_layers_can_all_be_shared(rng):
    tower = task_tower("mnist", image_size=16, classes=3, width_multiplier=0.2, private_layers=0)
    assert tower.networks == (tower.shared,)
    images = rng.uniform(-1, 1, (2, 16, 16, 3)).astype("float32")
    np.testing.assert_array_equal(tower.private_synthetic(images), images)
    assert len(task_tower("mnist", image_size=16, classes=3, width_multiplier=0.2).networks) == 3


def test_quaternions_have_length_one(rng):
    tower = task_tower("doubling", image_size=8, classes=3, width_multiplier=0.2, quaternion=True)
    images = rng.uniform(-1, 1, (4, 8, 8, 3)).astype("float32")
    answer = tower.shared(tower.private_real(images))
    assert answer["label"].shape == (4, 3)
    np.testing.assert_allclose(
        np.linalg.norm(np.asarray(answer["quaternion"]), axis=-1), 1.0, atol=1e-5
    )


@pytest.mark.once
def test_other_generators(rng):
    images = rng.uniform(-1, 1, (2, 12, 12, 3)).astype("float32")
    z = rng.uniform(-1, 1, (2, 10)).astype("float32")
    identity = pixelda_generator("identity", image_size=12)
    np.testing.assert_array_equal(identity(images), images)
    residual = pixelda_generator("residual_interpretation", image_size=12, width=4)
    assert trainable(residual) == 2 * convolutions([3, 3, 3], [4, 4, 3])
    assert np.abs(np.asarray(residual(images)) - images).max() < 0.2  # starts near the render
    extreme = np.asarray(residual(np.sign(images)))
    assert np.abs(extreme).max() <= 1.0
    simple = pixelda_generator("simple", image_size=12, width=8)
    # 1 noise map of 144 pixels (weights, offset), one 3x3 with batch norm, one 1x1
    assert trainable(simple) == 10 * 144 + 144 + 9 * 4 * 8 + 8 + (8 + 1) * 3
    dcgan = pixelda_generator("dcgan", image_size=12, width=4)
    made = np.asarray(dcgan([images, z]))
    assert made.shape == images.shape
    np.testing.assert_array_equal(made, dcgan([images * 0, z]))  # it sees no render


@pytest.mark.once
@pytest.mark.parametrize(
    "build",
    [
        lambda: pixelda_generator("resnt", image_size=8),
        lambda: pixelda_generator("dcgan", image_size=8, noise_dimensions=0),
        lambda: task_tower("mnits", image_size=32, classes=10),
        lambda: task_tower("mnist", image_size=4, classes=10),
        lambda: task_tower("mnist", image_size=32, classes=10, private_layers=3),
    ],
)
def test_wrong_arguments_are_named(build):
    with pytest.raises(RefinezooError, match="expected .* received"):
        build()


@pytest.mark.once
def test_resnet_generator_takes_other_sizes(rng):
    network = pixelda_generator(image_size=8, width=4, blocks=1)
    z = rng.uniform(-1, 1, (1, 10)).astype("float32")
    images = np.zeros((1, 24, 24, 3), "float32")
    whole = np.asarray(network([images, z]))
    alone = np.asarray(network([images[:, :8, :8], z]))
    assert whole.shape == images.shape
    # Away from the border a piece looks as it does alone: only the padding differs.
    np.testing.assert_allclose(whole[:, :4, :4], alone[:, :4, :4], atol=1e-6)


def test_maps_repeat_mirrored():
    maps = np.arange(4, dtype="float32").reshape(1, 2, 2, 1)
    wide = np.asarray(RepeatToSize()(maps, np.zeros((1, 3, 5, 3))))[0, ..., 0]
    np.testing.assert_array_equal(wide, [[0, 1, 1, 0, 0], [2, 3, 3, 2, 2], [2, 3, 3, 2, 2]])
    small = np.asarray(RepeatToSize()(maps, np.zeros((1, 1, 2, 3))))
    np.testing.assert_array_equal(small[0, ..., 0], [[0, 1]])


def test_pixel_noise_is_uniform_and_depends_on_image_and_seed_alone(rng):
    layer = PixelNoise(10)
    images = rng.uniform(-1, 1, (500, 4, 4, 3)).astype("float32")
    z = np.asarray(layer(images, np.zeros(500, "int32")))
    assert z.shape == (500, 10) and -1.0 < z.min() and z.max() < 1.0
    assert np.abs(z.mean(axis=0)).max() < 0.1 and np.abs(z.std(axis=0) - 3**-0.5).max() < 0.05
    off_diagonal = np.corrcoef(z.T)[~np.eye(10, dtype=bool)]
    assert np.abs(off_diagonal).max() < 0.2
    np.testing.assert_array_equal(layer(images[7:8], np.zeros(1, "int32")), z[7:8])
    assert np.abs(np.asarray(layer(images[7:8], np.ones(1, "int32"))) - z[7:8]).max() > 0.1


def test_noise_stays_at_evaluation_and_dropout_does_not():
    keras.utils.set_random_seed(0)
    ones = np.ones((1, 4000), "float32")
    layer = DropoutAndNoise(0.25, 0.2)
    trained, evaluated = np.asarray(layer(ones, training=True)), np.asarray(layer(ones))
    assert np.mean(trained < 0.75) == pytest.approx(0.25, abs=0.05)
    assert evaluated.std() == pytest.approx(0.2, abs=0.02) and evaluated.min() > 0.0
    with pytest.raises(ValueError, match="rate in"):
        DropoutAndNoise(1.0)
