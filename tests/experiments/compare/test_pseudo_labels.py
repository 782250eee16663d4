"""Arms that train on photos which another arm's model, of the same seed, has labelled."""

import json
import sys
from pathlib import Path

import pytest
import yaml

from refinezoo.errors import RefinezooError
from refinezoo.experiments.compare import compare_downstream, plots, run_arm, scheduler
from refinezoo.experiments.compare.prepare import Preparation
from refinezoo.experiments.compare.schema import read_study
from refinezoo.experiments.compare.trainings import Trainings

RUNNER = Path(__file__).with_name("fake_runner.py")
UNLABELLED = {
    "train": "real/annotations.json",
    "test": "test/annotations.json",
    "unlabelled": ["real/images"],
}
STUDENT = {
    "real": UNLABELLED,
    "pseudo_labels": {"named": {"arm": "synthetic", "score_threshold": 0.5}},
    # The student comes first: what it needs is trained before it all the same.
    "arms": {"synthetic+named": ["synthetic", "named"], "synthetic": ["synthetic"]},
}


@pytest.fixture
def compare(toy, tmp_path, monkeypatch):
    """Runs a study over the toy world with a stand-in for the training process."""
    toy.write_world(tmp_path / "data")
    monkeypatch.setenv("TOY_RUNS", str(tmp_path / "runs.txt"))
    monkeypatch.setattr(scheduler, "command", lambda folder: [sys.executable, RUNNER, folder])
    monkeypatch.setattr(plots, "write_plots", lambda *_: None)

    def run(**changes):
        path = toy.write_study(tmp_path / "study.yaml", **{**STUDENT, **changes})
        found = compare_downstream(
            path, jobs=2, data=tmp_path / "data", out=tmp_path / "out", progress=False
        )
        return found

    run.folder = tmp_path
    return run


def order(compare):
    path = compare.folder / "runs.txt"
    lines = path.read_text().splitlines() if path.exists() else []
    path.write_text("")
    return lines


def spec(compare, arm, seed):
    return json.loads((compare.folder / f"out/arms/{arm}/seed_{seed}/spec.json").read_text())


@pytest.mark.once
def test_a_student_waits_for_the_teacher_of_its_seed(compare):
    said = compare()["recipe"]["gains"]
    assert [line.split("+0")[0] for line in said] == [
        "AP50: synthetic+named against synthetic ",
        "AP: synthetic+named against synthetic ",
    ]
    ran = order(compare)
    assert sorted(ran) == ["synthetic 0", "synthetic 1", "synthetic+named 0", "synthetic+named 1"]
    for seed in (0, 1):
        assert ran.index(f"synthetic {seed}") < ran.index(f"synthetic+named {seed}")
        named = spec(compare, "synthetic+named", seed)["sets"][1]["pseudo_labels"]
        assert named["teacher"].endswith(f"arms/synthetic/seed_{seed}/preset")
        assert len(named["photos"]) == 6 and named["score_threshold"] == 0.5
    page = (compare.folder / "out/page.html").read_text()
    assert "photos that the teacher was sure of" in page and "synthetic+named, seed 1" in page
    compare()
    assert order(compare) == []


@pytest.mark.once
def test_a_changed_teacher_or_threshold_repeats_the_student(compare):
    compare()
    order(compare)
    compare(pseudo_labels={"named": {"arm": "synthetic", "score_threshold": 0.6}})
    assert sorted(order(compare)) == ["synthetic+named 0", "synthetic+named 1"]
    (compare.folder / "data/synthetic/images/000.png").write_bytes(
        (compare.folder / "data/synthetic/images/002.png").read_bytes()
    )
    compare(pseudo_labels={"named": {"arm": "synthetic", "score_threshold": 0.6}})
    assert len(order(compare)) == 4


@pytest.mark.once
def test_a_student_is_not_trained_where_its_teacher_failed(compare, monkeypatch):
    monkeypatch.setenv("TOY_FAIL", "synthetic 0")
    with pytest.raises(RefinezooError) as caught:
        compare()
    assert "not trained: synthetic, seed 0, which labels its photos, failed" in str(caught.value)
    assert "exit status 0" not in str(caught.value)
    assert sorted(order(compare)) == ["synthetic 0", "synthetic 1", "synthetic+named 1"]
    monkeypatch.delenv("TOY_FAIL")
    compare()
    assert order(compare) == ["synthetic 0", "synthetic+named 0"]


