import functools

import numpy as np
import pytest

import refinezoo
from refinezoo import zoo
from refinezoo.errors import RefinezooError
from refinezoo.models import presets
from refinezoo.zoo import catalogue

VALUES = {
    "name": "tiny",
    "kind": "refiner",
    "summary": "A model of the tests.",
    "licence": "Apache-2.0",
    "recipe": {
        "command": "make tiny",
        "hardware": "2 CPU cores",
        "minutes": 0.1,
        "date": "2026-11-23",
    },
    "results": [
        {"dataset": "d", "split": "test", "metric": "AP50", "rule": "COCO", "value": 0.5, "n": 3}
    ],
}


@pytest.fixture
def tiny_zoo(tiny_class, tmp_path):
    """A zoo of one entry, and the model that went into it."""
    model = tiny_class(filters=3)
    folder = presets.save_to_preset(model, tmp_path / "preset")
    zoo.add_entry(folder, VALUES, root=tmp_path / "zoo")
    return tmp_path / "zoo", model


@pytest.mark.once
def test_an_added_entry_loads_with_its_weights(tiny_zoo):
    root, model = tiny_zoo
    batch = np.ones((1, 8, 8, 3), "float32")
    expected = np.asarray(model(batch))
    np.testing.assert_allclose(np.asarray(zoo.load("tiny", root=root)(batch)), expected, atol=2e-3)
    untrained = zoo.load("tiny", weights=None, root=root)
    assert untrained.arguments == model.arguments
    assert not np.allclose(np.asarray(untrained(batch)), expected, atol=2e-3)


@pytest.mark.once
def test_list_and_info(tiny_zoo):
    root, _ = tiny_zoo
    (row,) = zoo.list_models("ti*", kind="refiner", root=root)
    path = root / "weights" / "tiny.weights.h5"
    assert row["weights_bytes"] == path.stat().st_size
    assert row["weights_sha256"] == refinezoo.files.sha256(path)
    assert row["class"] == "Tiny" and row["results"][0]["value"] == 0.5
    assert row["version"] == 1
    assert zoo.list_models("x*", root=root) == []
    assert zoo.list_models(kind="depth", root=root) == []
    assert zoo.info("tiny", root=root)["recipe"]["command"] == "make tiny"


@pytest.mark.once
def test_better_weights_take_the_place_of_others_as_another_version(tiny_zoo, tiny_class, tmp_path):
    root, _ = tiny_zoo
    better = presets.save_to_preset(tiny_class(filters=4), tmp_path / "better")
    zoo.add_entry(better, {**VALUES, "version": 2}, root=root)
    (row,) = zoo.list_models(root=root)
    assert row["version"] == zoo.info("tiny", root=root)["version"] == 2
    assert zoo.load("tiny", root=root).arguments["filters"] == 4


@pytest.mark.once
def test_nothing_is_listed_that_cannot_be_loaded(tiny_zoo):
    root, _ = tiny_zoo
    (root / "weights" / "tiny.weights.h5").unlink()
    assert zoo.list_models(root=root) == []
    with pytest.raises(RefinezooError, match="no file there"):
        zoo.load("tiny", root=root)


@pytest.mark.once
def test_tampered_weights_name_both_hashes(tiny_zoo):
    root, _ = tiny_zoo
    expected = zoo.info("tiny", root=root)["weights"]["sha256"]
    path = root / "weights" / "tiny.weights.h5"
    path.write_bytes(path.read_bytes()[:-10] + b"0123456789")
    received = refinezoo.files.sha256(path)
    with pytest.raises(RefinezooError, match=f"sha256 {expected}.*sha256 {received}"):
        zoo.load("tiny", root=root)


@pytest.mark.once
def test_unknown_names(tiny_zoo):
    root, _ = tiny_zoo
    for call in (zoo.load, zoo.info):
        with pytest.raises(RefinezooError, match="Did you mean 'tiny'"):
            call("tinny", root=root)
    with pytest.raises(RefinezooError, match="Did you mean 'detector'"):
        zoo.list_models(kind="detectr", root=root)
    with pytest.raises(RefinezooError, match='expected weights="pretrained" or None'):
        zoo.load("tiny", weights="imagenet", root=root)


@pytest.mark.once
def test_a_file_of_keras_is_told_from_a_name(tmp_path):
    path = tmp_path / "own.keras"
    path.touch()
    with pytest.raises(RefinezooError, match="keras.models.load_model.*save_to_preset"):
        zoo.load(path)


