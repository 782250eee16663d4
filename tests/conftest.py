"""Settings that every test shares: quiet, seeded, and on one thread a worker."""

import errno
import functools
import itertools
import os
import random
import socket
import sys
from contextlib import contextmanager, nullcontext
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ.setdefault("MPLBACKEND", "agg")
for variable in ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"):
    os.environ[variable] = "1"  # sums of floats depend on how threads share the work

import numpy as np  # noqa: E402
import pytest  # noqa: E402

# Arguments of a small model of each registered class; one without any fails the contracts.
SMALL = {
    "CameraModel": {"photos": 3, "vignetting": True, "jpeg": True},
    "CycleGAN": {"image_size": 32, "width": 4, "blocks": 1},
    "CycleGANForegroundBackground": {
        "image_size": 32,
        "width": 4,
        "blocks": 1,
        "upsampling": "resize",
        "residual": True,
        "colour": "match",
        "colour_photos": 3,
    },
    "FDA": {"photos": 3},
    "PopulationTransport": {},
    "RegionTransport": {},
    "Reinhard": {"photos": 3},
    "SimGAN": {"image_size": 32, "width": 4, "blocks": 1, "discriminator_width": 6},
    "PixelDA": {"image_size": 32, "width": 4, "blocks": 1, "tower_width_multiplier": 0.1},
    "T2Net": {"width": 4, "blocks": 1},
    "DepthUNet": {"width": 4},
    "Classifier": {"class_names": ["milk", "juice"], "image_size": 32, "width_multiplier": 0.1},
    "PoseTower": {"class_names": ["milk", "juice"], "image_size": 64, "width_multiplier": 0.1},
    "DeepLabV2": {
        "class_names": ["sky", "road", "car"],
        "width_multiplier": 0.0625,
        "depth_multiplier": 0.1,
        "rates": [1, 2],
        "backbone": "vgg16_aspp",
        "image_size": (32, 48),
    },
    "ObstacleRange": {"image_size": (32, 64), "sectors": 4, "width_multiplier": 0.25},
    "PVANET": {
        "class_names": ["milk", "juice"],
        "image_size": 64,
        "width_multiplier": 0.0625,
        "depth_multiplier": 0.25,
        "head_units": 16,
        "anchor_scales": [1, 2, 3],
        "anchor_ratios": [0.5, 1, 2],
        "candidates": 50,
        "proposals": 12,
        "keep": 10,
        "score_threshold": 0.05,
    },
    "SSD300": {
        "class_names": ["milk", "juice"],
        "image_size": 64,
        "width_multiplier": 0.0625,
        "batch_norm": True,
        "keep": 10,
    },
    "YOLOv3": {
        "class_names": ["milk", "juice"],
        "image_size": 64,
        "width_multiplier": 0.05,
        "depth_multiplier": 0.1,
        "keep": 10,
        "score_threshold": 0.05,
    },
}


_LOOPBACK = ("127.0.0.1", "::1", "localhost", "", None)


def _staying_here(function, host_of):
    """`function` of a socket or a name, which no test may call with another machine.

    Only these are replaced: an audit hook, called for all that Python does, cost 5 % of the tests.
    """

    @functools.wraps(function)
    def guarded(*arguments, **keywords):
        host = host_of(*arguments, **keywords)
        if host not in _LOOPBACK:
            raise AssertionError(f"a test asked for {host}")
        return function(*arguments, **keywords)

    return guarded


def _host_of_name(host, *_, **__):
    return host


def _host_of_address(_, address):
    return address[0] if isinstance(address, tuple) else None


for _name in ("getaddrinfo", "gethostbyname", "gethostbyname_ex"):
    setattr(socket, _name, _staying_here(getattr(socket, _name), _host_of_name))
for _name in ("connect", "connect_ex"):
    setattr(socket.socket, _name, _staying_here(getattr(socket.socket, _name), _host_of_address))


