"""`refinezoo suggest`: what fits the folders, in order, with configs that `train` takes."""

import shlex
from pathlib import Path

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

import refinezoo
from refinezoo.cli import app
from refinezoo.experiments import suggest as module
from refinezoo.experiments.suggest import decision_table, suggest
from refinezoo.experiments.train import read_config
from refinezoo.experiments.train.run import timed_steps

RUNS = "populationtransport", "cyclegan"


def fill(folder, count, seed, *, masks=False):
    rng = np.random.default_rng(seed)
    for k in range(count):
        for name in ("images", "foreground_masks")[: 1 + masks]:
            path = folder / name / f"{k:03d}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            values = rng.integers(0, 255, (64, 64, 3), np.uint8)
            if name != "images":
                values = np.uint8(255) * (values[..., 0] > 99)
            cv2.imwrite(str(path), values)


@pytest.mark.parametrize(
    ("count", "masks", "classes", "wanted"),
    [
        (12, False, False, ["PopulationTransport"]),
        (100, True, False, ["PopulationTransport", "CycleGAN", "CycleGANForegroundBackground"]),
        (100, False, False, ["PopulationTransport", "CycleGAN"]),
        (12, False, True, ["PixelDA", "PopulationTransport"]),
    ],
)
def test_what_fits_is_suggested_in_order(tmp_path, count, masks, classes, wanted):
    fill(tmp_path / "renders", count, 0, masks=masks)
    fill(tmp_path / "photos", count, 1)
    if classes:
        rows = "".join(f"{k:03d}.png,{k % 2}\n" for k in range(count))
        (tmp_path / "renders/labels.csv").write_text("file,class\n" + rows)
    folders = tmp_path / "renders", tmp_path / "photos/images"
    told = suggest(*folders, tmp_path / "out", measure=False)
    assert [row["refiner"] for row in told["choices"]] == wanted
    assert told["first"] == told["choices"][0]["config"]
    for row in told["choices"]:
        config = read_config(row["config"])
        assert config.refiner == row["refiner"] and config.steps == row["steps"]
        assert row["minutes"] is None
        if row["refiner"].startswith("CycleGAN"):
            masked = row["refiner"] == "CycleGANForegroundBackground"
            entry = "cyclegan_fgbg" if masked else "cyclegan_projected"
            assert config.arguments.items() <= refinezoo.info(entry)["config"].items()
            assert ("fg_on" in config.arguments) == masked
            judge = config.arguments.get("discriminator", "patch")
            assert judge == ("patch" if masked else "both")


def test_the_cost_is_a_measured_step_times_the_steps(tmp_path, monkeypatch):
    fill(tmp_path / "renders", 100, 0)
    fill(tmp_path / "photos", 100, 1)
    asked = []
    monkeypatch.setattr(
        "refinezoo.experiments.train.run.timed_steps",
        lambda config, count: asked.append(config.refiner) or [9.0, 0.7, 0.5, 0.6],
    )
    arguments = ["suggest", str(tmp_path / "renders"), str(tmp_path / "photos")]
    said = CliRunner().invoke(app, [*arguments, "--out", str(tmp_path / "out")])
    assert said.exit_code == 0 and asked == ["CycleGAN"]
    assert "3000 steps x 0.50 s = 25 minutes here, " in said.stdout
    assert " MB of memory" in said.stdout
    assert "1. PopulationTransport" in said.stdout


def test_errors_in_the_data_come_first(tmp_path):
    fill(tmp_path / "renders", 3, 0)
    fill(tmp_path / "photos", 3, 1)
    (tmp_path / "photos/images/b.png").write_bytes(b"junk")
    arguments = ["suggest", str(tmp_path / "renders"), str(tmp_path / "photos")]
    said = CliRunner().invoke(app, [*arguments, "--out", str(tmp_path / "out")])
    assert said.exit_code == 1 and "ERROR corrupt" in said.stdout
    assert "nothing was written" in said.stdout and not (tmp_path / "out").exists()


def test_the_commands_it_ends_with_refine_the_renders(tmp_path, monkeypatch):
    fill(tmp_path / "my renders", 3, 0, masks=True)
    fill(tmp_path / "photos", 3, 1)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(module, "FEW", 3)
    rows = suggest("my renders", "photos", measure=False)["choices"]
    assert [row["refiner"] for row in rows[:2]] == ["PopulationTransport", "CycleGAN"]
    refinezoo.load("reinhard").save_to_preset("runs/cyclegan/preset")  # for a trained one
    trained = CliRunner().invoke(app, ["train", rows[0]["config"]])
    assert trained.exit_code == 0, trained.output
    for command in (line for row in rows[:2] for line in row["refine"]):
        done = CliRunner().invoke(app, shlex.split(command)[1:])
        assert done.exit_code == 0, done.output
    moved, around = (cv2.imread(f"refined_{name}/images/000.png") for name in RUNS)
    inside = cv2.imread("my renders/foreground_masks/000.png")[..., 0] > 127
    assert (moved[inside] == around[inside]).all() and (moved != around).any()
    Path("my renders/foreground_masks/001.png").unlink()
    (cyclegan,) = suggest("my renders", "photos", measure=False)["choices"][1]["refine"]
    assert "--over" not in cyclegan  # a mask for each render is needed


@pytest.mark.tensorflow
def test_steps_are_timed_without_a_trace_on_disk(tmp_path, monkeypatch):
    fill(tmp_path / "renders", 2, 0)
    fill(tmp_path / "photos", 2, 1)
    monkeypatch.chdir(tmp_path)
    values = {
        "refiner": "SimGAN",
        "arguments": {"image_size": 32, "width": 4, "blocks": 1, "discriminator_width": 6},
        "synthetic": "renders",
        "real": "photos",
        "image_size": 32,
        "batch_size": 2,
        "steps": 9,
        "out": "runs/x",
    }
    times = timed_steps(module.TrainingConfig(**values), 3)
    assert len(times) == 3 and min(times) > 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["photos", "renders"]


def test_the_table_of_the_docs_is_that_of_the_code():
    page = Path(__file__).parents[2] / "docs/which_refiner.md"
    assert decision_table() in page.read_text(encoding="utf-8")
