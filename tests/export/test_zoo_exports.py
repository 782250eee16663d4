"""`predict` of every entry of the zoo and of what it exports to is the same.

Entries of one architecture share a model and its traced signatures: only the weights are new. Edge
files are made of one of them. All of it takes long: `make test` does `OFTEN` alone, `make test-zoo`
the rest.
"""

import json

import numpy as np
import pytest
from same_answers import answers, assert_same

import refinezoo
from refinezoo import zoo
from refinezoo.export.formats import saved_model
from refinezoo.export.formats.info import model_info
from refinezoo.export.registry import formats
from refinezoo.models.weights import load_weights
from refinezoo.zoo import catalogue

pytestmark = pytest.mark.tensorflow

SIZES = {"refiner": (46, 51), "depth": (96, 101)}  # height, width; of the others their own
OFTEN = {"cyclegan", "obstacle_range"}


def marked(names):
    """As parameters, of which those that `make test` leaves out are marked."""
    return [pytest.param(name, marks=[pytest.mark.zoo] * (name not in OFTEN)) for name in names]


def entries():
    """Names and architectures, one of these after the other, so that only one is held at a time."""
    found = [zoo.find(row["name"]) for row in zoo.list_models()]
    found.sort(key=lambda entry: (entry.kind, json.dumps(entry.config), entry.name))
    return {entry.name: architecture(entry) for entry in found}


def architecture(entry):
    """What entries that differ in weights alone have in common."""
    return entry.class_name, json.dumps(entry.config)


ENTRIES = entries()


class Shared:
    """The model of the last architecture; `take` gives it another entry's weights."""

    key = model = functions = None

    def take(self, name):
        entry = zoo.find(name)
        key = architecture(entry)
        if key != self.key:
            self.model, self.key, self.functions = refinezoo.load(name), key, None
        elif entry.weights is not None:
            path = catalogue.weights_folder(None) / entry.weights.file
            load_weights(self.model.preset_network, path)
        self.model.preset_name = name
        return self.model

    def signatures(self):
        if self.functions is None:
            self.functions = saved_model.build_signatures(self.model, 400_000)
        return self.functions


@pytest.fixture(scope="module")
def shared():
    return Shared()


def image_for(name, model, photos):
    """A photo at the size that the entry was made for, or an odd one where any is taken.

    Detectors get images of their own size: resizing is tested elsewhere, and near-equal scores
    would change places.
    """
    own = getattr(model, "image_size", None)
    height, width = SIZES.get(model.kind.name) or (own if isinstance(own, tuple) else (own, own))
    return np.pad(photos[2], [(0, 300), (0, 300), (0, 0)], mode="reflect")[:height, :width]


@pytest.mark.parametrize("name", marked(ENTRIES))
def test_an_entry_predicts_the_same_as_a_saved_model(name, shared, photos, tmp_path):
    model = shared.take(name)
    info = model_info(model, name, 1)
    saved_model.write_signatures(model, tmp_path, info, shared.signatures())
    exported = refinezoo.load(tmp_path)
    assert exported.preset_name == name and exported.weights_sha256 == info["weights_sha256"]
    image = image_for(name, model, photos)
    assert_same(answers(model, image), answers(exported, image))


def architectures():
    """An entry of each architecture."""
    found = {}
    for name, shared in ENTRIES.items():
        found.setdefault(shared, name)
    return list(found.values())


@pytest.mark.parametrize("format_name", [name for name, each in formats().items() if each.suffix])
@pytest.mark.parametrize("name", marked(architectures()))
def test_an_entry_predicts_the_same_as_an_edge_file(
    name, format_name, needed, shared, photos, tmp_path
):
    needed(format_name)
    model = shared.take(name)
    format_ = formats()[format_name]
    image = image_for(name, model, photos)
    size = image.shape[:2] if model.kind.name in SIZES else None
    path = format_.write(model, tmp_path / f"model{format_.suffix}", size)
    assert_same(answers(model, image), answers(refinezoo.load(path), image))
    if format_name == "litert":
        from refinezoo.export.formats.litert_graph import operators

        assert not [op for op in operators(path) if op.startswith("Flex") or not op.isupper()]
