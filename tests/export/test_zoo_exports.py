"""Every entry of the zoo runs in TensorFlow's C++ session loader and gives what Keras gives.

Entries of one architecture share a model and its traced signatures: only the weights are new.
"""

import json

import numpy as np
import pytest

import refinezoo
from refinezoo import export, zoo
from refinezoo.export.formats import saved_model
from refinezoo.export.formats.info import model_info
from refinezoo.models.registry import kinds
from refinezoo.models.weights import load_weights
from refinezoo.zoo import catalogue

pytestmark = pytest.mark.tensorflow

KINDS = list(kinds())
SIZES = {"refiner": (46, 51), "depth": (96, 101)}  # height, width; of the others their own


def entries():
    """Names, one architecture after the other, so that only one is held at a time."""
    found = []
    for kind in KINDS:
        for row in zoo.list_models(kind=kind):
            found.append((kind, json.dumps(zoo.info(row["name"])["config"]), row["name"]))
    return [name for *_, name in sorted(found)]


class Shared:
    """The model of the last architecture; `take` gives it another entry's weights."""

    key = model = functions = None

    def take(self, name):
        entry = zoo.find(name)
        key = (entry.class_name, json.dumps(entry.config))
        if key != self.key:
            self.model, self.key = refinezoo.load(name), key
            self.functions = saved_model.build_signatures(self.model, 400_000)
        elif entry.weights is not None:
            path = catalogue.weights_folder(None) / entry.weights.file
            load_weights(self.model.preset_network, path)
        self.model.preset_name = name
        return self.model, self.functions


@pytest.fixture(scope="module")
def shared():
    return Shared()


@pytest.mark.parametrize("name", entries())
def test_an_entry_equals_keras_in_the_session_loader(name, shared, photos, tmp_path):
    model, functions = shared.take(name)
    info = model_info(model, name, 1)
    saved_model.write_signatures(model, tmp_path, info, functions)
    own = getattr(model, "image_size", None)
    height, width = SIZES.get(info["kind"]) or (own if isinstance(own, tuple) else (own, own))
    image = np.pad(photos[2], [(0, 300), (0, 300), (0, 0)], mode="reflect")[:height, :width]
    with export.SavedModelSession(tmp_path, threads=1) as session:
        received = session.run("tensor", images=image[None])
        told = json.loads(session.run("model_info", request=[b""])["model_info"].item())
    assert told["model"] == name and told["weights_sha256"] == info["weights_sha256"]
    wanted, limits = expected(model, info["kind"], image[None])
    for key, limit in limits.items():
        error = np.abs(wanted[key].astype("float64") - received[key]).max()
        print(f"{name} {key}: max abs error {error:.3g}")  # pytest -rP shows it
        assert error <= limit


def expected(model, kind, images):
    """What Keras says, and how far the export may be from it: levels, metres, pixels, scores.

    Detectors get images of their own size: resizing is tested elsewhere, and near-equal scores
    would change places.
    """
    if kind == "refiner":
        return {"images": model.refine(images)}, {"images": 1}
    if kind == "depth":
        return {"depth_m": model.predict_depth(images)}, {"depth_m": 1e-4}
    if kind == "segmenter":
        return {"class_ids": model.segment(images)}, {"class_ids": 0}
    if kind == "range":
        return {"ranges_m": model.predict_ranges(images)}, {"ranges_m": 1e-3}
    if kind in ("classifier", "pose"):
        wanted = {"label": model.predict_labels(images)}
        return wanted | {"probability": model.predict_probability(images)}, {
            "label": 0,
            "probability": 1e-5,
        }
    found = model.predict(images)
    assert found["count"].min() > 0
    return found, {"boxes": 0.05, "scores": 1e-4, "classes": 0, "count": 0}
