"""Tiny models, each exported once."""

import importlib.util
from pathlib import Path

import cv2
import numpy as np
import pytest

from refinezoo.export.registry import formats

SIDE = 32
FULL_DEPTH = {"PVANET": {"depth_multiplier": 1.0}}  # of a shallower one, scores are ties
ASSETS = Path(__file__).parents[2] / "refinezoo" / "assets"


@pytest.fixture(scope="session")
def photos():
    """Real photos, uint8 RGB, of mixed and odd sizes."""
    paths = sorted((ASSETS / "real_test/images").glob("*.jpg"))
    sizes = [(64, 64), (83, 61), (97, 130)]
    return [
        cv2.resize(cv2.imread(str(path))[..., ::-1], size, interpolation=cv2.INTER_AREA)
        for path, size in zip(paths, sizes, strict=False)
    ]


def with_strong_weights(model, scale=0.15):
    """Weights drawn wide enough that the outputs are not flat."""
    random = np.random.default_rng(1)
    for weight in model.inference_network.trainable_weights:
        weight.assign(random.normal(0, scale, weight.shape).astype("float32"))
    return model


def make_refiner(name, photos):
    from refinezoo import refiners

    small = {"image_size": 32, "width": 4, "blocks": 1}
    if name == "cyclegan":
        return with_strong_weights(refiners.CycleGAN(**small))
    if name == "cyclegan_resize":
        options = {
            "upsampling": "resize",
            "residual": True,
            "colour": "match",
            "colour_photos": 3,
            "ema_decay": 0.9,
        }
        model = refiners.CycleGAN(**small, **options)
        return with_strong_weights(model.adapt(photos))
    if name == "cyclegan_fgbg":
        return with_strong_weights(refiners.CycleGANForegroundBackground(**small))
    return getattr(refiners, {"reinhard": "Reinhard", "fda": "FDA"}[name])(photos=4).adapt(photos)


@pytest.fixture(scope="session", name="strong_weights")
def strong_weights_fixture():
    return with_strong_weights


@pytest.fixture(scope="session", name="make_refiner")
def make_refiner_fixture(photos):
    return lambda name: make_refiner(name, photos)


@pytest.fixture(scope="session")
def refiner(make_refiner):
    return make_refiner("cyclegan")


@pytest.fixture(scope="session")
def detector():
    from refinezoo.tasks.detection import SSD300

    options = {"image_size": 64, "width_multiplier": 0.0625, "batch_norm": True, "keep": 10}
    return with_strong_weights(SSD300(["milk", "juice"], **options), scale=0.05)


@pytest.fixture(scope="session")
def refiner_folder(refiner, tmp_path_factory):
    from refinezoo.export import saved_model

    folder = tmp_path_factory.mktemp("servable") / "cyclegan/1"
    return saved_model(refiner, folder, max_image_pixels=40_000)


@pytest.fixture(scope="session")
def detector_folder(detector, refiner_folder):
    """Beside the refiner's: their parent's parent is a folder of models to serve."""
    from refinezoo.export import saved_model

    return saved_model(detector, refiner_folder.parents[1] / "ssd/3")


@pytest.fixture(scope="session")
def session(refiner_folder):
    from refinezoo.export import SavedModelSession

    with SavedModelSession(refiner_folder, threads=1) as session:
        yield session


@pytest.fixture(scope="session")
def needed():
    """Skips a test whose format's packages are not installed."""

    def check(format_name):
        format_ = formats()[format_name]
        for package in format_.packages:
            if importlib.util.find_spec(package) is None:
                pytest.skip(f"{package} is not installed: pip install 'refinezoo[{format_.extra}]'")

    return check


@pytest.fixture(scope="session")
def frames(photos):
    return [photo[:64, :61] for photo in photos] + [photos[2][:60, 30:]]


@pytest.fixture(scope="session")
def models(photos, small_model):
    """Class name -> tiny model, made once."""
    made = {}

    def make(name):
        if name not in made:
            model = small_model(name, photos, **FULL_DEPTH.get(name, {}))
            if model.inference_network.trainable_weights:
                with_strong_weights(model)
            made[name] = model
        return made[name]

    return make


@pytest.fixture(scope="session")
def litert_file(models, tmp_path_factory):
    """Class name -> the LiteRT file of its tiny model, written once, at the model's own size."""
    written = {}

    def write(name):
        if name not in written:
            from refinezoo.export import litert

            model = models(name)
            size = None if getattr(model, "image_size", None) else SIDE
            written[name] = litert(model, tmp_path_factory.mktemp("litert") / "m.tflite", size)
        return written[name]

    return write
