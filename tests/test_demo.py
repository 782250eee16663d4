import json

import pytest

from refinezoo import demo
from refinezoo.errors import RefinezooError
from refinezoo.files import sha256

pytestmark = pytest.mark.tensorflow


@pytest.fixture(scope="module")
def models():
    """Untrained stand-ins: a refiner that draws colours, two small detectors of the 31 products."""
    import keras

    from refinezoo.refiners import Reinhard
    from refinezoo.tasks.detection import SSD300

    keras.utils.set_random_seed(0)
    names = demo._real_photos().class_names
    settings = {
        "image_size": 64,
        "width_multiplier": 0.0625,
        "batch_norm": True,
        "top_k": 20,
        "keep": 10,
    }
    return Reinhard(photos=2, name="stub_refiner"), {
        "synthetic": SSD300(names, name="stub_a", **settings),
        "refined": SSD300(names, name="stub_b", **settings),
    }


@pytest.fixture(scope="module")
def done(models, tmp_path_factory):
    """One whole demo with the stand-ins: its folder and what it returned."""
    out = tmp_path_factory.mktemp("demo") / "run"
    refiner, detectors = models
    results = demo.run(
        out, count=4, seed=3, refiner=refiner, detectors=detectors, image_size=64, progress=False
    )
    return out, results


def test_results_have_rows_export_and_seconds(done):
    out, results = done
    assert json.loads((out / "results.json").read_text()) == results
    assert results["study"] == "demo" and results["seconds"] > 0
    assert [(row["model"], row["arm"], row["metric"]) for row in results["rows"]] == [
        ("stub_a", "synthetic", "AP50"),
        ("stub_a", "synthetic", "AP"),
        ("stub_b", "refined", "AP50"),
        ("stub_b", "refined", "AP"),
    ]
    assert all(0 <= row["values"][0] <= 1 for row in results["rows"])
    assert results["export"]["max_abs_error"] <= 2
    assert results["recipe"]["test"]["photos"] == 62
    assert len(results["step_seconds"]) == 7
    assert str(out) not in json.dumps(results)


def test_refined_scenes_carry_the_same_annotations(done):
    out, results = done
    first, second = out / "synthetic", out / "refined"
    assert sha256(first / "annotations.json") == sha256(second / "annotations.json")
    assert results["recipe"]["annotations_sha256"] == sha256(first / "annotations.json")
    names = sorted(path.name for path in (first / "images").iterdir())
    assert len(names) == 4
    assert names == sorted(path.name for path in (second / "images").iterdir())
    changed = [
        sha256(first / "images" / name) != sha256(second / "images" / name) for name in names
    ]
    assert all(changed)


def test_servable_and_report_are_there(done):
    out, results = done
    assert (out / results["export"]["folder"] / "saved_model.pb").is_file()
    text = (out / "report.html").read_text()
    assert text.count('type="range"') == 4 + 1  # a slider each, and one for all
    assert text.count("<figure>") == 8 * 3
    assert "stub_a" in text and "refinezoo demo --count 4 --seed 3" in text


def test_a_second_demo_replaces_the_first(done, models):
    out, results = done
    again = demo._cleared(out)
    assert sorted(path.name for path in again.iterdir()) == [demo.MARK]


def test_a_folder_of_something_else_is_left_alone(tmp_path):
    (tmp_path / "synthetic").mkdir()
    with pytest.raises(RefinezooError, match="holds synthetic of something else"):
        demo.run(tmp_path, progress=False)
    assert [path.name for path in tmp_path.iterdir()] == ["synthetic"]


@pytest.mark.parametrize("name", ["results.json", "report.html"])
def test_the_results_of_a_study_are_left_alone(tmp_path, name):
    (tmp_path / name).write_text("weeks of work")
    with pytest.raises(RefinezooError, match=f"holds {name} of something else"):
        demo.run(tmp_path, progress=False)
    assert (tmp_path / name).read_text() == "weeks of work"


def test_missing_detectors_are_named(monkeypatch):
    import refinezoo

    monkeypatch.setattr(
        refinezoo,
        "list_models",
        lambda pattern: [{"name": "pvanet_fridge_synthetic"}],
        raising=False,
    )
    with pytest.raises(RefinezooError, match="pvanet_fridge_refined"):
        demo._zoo_detectors()


def test_the_zoo_s_detectors_come_by_what_they_were_trained_on(monkeypatch):
    import refinezoo

    monkeypatch.setattr(
        refinezoo,
        "list_models",
        lambda pattern: [
            {"name": name}
            for name in (
                "pvanet_fridge",
                "pvanet_fridge_refined",
                "pvanet_fridge_synthetic",
                "pvanet_fridge_other",
            )
        ],
        raising=False,
    )
    assert demo._zoo_detectors() == {
        "synthetic": "pvanet_fridge_synthetic",
        "refined": "pvanet_fridge_refined",
        "real+refined": "pvanet_fridge",
    }
