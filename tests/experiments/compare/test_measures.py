"""What a study says of its sets: distance to photos, change, gate, photos left alone."""

import keras
import numpy as np
import pytest

from refinezoo.experiments.compare import measures
from refinezoo.experiments.compare.prepare import Preparation
from refinezoo.experiments.compare.schema import read_study


@pytest.fixture
def said():
    return []


@pytest.fixture
def prepared(toy, tmp_path, monkeypatch, said):
    """The toy world with a refiner that moves colours onto red photos, measured by mean colours."""
    images = keras.Input((None, None, 3))
    network = keras.Model(images, [keras.layers.AveragePooling2D(56)(images)])
    monkeypatch.setattr(measures, "_features", lambda: network)
    toy.write_world(tmp_path)
    for path in (tmp_path / "real" / "images").iterdir():
        from refinezoo.data import read_image, write_image

        write_image(path, np.clip(read_image(path) // [1, 3, 3], 0, 255).astype(np.uint8))
    file = toy.write_study(
        tmp_path / "study.yaml",
        real={
            "train": "real/annotations.json",
            "test": "test/annotations.json",
            "unlabelled": ["real/images"],
        },
        refiners={"transport": {"adapt": {"class": "PopulationTransport"}}},
        arms={"synthetic": ["synthetic"], "transport": ["transport"]},
    )
    return Preparation(read_study(file), tmp_path / "out", tmp_path, said.append)


def test_refined_sets_are_nearer_and_say_what_changed(prepared):
    found = measures.measure_sets(prepared, prepared.sets(), 6)
    assert list(found) == ["synthetic", "transport"]
    assert found["transport"]["kid"] < found["synthetic"]["kid"]
    assert found["transport"]["kid_n"] == [6, 6]
    assert found["transport"]["change_levels"] > 10
    assert 0 <= found["transport"]["gate_passed"] <= 1
    assert found["transport"]["real_identity_levels"] > 0
    assert set(found["synthetic"]) == {"kid", "kid_n"}
    assert "| transport |" in measures.measured_table(found)


def test_what_is_measured_is_kept(prepared, said):
    sets = prepared.sets()
    first = measures.measure_sets(prepared, sets, 4)
    said.clear()
    assert measures.measure_sets(prepared, sets, 4) == first
    assert not said
    measures.measure_sets(prepared, sets, 5)
    assert said == ["synthetic: distance to 5 photos", "transport: distance to 5 photos"]


def test_zero_pictures_measure_nothing(prepared):
    assert measures.measure_sets(prepared, prepared.sets(), 0) == {}