# What takes minutes, and begins first: workers that go through short files last end together.
LONG = ("export", "refiners", "tasks", "training", "experiments", "models", "zoo", "")


def _room(item):
    """The folder of tests/ that a test lies in; "" is tests/ itself."""
    parts = item.path.relative_to(Path(__file__).parent).parts
    return parts[0] if len(parts) > 1 else ""


def pytest_collection_modifyitems(items):
    """Long files first; on another backend, skips the tests marked `tensorflow` or `once`."""
    items.sort(key=lambda item: _room(item) not in LONG)
    backend = os.environ.get("KERAS_BACKEND", "tensorflow")
    if backend == "tensorflow":
        return
    for marker, reason in {
        "tensorflow": f"needs the TensorFlow backend, this is {backend}",
        "once": "the same on every backend, TensorFlow's run has tested it",
    }.items():
        for item in items:
            if item.get_closest_marker(marker):
                item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture(scope="session", autouse=True)
def _cheap_building():
    cheap = nullcontext
    if os.environ.get("KERAS_BACKEND") == "jax":
        from refinezoo.models.draws import drawn_by_numpy as cheap
    elif "tensorflow" in sys.modules:
        cheap = variables_without_debug_names
    with cheap():
        yield


@contextmanager
def variables_without_debug_names():
    """For TensorFlow, which keeps a kernel for each of these names: 2 of 3 ms a variable."""
    import tensorflow as tf
    from tensorflow.python.ops import gen_resource_variable_ops as handles

    original = handles.var_handle_op

    def nameless(*arguments, **keywords):
        if tf.executing_eagerly():
            keywords.pop("debug_name", None)
        return original(*arguments, **keywords)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(handles, "var_handle_op", nameless)
        yield


@contextmanager
def untraced():
    """For TensorFlow, which traces what `fit` and `predict` run: more than a few calls cost.

    Nothing is changed for JAX, which is slow without tracing.
    """
    import keras
    from keras.src.trainers.trainer import Trainer

    with pytest.MonkeyPatch.context() as patch:
        if keras.backend.backend() == "tensorflow":
            asked = Trainer.run_eagerly
            patch.setattr(Trainer, "run_eagerly", property(lambda model: True, asked.fset))
        yield


@pytest.fixture
def eager():
    """What `fit` and `predict` run is not traced: for tests of what surrounds a few steps."""
    with untraced():
        yield


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item):
    """Before any fixture: Keras' initializers take their seeds from `random`.

    `TEST_SEED=1 make test` draws other weights: what is asserted of a training must hold for them.
    """
    seed = int(os.environ.get("TEST_SEED", "0"))
    random.seed(seed)
    np.random.seed(seed)


@pytest.fixture
def full_disk(monkeypatch):
    """`with full_disk(3):` from the third file on that takes its place, there is no room."""

    @contextmanager
    def full(moment):
        replace, count = os.replace, itertools.count(1)

        def replaces(*paths):
            if next(count) >= moment:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            replace(*paths)

        with monkeypatch.context() as patch:
            patch.setattr(os, "replace", replaces)
            yield

    return full


@pytest.fixture
def rng() -> np.random.Generator:
    """A seeded generator for test data."""
    return np.random.default_rng(0)


@pytest.fixture
def images(rng) -> np.ndarray:
    """Two small images, uint8 [2, 32, 32, 3]: smooth, each with its own tint."""
    ramp = np.linspace(0, 1, 32)
    base = ramp[None, :, None, None] * ramp[None, None, :, None]
    tint = rng.uniform(60, 250, (2, 1, 1, 3))
    return (base * tint + rng.uniform(0, 5, (2, 32, 32, 3))).astype(np.uint8)