@pytest.mark.once
@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"pseudo_labels": {"named": {}}}, "exactly one of arm and preset"),
        (
            {"pseudo_labels": {"named": {"arm": "sinthetic"}}},
            r"pseudo_labels.named: arm 'sinthetic' is none.*Did you mean 'synthetic'\?",
        ),
        (
            {"pseudo_labels": {"named": {"arm": "synthetic+named"}}},
            "'synthetic\\+named' would label photos for itself",
        ),
        ({"pseudo_labels": {"real": {"arm": "synthetic"}}}, "'real' already names a set"),
        (
            {"pseudo_labels": {"named": {"arm": "synthetic", "score_threshold": 70}}},
            "score_threshold",
        ),
        (
            {
                "arms": {
                    "synthetic": {"sets": ["synthetic"], "seeds": [0]},
                    "named": ["synthetic", "named"],
                }
            },
            "asks for seed 1 of 'named', which the arm 'synthetic' labels",
        ),
        ({"real": {"test": "test/annotations.json"}}, "expected real.unlabelled"),
        (
            {"pseudo_labels": {"named": {"preset": "deeplab_v2_street"}}},
            "expected a detector, as the study trains, received a segmenter",
        ),
        ({"pseudo_labels": {"named": {"preset": "no_such_model"}}}, "no_such_model"),
        (
            {"pseudo_labels": {"named": {"preset": "pvanet_fridge_transport"}}},
            "the study's classes, in their order .square, disc., received one of 31 .Bravo",
        ),
    ],
)
def test_mistakes_are_worded_before_anything_trains(compare, changes, words):
    with pytest.raises(RefinezooError, match=words):
        compare(**changes)
    assert order(compare) == []


@pytest.mark.once
def test_photos_of_the_train_split_are_taken_where_no_others_are_named(compare):
    compare(
        real={key: value for key, value in UNLABELLED.items() if key != "unlabelled"}, seeds=[0]
    )
    named = spec(compare, "synthetic+named", 0)["sets"][1]["pseudo_labels"]
    assert [Path(photo).parent.parent.name for photo in named["photos"]] == ["real"] * 6


@pytest.mark.once
def test_a_teacher_whose_model_is_gone_is_trained_again(compare):
    compare(seeds=[0])
    order(compare)
    (compare.folder / "out/arms/synthetic/seed_0/preset").rmdir()
    compare(seeds=[0])
    assert order(compare) == []  # nobody needs it
    changed = {"named": {"arm": "synthetic", "score_threshold": 0.9}}
    compare(seeds=[0], pseudo_labels=changed)
    assert order(compare) == ["synthetic 0", "synthetic+named 0"]


@pytest.mark.once
def test_photos_of_a_folder_elsewhere_are_found(compare):
    (compare.folder / "data/real/images").rename(compare.folder / "data/photos")
    (compare.folder / "data/test/images").rename(compare.folder / "data/gone")
    for path in (compare.folder / "data/gone").iterdir():
        path.rename(compare.folder / "data/photos" / f"test_{path.name}")
    test = compare.folder / "data/test/annotations.json"
    test.write_text(test.read_text().replace('"file_name": "', '"file_name": "test_'))
    labelled = {key: UNLABELLED[key] for key in ("train", "test")}
    compare(real={**labelled, "images": "photos"}, seeds=[0])
    named = spec(compare, "synthetic+named", 0)["sets"][1]["pseudo_labels"]
    assert len(named["photos"]) == 6


@pytest.mark.once
def test_two_rounds_follow_each_other(compare):
    compare(
        pseudo_labels={"once": {"arm": "synthetic"}, "twice": {"arm": "second"}},
        arms={
            "third": ["once", "twice"],
            "second": ["synthetic", "once"],
            "synthetic": ["synthetic"],
        },
        seeds=[0],
    )
    assert order(compare) == ["synthetic 0", "second 0", "third 0"]


@pytest.mark.usefixtures("eager")
def test_a_training_learns_from_what_its_teacher_is_sure_of(toy, tmp_path):
    toy.write_world(tmp_path)
    content = toy.study(**STUDENT)
    content["pseudo_labels"]["named"]["score_threshold"] = 0.01
    (tmp_path / "study.yaml").write_text(yaml.safe_dump(content))
    read = read_study(tmp_path / "study.yaml")
    preparation = Preparation(read, tmp_path / "out", tmp_path, lambda line: None)
    trainings = Trainings(read, tmp_path / "out", preparation.sets(), preparation.test())
    student = trainings.of("synthetic+named", 1)
    (teacher,) = student.after
    assert not student.ready()
    run_arm.main(teacher.folder)
    assert student.ready()
    result = run_arm.main(student.folder)
    said = result["pseudo_labels"]["named"]
    assert said["photos"] == 6 and 1 <= said["kept"] <= 6
    labelled = json.loads((student.folder / "pseudo_labels/named/annotations.json").read_text())
    assert len(labelled["images"]) == said["kept"]
