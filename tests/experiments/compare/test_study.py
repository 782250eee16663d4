import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import refinezoo
from refinezoo.errors import RefinezooError
from refinezoo.experiments.compare import compare_downstream, page, plots, scheduler

RUNNER = Path(__file__).with_name("fake_runner.py")
ALL = {f"{arm} {seed}" for arm in ("synthetic", "real", "real+synthetic") for seed in (0, 1)}


@pytest.fixture
def drawn(toy, tmp_path, monkeypatch):
    """The toy sets, a study file, and a stand-in for the training process."""
    toy.write_world(tmp_path / "data")
    monkeypatch.setenv("TOY_RUNS", str(tmp_path / "runs.txt"))
    monkeypatch.setattr(scheduler, "command", lambda folder: [sys.executable, RUNNER, folder])
    return World(tmp_path, toy.write_study)


@pytest.fixture
def world(drawn, monkeypatch):
    """The same without plots and page, which take longer than all else."""
    monkeypatch.setattr(plots, "write_plots", lambda *_: None)
    monkeypatch.setattr(page, "write_page", lambda *_: None)
    return drawn


class World:
    """A folder with the toy sets, and what to do there."""

    def __init__(self, folder, write_study):
        self.folder, self.write_study = folder, write_study

    def __truediv__(self, name):
        return self.folder / name


def compare(world, jobs=2, **changes):
    path = world.write_study(world / "study.yaml", **changes)
    return compare_downstream(
        path, jobs=jobs, data=world / "data", out=world / "out", progress=False
    )


def runs(world):
    path = world / "runs.txt"
    lines = path.read_text().splitlines() if path.exists() else []
    path.write_text("")
    return sorted(lines)


def test_results_have_one_row_per_arm_and_metric(drawn):
    world = drawn
    results = compare(world)
    assert results == json.loads((world / "out" / "results.json").read_text())
    assert set(results) == {"study", "recipe", "rows", "class_metric", "by_class"}
    of_arms = results["by_class"]["carton"]
    assert results["class_metric"] == "AP50" and list(of_arms) == list(results["recipe"]["seeds"])
    assert of_arms["real"] == pytest.approx(np.mean(results["rows"][2]["values"]))
    assert results["study"] == "toy"
    assert [(row["arm"], row["metric"]) for row in results["rows"]] == [
        (arm, metric)
        for arm in ("synthetic", "real", "real+synthetic")
        for metric in ("AP50", "AP")
    ]
    for row in results["rows"]:
        assert set(row) == {"model", "arm", "metric", "values"}
        assert row["model"] == "ssd" and len(row["values"]) == 2
    recipe = results["recipe"]
    assert recipe["seeds"] == {arm: [0, 1] for arm in ("synthetic", "real", "real+synthetic")}
    assert {"command", "settings", "hardware", "versions", "training_seconds"} <= set(recipe)
    digest = hashlib.sha256((world / "study.yaml").read_bytes()).hexdigest()
    assert recipe["study_file"] == {"name": "study.yaml", "sha256": digest}
    assert str(world.folder) not in json.dumps(recipe)
    for name in ("table.md", "page.html", "plots/AP50.png", "plots/AP.png"):
        assert (world / "out" / name).stat().st_size > 100


def test_a_set_of_another_tool_is_an_arm_like_any(world):
    arms = {"theirs": ["theirs"], "real+theirs": {"sets": ["real", "theirs"], "mix": {"real": 0.5}}}
    results = compare(world, arms=arms, sets={"theirs": {"coco": "synthetic"}}, measure_images=2)
    assert runs(world) == sorted(f"{arm} {seed}" for arm in arms for seed in (0, 1))
    (theirs,) = [part for part in results["recipe"]["sets"] if part["name"] == "theirs"]
    assert set(results["recipe"]["sets_measured"]) == {"theirs"} and len(theirs["sha256"]) == 64
    with pytest.raises(RefinezooError, match="sets.theirs.coco: expected an existing path"):
        compare(world, arms=arms, sets={"theirs": {"coco": "gone"}})