@pytest.fixture
def tiny_class(monkeypatch):
    """A registered model class with a network of two layers: `Tiny(filters=4)`."""
    import keras

    from refinezoo.models import registry
    from refinezoo.models.base import Model
    from refinezoo.refiners.kind import REFINER

    class Tiny(Model):
        kind = REFINER

        def __init__(self, *, filters=4, channels=3):
            super().__init__()
            self.filters = filters
            images = keras.Input((None, None, channels))
            hidden = keras.layers.Conv2D(filters, 3, padding="same")(images)
            hidden = keras.layers.BatchNormalization()(hidden)
            outputs = keras.layers.Conv2D(channels, 3, padding="same")(hidden)
            self.inference_network = keras.Model(images, outputs)
            self.built = True

        def call(self, images, training=False):
            return self.inference_network(images, training=training)

    monkeypatch.setitem(registry._REGISTERED, "Tiny", Tiny)
    return Tiny


@pytest.fixture(scope="session")
def toy_depth_unet():
    """A builder with the inputs and outputs of `depth_unet`, of one layer each: compiles fast."""
    import keras
    from keras import layers

    def build(**settings):
        images = keras.Input((None, None, 3))
        features = layers.Conv2D(4, 1)(layers.AveragePooling2D(16)(images))
        maps = [
            layers.Conv2D(1, 1, activation="tanh")(layers.AveragePooling2D(k)(images))
            for k in (8, 4, 2, 1)
        ]
        return keras.Model(images, [features, *maps], name="depth_unet")

    return build


@pytest.fixture(scope="session")
def toy_backbone():
    """A builder of random features with maps of stride 4, 8, 16 and 32, as EfficientNet-Lite0's."""
    import keras
    from keras import layers

    def build(seed=0):
        start = [keras.initializers.HeNormal(seed + k) for k in range(5)]
        images = x = keras.Input((None, None, 3))
        maps = []
        for stride, (filters, kernel) in enumerate(zip((8, 8, 12, 16, 16), start, strict=True)):
            x = layers.Conv2D(filters, 3, 2, "same", activation="relu", kernel_initializer=kernel)(
                x
            )
            maps += [x] if stride else []
        return keras.Model(images, maps, name="toy_backbone")

    return build


@pytest.fixture(scope="session")
def small_model():
    """`small_model("FDA", photos)`: a small model of a registered class, adapted where it can be.

    Further arguments are the constructor's; `photos` and `renders` are what `adapt` takes;
    without renders, the photos' negatives are.
    """
    from small_sets import left_half

    from refinezoo.models.registry import model_class

    def make(name, photos=None, renders=None, **changes):
        model = model_class(name)(**{**SMALL[name], **changes})
        if photos is not None and getattr(model, "colour", model) is not None:
            if hasattr(model, "adapt"):
                negatives = [255 - image for image in photos]
                parts = [photos, negatives if renders is None else renders]
                if getattr(model, "use_mask", False):
                    parts = [[(image, left_half(image)) for image in part] for part in parts]
                model.adapt(parts[0], renders=parts[1])
        return model

    return make


@pytest.fixture(scope="session")
def shallow_cyclegans():
    """`with shallow_cyclegans(): ...`: CycleGANs built there have networks of two layers."""
    import keras

    from refinezoo.layers import InstanceNormalization
    from refinezoo.networks import generators
    from refinezoo.refiners import cyclegan

    def generator(name, **settings):
        images = keras.Input((None, None, 3))
        x = InstanceNormalization()(keras.layers.Conv2D(4, 3, padding="same")(images))
        x = keras.layers.Conv2D(3, 3, padding="same", activation="tanh")(x)
        return keras.Model(images, x, name=name)

    def discriminator(name, **settings):
        images = keras.Input((None, None, 3))
        x = keras.layers.Conv2D(4, 4, strides=4, activation="leaky_relu")(images)
        return keras.Model(images, keras.layers.Conv2D(1, 3, padding="same")(x), name=name)

    @contextmanager
    def shallow():
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(generators, "resnet_generator", generator)
            patch.setattr(cyclegan, "patch_discriminator", discriminator)
            yield

    return shallow
