"""Which of a run's kept steps is best: ranked on validation photos, never on the test."""

import json

import pytest
import yaml

from refinezoo import load
from refinezoo.errors import RefinezooError
from refinezoo.experiments import select as module
from refinezoo.experiments.compare.schema import read_study
from refinezoo.experiments.select import select

STUDY = {
    "study": "toy",
    "data": {"root": "data"},
    "synthetic": {"coco": "renders"},
    "real": {"train": "train.json", "val": "val.json", "test": "test.json"},
    "model": {"name": "ssd", "class": "SSD300", "config": {"image_size": 64}},
    "training": {"steps": 4},
    "arms": {"real": ["real"]},
    "seeds": [0, 1],
}


@pytest.fixture
def run(tmp_path):
    """A run that kept two presets."""
    refiner = load("reinhard")
    for step in (200, 400):
        refiner.save_to_preset(tmp_path / "run" / "presets" / f"step_{step:06d}")
    return tmp_path / "run"


@pytest.fixture
def compared(monkeypatch):
    """Stands in for the trainings: scores per arm, and what was asked."""
    asked = []

    def compare(study, *, jobs, data, out, progress):
        asked.append({"study": yaml.safe_load(study.read_text()), "data": data, "jobs": jobs})
        values = {"synthetic": [0.3, 0.2], "step_000200": [0.5, 0.3], "step_000400": [0.1, 0.2]}
        return {
            "rows": [
                {"arm": arm, "metric": metric, "values": values[arm]}
                for arm in asked[-1]["study"]["arms"]
                for metric in ("AP50", "AP", "abs_rel")
            ]
        }

    monkeypatch.setattr(module, "compare_downstream", compare)
    return asked


def written(path, **changes):
    path.write_text(yaml.safe_dump({**STUDY, **changes}))
    return path


def test_the_best_step_on_validation_photos_is_selected(run, compared, tmp_path):
    told = select(run, written(tmp_path / "study.yaml"), jobs=2)
    assert told["selected"] == str(run / "presets" / "step_000200")
    assert list(told["scores"]) == ["step_000200", "synthetic", "step_000400"]
    assert told["scores"]["step_000200"] == {"mean": 0.4, "values": [0.5, 0.3]}
    assert json.loads((run / "select" / "selected.json").read_text()) == told
    (asked,) = compared
    assert asked["data"] == "data"
    assert asked["study"]["real"] == {"train": "train.json", "test": "val.json"}
    assert asked["study"]["arms"]["step_000400"] == ["step_000400"]


def test_students_of_the_study_take_no_part(run, compared, tmp_path):
    path = written(
        tmp_path / "study.yaml",
        pseudo_labels={"named": {"arm": "real"}},
        arms={"real": ["real"], "named": ["named"]},
    )
    select(run, path)
    read_study(written(tmp_path / "asked.yaml", **compared[0]["study"]))


def test_less_is_better_where_the_task_says_so(run, compared, tmp_path):
    study = written(
        tmp_path / "study.yaml",
        synthetic={"folder": "renders"},
        model={"name": "unet", "class": "DepthUNet", "config": {}},
        settings={"image_size": [64, 64]},
        real={"folders": {"val": "a", "test": "b"}},
        arms={"a": ["synthetic"]},
        metrics=["abs_rel"],
    )
    told = select(run, study)
    assert told["lower"] and told["metric"] == "abs_rel on validation photos"
    assert told["selected"] == str(run / "presets" / "step_000400")
    assert compared[0]["study"]["real"] == {"folders": {"test": "a"}}


def test_mistakes_are_worded(run, compared, tmp_path):
    study = written(tmp_path / "study.yaml", real={"test": "test.json"}, arms={"a": ["synthetic"]})
    with pytest.raises(RefinezooError, match="expected validation photos in the study"):
        select(run, study)
    with pytest.raises(RefinezooError, match="keep_every=1000"):
        select(tmp_path / "empty", study)
    assert not compared
