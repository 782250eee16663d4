"""Memory and time told before a training, and the smaller one that is proposed."""

import json

import pytest
from pixel_gan import config
from typer.testing import CliRunner

from refinezoo.cli import app
from refinezoo.config import yaml_text
from refinezoo.errors import RefinezooError
from refinezoo.experiments.train import TaskTraining, TrainingConfig, read_config
from refinezoo.experiments.train import estimate as module
from refinezoo.training.rates import Rates


@pytest.fixture
def rates(monkeypatch):
    monkeypatch.setattr(module, "measured_rates", lambda: Rates(2.0, 1.0, 1000.0))


def refiner(**changes):
    values = {"refiner": "CycleGAN", "synthetic": "renders", "real": "photos", "out": "run"}
    return TrainingConfig(**{**values, **changes})


def test_the_parts_are_told_and_add_up(noise, rates, tmp_path):
    told = module.estimate(config(tmp_path / "run"))
    parts = [told[f"{part}_mb"] for part in ("process", "graph", "maps")]
    assert told["memory_mb"] == sum(parts) and parts[0] > 50
    assert told["fits"] and told["proposal"] is None
    assert told["model"] == "PixelGAN" and told["steps"] == 6
    assert told["seconds_per_step"] > 0
    assert told["hours"] == pytest.approx(told["seconds_per_step"] * 6 / 3600, abs=0.01)
    assert not (tmp_path / "run").exists()
    assert "It fits into" in module.as_text(told)


def test_what_does_not_fit_in_any_size_is_said(noise, rates, tmp_path):
    told = module.estimate(config(tmp_path / "run", image_size=96), memory_mb=1)
    assert not told["fits"] and not told["proposal"]["fits"]
    assert told["proposal"]["overrides"] == ["image_size=64"]
    assert "nothing smaller fits either" in module.as_text(told)


def fake_cost(config, rates):
    """Memory by the pixels of a batch and the width; half of it where maps are computed again."""
    arguments = config.arguments
    maps = config.batch_size * config.image_size**2 * arguments.get("width", 64) / 1000
    maps /= 1 + arguments.get("gradient_checkpointing", False)
    told = {"memory_mb": 100 + maps, "process_mb": 100, "graph_mb": 0, "maps_mb": maps}
    told |= {"model": "CycleGAN", "batch_size": config.batch_size, "steps": 10, "hours": 1.0}
    return {**told, "step_gflop": 1.0, "seconds_per_step": 2.0}, 50.0


@pytest.mark.parametrize(
    ("allowed", "wanted"),
    [
        (6000, []),
        (2700, ["arguments.gradient_checkpointing=true"]),
        (800, ["arguments.gradient_checkpointing=true", "batch_size=1"]),
        (
            500,
            [
                "arguments.gradient_checkpointing=true",
                "batch_size=1",
                "image_size=96",
                "arguments.image_size=96",
            ],
        ),
    ],
)
def test_the_first_change_that_fits_is_proposed(monkeypatch, rates, tmp_path, allowed, wanted):
    monkeypatch.setattr(module, "_cost", fake_cost)
    asked = refiner(batch_size=4, image_size=128, arguments={"image_size": 128})
    told = module.estimate(asked, memory_mb=allowed)
    assert told["fits"] == (not wanted)
    assert (told["proposal"] or {"overrides": []})["overrides"] == wanted
    # What is proposed can be typed, and then it fits.
    path = tmp_path / "my config.yaml"
    path.write_text(yaml_text(asked.model_dump()))
    again = module.estimate(read_config(path, wanted), memory_mb=allowed)
    assert again["fits"] and again["proposal"] is None
    if wanted:
        typed = f"-> refinezoo train '{path}' steps=9 {' '.join(wanted)}"
        assert typed in module.as_text(told, str(path), "steps=9")


def test_widths_come_last_and_end():
    arguments = {"width": 20, "gradient_checkpointing": True}
    values = refiner(image_size=96, arguments=arguments).model_dump()
    assert module._smaller(values, "CycleGAN") == {"image_size": 64, "arguments.image_size": 64}
    values["image_size"] = 64
    assert module._smaller(values, "CycleGAN") == {"arguments.width": 10}
    values["arguments"]["width"] = 10
    assert module._smaller(values, "CycleGAN") is None


def test_sides_that_a_class_refuses_are_left_out_of_the_proposal(monkeypatch, rates):
    def cost(config, rates):
        if config.image_size < 96:
            raise RefinezooError("expected at least 96 pixels.")
        return fake_cost(config, rates)

    monkeypatch.setattr(module, "_cost", cost)
    arguments = {"image_size": 128, "width": 32, "gradient_checkpointing": True}
    told = module.estimate(refiner(image_size=128, arguments=arguments), memory_mb=1)
    sides = ["image_size=96", "arguments.image_size=96"]
    assert told["proposal"]["overrides"] == [*sides, "arguments.width=8"]


def test_with_init_the_class_is_that_of_the_preset():
    values = refiner(refiner=None, init="cyclegan", image_size=128).model_dump()
    first = module._smaller(values, "CycleGAN")
    assert first == {"arguments.gradient_checkpointing": True}
    values["arguments"]["gradient_checkpointing"] = True
    smaller = module._smaller(values, "CycleGAN")
    assert smaller == {"image_size": 96, "arguments.image_size": 96}


def test_of_a_task_the_batch_is_made_smaller():
    values = TaskTraining(
        model={"class": "SSD300"}, data="data", training={"steps": 4, "batch_size": 3}, out="run"
    ).model_dump(by_alias=True)
    assert module._smaller(values, "SSD300") == {"training.batch_size": 1}
    values["training"]["batch_size"] = 1
    assert module._smaller(values, "SSD300") is None


def test_a_refiner_that_learns_nothing_has_no_steps_to_estimate(rates, tmp_path):
    with pytest.raises(RefinezooError, match="takes seconds"):
        module.estimate(refiner(refiner="Reinhard"))


def test_the_verb_says_it_and_trains_nothing(noise, rates, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "gan.yaml").write_text(yaml_text(config("run").model_dump()))
    said = CliRunner().invoke(app, ["train", "gan.yaml", "steps=9", "--memory", "99999", "--json"])
    assert said.exit_code == 0, said.output
    told = json.loads(said.output)
    assert told["steps"] == 9 and told["allowed_mb"] == 99999 and told["fits"]
    assert not (tmp_path / "run").exists()