def test_finished_arms_are_not_run_again(world):
    compare(world)
    assert runs(world) == sorted(ALL)
    older = world / "out" / "arms" / "real" / "seed_0" / "result.json"
    content = json.loads(older.read_text())
    older.write_text(json.dumps({k: v for k, v in content.items() if k != "by_class"}))
    results = compare(world)
    assert runs(world) == []
    assert "real" not in results["by_class"]["carton"]  # no mean of other seeds than its AP50
    (world / "out" / "arms" / "real" / "seed_1" / "result.json").unlink()
    compare(world)
    assert runs(world) == ["real 1"]


def test_a_new_seed_runs_alone_and_other_metrics_run_nothing(world):
    compare(world)
    runs(world)
    results = compare(world, seeds=[0, 1, 2], metrics=["AP75"])
    assert runs(world) == ["real 2", "real+synthetic 2", "synthetic 2"]
    assert [len(row["values"]) for row in results["rows"]] == [3, 3, 3]


def test_an_arm_may_have_fewer_seeds(world):
    results = compare(world, arms={"real": ["real"], "few": {"sets": ["synthetic"], "seeds": [1]}})
    assert runs(world) == ["few 1", "real 0", "real 1"]
    assert {row["arm"]: len(row["values"]) for row in results["rows"]} == {"real": 2, "few": 1}


def test_each_seed_may_have_a_start_of_its_own(world):
    refinezoo.load("reinhard").save_to_preset(world / "start_0")
    model = {"name": "ssd", "class": "SSD300", "init": str(world / "start_{seed}")}
    with pytest.raises(RefinezooError, match="model.init: .*start_1"):
        compare(world, model=model)
    assert not (world / "out").exists()  # told before anything is composed
    refinezoo.load("reinhard").save_to_preset(world / "start_1")
    compare(world, model=model)
    specs = [json.loads(path.read_text()) for path in (world / "out").rglob("spec.json")]
    assert len(specs) == len(ALL)
    for spec in specs:
        assert spec["model"]["init"] == str(world / f"start_{spec['seed']}")


def test_a_changed_recipe_runs_everything_again(world):
    compare(world)
    runs(world)
    compare(world, training={"steps": 6, "batch_size": 4, "backup_every": 2})
    assert set(runs(world)) == ALL


def test_changed_training_photos_run_only_the_arms_that_use_them(world):
    compare(world)
    runs(world)
    photo = world / "data" / "real" / "images" / "000.png"
    photo.write_bytes((world / "data" / "real" / "images" / "002.png").read_bytes())
    compare(world)
    assert runs(world) == ["real 0", "real 1", "real+synthetic 0", "real+synthetic 1"]


def test_a_failing_arm_is_reported_and_the_others_go_on(world, monkeypatch):
    monkeypatch.setenv("TOY_FAIL", "real 0")
    with pytest.raises(RefinezooError, match="real, seed 0 .*the toy broke on purpose"):
        compare(world)
    assert set(runs(world)) == ALL
    results = json.loads((world / "out" / "results.json").read_text())
    assert results["recipe"]["failed"] == ["real, seed 0"]
    values = {(row["arm"], row["metric"]): row["values"] for row in results["rows"]}
    assert len(values["real", "AP50"]) == 1 and len(values["synthetic", "AP50"]) == 2
    monkeypatch.delenv("TOY_FAIL")
    results = compare(world)
    assert runs(world) == ["real 0"]
    assert results["recipe"]["failed"] == []


def test_killed_run_goes_on_where_it_was(world):
    world.write_study(world / "study.yaml")
    script = (
        "import sys; from refinezoo.experiments.compare import compare_downstream, scheduler\n"
        f"scheduler.command = lambda folder: [sys.executable, {str(RUNNER)!r}, folder]\n"
        f"compare_downstream({str(world / 'study.yaml')!r}, data={str(world / 'data')!r}, "
        f"out={str(world / 'out')!r}, progress=False)"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", script], env={**os.environ, "TOY_SLOW": "0.6"}
    )
    arms = world / "out" / "arms"
    deadline = time.monotonic() + 600
    while len(list(arms.glob("*/*/result.json"))) < 2 and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    finished = {path.parent for path in arms.glob("*/*/result.json")}
    assert 2 <= len(finished) < 6
    time.sleep(1.0)
    runs(world)
    compare(world)
    assert 6 - len(runs(world)) in (len(finished), len(finished) + 1)