@pytest.mark.once
def test_a_preset_folder_loads_by_path(tiny_class, tmp_path):
    folder = presets.save_to_preset(tiny_class(filters=2), tmp_path / "mine")
    assert refinezoo.load(folder).filters == 2
    assert refinezoo.load(str(folder), weights=None).filters == 2
    told = zoo.info(folder)
    assert told["class"] == "Tiny" and told["config"]["filters"] == 2
    assert told["weights"]["bytes"] == (folder / "model.weights.h5").stat().st_size


@pytest.mark.once
def test_a_wrong_entry_writes_nothing(tiny_class, tmp_path):
    folder = presets.save_to_preset(tiny_class(), tmp_path / "preset")
    with pytest.raises(RefinezooError, match="licence"):
        zoo.add_entry(folder, {"name": "x", "kind": "refiner", "summary": "s"}, root=tmp_path / "z")
    assert not (tmp_path / "z").exists()


@pytest.mark.once
def test_too_heavy_weights_are_refused(tiny_class, tmp_path, monkeypatch):
    monkeypatch.setattr(catalogue, "MAX_WEIGHTS_BYTES", 100)
    folder = presets.save_to_preset(tiny_class(), tmp_path / "preset")
    with pytest.raises(RefinezooError, match="at most 100 bytes"):
        zoo.add_entry(folder, VALUES, root=tmp_path / "z")


@pytest.mark.once
def test_an_old_name_gives_the_better_model_and_says_so():
    for old, new in catalogue.REPLACED.items():
        assert old not in NAMES
        with pytest.warns(FutureWarning, match=f"{old} is replaced by the better {new};"):
            assert zoo.info(old)["name"] == new


ROWS = zoo.list_models()
NAMES = [row["name"] for row in ROWS]
REFINERS = [row["name"] for row in ROWS if row["kind"] == "refiner"]
loaded = functools.cache(refinezoo.load)  # each entry once, for what only looks at it


@pytest.mark.once
def test_every_config_of_the_package_is_listed():
    assert NAMES == sorted(path.stem for path in catalogue._root(None).glob("*.yaml"))


@pytest.mark.once
@pytest.mark.parametrize("name", NAMES)
def test_every_entry_loads_and_keeps_its_word(name):
    model = loaded(name)
    entry = refinezoo.info(name)
    assert type(model).__name__ == entry["class"]
    assert entry["limits"] and entry["data"] and entry["licence"]
    for result in entry["results"]:
        assert entry["recipe"]["command"] and np.isfinite(result["value"])
    if entry["weights"]:
        assert entry["weights"]["bytes"] <= catalogue.MAX_WEIGHTS_BYTES
        assert entry["weights"]["dtype"] == "float16"


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=[pytest.mark.once] * (name != "cyclegan")) for name in REFINERS],
)
def test_every_refiner_keeps_the_size_and_changes_the_image(name, rng):
    renders = rng.integers(0, 255, (2, 45, 51, 3), dtype=np.uint8)
    refiner = loaded(name)
    refined = refiner.refine(renders, seed=0)
    assert refined.shape == renders.shape and refined.dtype == np.uint8
    assert not np.array_equal(refined, renders)
    np.testing.assert_array_equal(refiner.refine(renders, strength=0.0, seed=0), renders)
    np.testing.assert_array_equal(refiner.refine(renders, seed=0), refined)


GATES = sorted(path.stem for path in catalogue._root(None).glob("gates/*.json"))


@pytest.mark.once
@pytest.mark.parametrize("name", GATES)
def test_a_gate_is_of_the_weights_that_are_shipped(name):
    from refinezoo.refinement import Calibration

    calibration = Calibration.load(catalogue.gate_file(name))
    calibration.check_model(loaded(name))
    assert name in REFINERS and calibration.images >= 200


@pytest.mark.once
def test_every_refiner_says_how_far_it_is_from_its_photos():
    """KID with the renders' own beside it, and the command that measured both."""
    without = []
    for row in zoo.list_models(kind="refiner"):
        known = [each for each in row["results"] if each["metric"] == "KID"]
        told = [each for each in known if "baseline_value" in each and each["rule"]]
        without += [] if told else [row["name"]]
    assert not without


@pytest.mark.once
def test_fridge_refiners_bring_a_gate():
    assert {"cyclegan_fgbg", "colour_transport", "reinhard"} <= set(GATES)
    assert catalogue.gate_file("pixelda_pose") is None