@pytest.mark.parametrize("moment", [1, 3])
def test_a_full_disk_ends_in_words_and_the_study_goes_on(world, full_disk, moment):
    with full_disk(moment), pytest.raises(RefinezooError, match="No space left.*Make room"):
        compare(world)
    compare(world)
    assert sorted(set(runs(world))) == sorted(ALL)
    assert not list((world / "out").rglob(".refinezoo-*"))


def test_two_runs_in_one_folder_are_refused(world):
    import fcntl

    (world / "out").mkdir()
    with open(world / "out" / ".lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(RefinezooError, match="another refinezoo compare is running"):
            compare(world)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"metrics": ["APP50"]}, r"'APP50' is not measured.*Did you mean 'AP50'\?"),
        ({"model": {"name": "x", "class": "SSD30"}}, r"Did you mean 'SSD300'\?"),
        (
            {"model": {"name": "x", "class": "SSD300", "task": "detecton"}},
            r"Did you mean 'detection'\?",
        ),
        ({"training": {"steps": 4, "augmentation": {"flipp": 0.5}}}, r"Did you mean 'flip'\?"),
        (
            {"real": {"train": "reel.json", "test": "test/annotations.json"}},
            "real.train: expected an existing path, received 'reel.json'",
        ),
        (
            {"sets": {"theirs": {"masks": "synthetic"}}},
            "expected sets.theirs.coco, where detection finds its labels, received sets.theirs.m",
        ),
        (
            {"real": {"folders": {"train": "real", "test": "test"}}},
            "expected real.test, where detection finds its labels, received real.folders",
        ),
        ({"synthetic": {"compose": {"cuont": 3}}}, r"Did you mean 'count'\?"),
        (
            {"model": {"name": "x", "class": "SSD300", "config": {"image_sise": 64}}},
            r"model.config: SSD300 takes no argument 'image_sise'. Did you mean 'image_size'\?",
        ),
        (
            {"model": {"name": "x", "class": "SSD300", "config": {"width_multiplier": "0.1 "}}},
            "model.config: SSD300: expected width_multiplier as a number",
        ),
        (
            {"refiners": {"refined": {"adapt": {"class": "FDA", "photo": 3}}}},
            r"refiners.refined.adapt: FDA takes no argument 'photo'. Did you mean 'photos'\?",
        ),
        (
            {"refiners": {"refined": {"adapt": {"class": "FDA", "photos": 1e2}}}},
            "refiners.refined.adapt: FDA: expected photos as a whole number.*received 100.0",
        ),
        (
            {"refiners": {"adapted": {"adapt": {"class": "PixelDA", "widht": 3}}}},
            r"refiners.adapted.adapt: PixelDA takes no argument 'widht'. Did you mean 'width'\?",
        ),
        ({"training": {"steps": 4, "optimizer": "adamm"}}, r"Did you mean 'adamw?'\?"),
        (
            {
                "synthetic": {"compose": {"count": 2, "image_size": 64}},
                "refiners": {"refined": {"adapt": {"class": "CycleGAN"}}},
                "arms": {"refined": ["refined"]},
            },
            "refinezoo train first",
        ),
    ],
)
def test_mistakes_are_worded_before_anything_trains(world, changes, words):
    with pytest.raises(RefinezooError, match=words):
        compare(world, **changes)
    assert runs(world) == []


def test_data_root_must_exist(world):
    path = world.write_study(world / "study.yaml")
    with pytest.raises(RefinezooError, match="data root to be a folder"):
        compare_downstream(path, data=world / "nowhere", out=world / "out", progress=False)
    with pytest.raises(RefinezooError, match="jobs of at least 1"):
        compare_downstream(path, jobs=0, data=world / "data")
