"""A training from its config to a preset, what it starts from, and what ends it in words."""

import csv
import json
import shutil

import cv2
import keras
import numpy as np
import pytest
import yaml
from command_line import run
from pixel_gan import VALUES, PixelGAN, config, weights
from small_sets import photo, put

from refinezoo.errors import RefinezooError
from refinezoo.experiments.train import config as training_config
from refinezoo.experiments.train import run as trainer
from refinezoo.experiments.train.run_folder import kept_presets
from refinezoo.models.presets import load_preset

pytestmark = pytest.mark.usefixtures("eager")


def test_a_run_leaves_config_log_grids_and_a_preset(noise, tmp_path):
    preset = trainer.train(config(tmp_path / "run"), progress=False)
    assert preset == tmp_path / "run" / "preset"
    assert load_preset(preset).refine(np.zeros((9, 7, 3), np.uint8)).shape == (9, 7, 3)
    resolved = yaml.safe_load((tmp_path / "run" / "config.yaml").read_text())
    assert resolved == config(tmp_path / "run").model_dump()
    with open(tmp_path / "run" / "log.csv") as file:
        rows = list(csv.DictReader(file))
    assert [row["epoch"] for row in rows] == ["0", "1", "2"]
    assert all(float(row["content"]) > 0 for row in rows)
    assert len(list((tmp_path / "run" / "samples").glob("*.png"))) == 3
    board = tmp_path / "run" / "tensorboard"
    assert board.is_dir() == (keras.backend.backend() == "tensorflow")
    before = (preset / "model.weights.h5").stat().st_mtime_ns
    assert trainer.train(config(tmp_path / "run"), progress=False) == preset
    assert (preset / "model.weights.h5").stat().st_mtime_ns == before


def test_init_starts_from_the_weights_of_a_preset(noise, tmp_path):
    quick = {"seed": 8, "steps": 1, "samples": 0, "guards": False, "tensorboard": False}
    first = trainer.train(config(tmp_path / "first", **{**quick, "seed": 3}), progress=False)
    slow = {**quick, "refiner": None, "init": str(first), "arguments": {}}
    tuned = trainer.train(config(tmp_path / "tuned", **slow), progress=False)
    fresh = trainer.train(config(tmp_path / "fresh", **quick), progress=False)

    def distance(preset):
        pairs = zip(weights(first), weights(preset), strict=True)
        return max(np.abs(one - other).max() for one, other in pairs)

    # One step of Adam moves a weight by its rate, 0.01, and half precision by less.
    assert 0 < distance(tuned) < 0.02 < distance(fresh)
    assert json.loads((tuned / "config.json").read_text())["training"]["steps"] == 2
    again = config(tmp_path / "tuned", **{**slow, "steps": 5})
    assert trainer.train(again, progress=False) == tuned
    assert json.loads((tuned / "config.json").read_text())["training"]["steps"] == 6


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"init": "cyclegam"}, "expected a zoo name or a preset folder.*Did you mean 'cyclegan'"),
        ({"init": "cyclegan"}, "expected a PixelGAN, as refiner says, received a CycleGAN"),
        ({"init": "ssd300_fridge", "refiner": None}, "received SSD300: it refines nothing"),
        (
            {"init": "simgan_fridge", "refiner": None, "arguments": {"widht": 3}},
            "takes no argument 'widht'. Did you mean 'width'",
        ),
    ],
)
def test_mistakes_of_init_are_worded(noise, tmp_path, changes, message):
    with pytest.raises(RefinezooError, match=message):
        trainer.train(config(tmp_path, **changes), progress=False)


def test_guards_end_a_run_that_collapsed(noise, monkeypatch, tmp_path):
    monkeypatch.setattr(PixelGAN, "refine", lambda self, images, seed=0: 0 * np.asarray(images))
    settings = {"steps": 10, "samples": 0, "tensorboard": False}
    with pytest.raises(RefinezooError, match="mode collapse: .*epoch_00004.weights.h5"):
        trainer.train(config(tmp_path / "on", **settings), progress=False)
    assert not (tmp_path / "on" / "preset").exists()
    trainer.train(config(tmp_path / "off", **settings, guards=False), progress=False)


def test_precision_holds_while_training_and_not_after(noise, monkeypatch, tmp_path):
    seen = []
    original = PixelGAN.generator_loss

    def watched(self, batch, outputs):
        computed = keras.backend.standardize_dtype(self.generator(outputs_of(batch)).dtype)
        seen.append((keras.config.dtype_policy().name, computed))
        return original(self, batch, outputs)

    def outputs_of(batch):
        return batch["synthetic"]["image"]

    monkeypatch.setattr(PixelGAN, "generator_loss", watched)
    before = keras.config.dtype_policy().name
    settings = {"precision": "mixed_bfloat16", "samples": 0}
    trainer.train(config(tmp_path / "run", **settings), progress=False)
    assert before == "float32" and keras.config.dtype_policy().name == before
    assert set(seen) == {("mixed_bfloat16", "bfloat16")}
    with pytest.raises(RefinezooError, match="does not take them"):
        trainer.train(config(tmp_path, arguments={"widht": 3}, **settings), progress=False)
    assert keras.config.dtype_policy().name == before


@pytest.mark.parametrize(("epoch", "named"), [(0, "none yet"), (1, r"epoch_00001\.weights\.h5")])
def test_nan_names_a_checkpoint_only_if_there_is_one(noise, monkeypatch, tmp_path, epoch, named):
    original = trainer._fit

    def poisoned(refiner, *arguments):
        seen = refiner.train_step

        def step(data):
            logs = dict(seen(data))
            at = refiner.optimizer.iterations
            nan = keras.ops.where(at > 2 * epoch, float("nan"), 0.0)
            return {**logs, "content": logs["content"] + nan}

        refiner.train_step = step
        return original(refiner, *arguments)

    monkeypatch.setattr(trainer, "_fit", poisoned)
    with pytest.raises(RefinezooError, match=f"Last good checkpoint: .*{named}"):
        trainer.train(config(tmp_path, samples=0), progress=False)
    assert (tmp_path / "backup" / "epoch_00001.weights.h5").is_file() == bool(epoch)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"refiner": "CycleGam"}, "Did you mean 'CycleGAN'"),
        ({"refiner": "SSD300"}, "it refines nothing"),
        ({"arguments": {"widht": 3}}, "PixelGAN does not take them"),
    ],
)
def test_mistakes_are_worded(noise, tmp_path, changes, message):
    with pytest.raises(RefinezooError, match=message):
        trainer.train(config(tmp_path, **changes), progress=False)


def test_a_refiner_that_takes_masks_adapts_to_pairs(tmp_path):
    for domain, foreground, background in (("renders", 150, 150), ("photos", 60, 220)):
        for number in range(3):
            image = np.full((24, 32, 3), background + 4 * number, np.uint8)
            image[6:18, 8:24] = foreground + 8 * number
            put(tmp_path / f"{domain}/images/{number}.png", image)
            mask = np.uint8(255) * (np.arange(24)[:, None] // 6 % 3 > 0)
            mask = mask * (np.arange(32) // 8 % 3 > 0).astype(np.uint8)
            put(tmp_path / f"{domain}/foreground_masks/{number}.png", mask)
    values = {"refiner": "RegionTransport", "arguments": {}, "steps": None}
    values |= {
        half: str(tmp_path / name) for half, name in (("synthetic", "renders"), ("real", "photos"))
    }
    refiner = load_preset(trainer.train(config(tmp_path / "run", **values), progress=False))
    flat, mask = np.full((24, 32, 3), 158, np.uint8), np.zeros((24, 32, 1))
    mask[6:18, 8:24] = 1
    refined = refiner.refine(flat, foreground_mask=mask)
    assert refined[0, 0, 0] > 200 and refined[12, 16, 0] < 90
    shutil.rmtree(tmp_path / "photos/foreground_masks")
    with pytest.raises(RefinezooError, match="a foreground mask beside .*masks: grabcut"):
        trainer.train(config(tmp_path / "none", **values), progress=False)
    values["masks"] = "grabcut"
    made = load_preset(trainer.train(config(tmp_path / "cut", **values), progress=False))
    assert np.ptp(made.refine(flat, foreground_mask=mask)[..., 0].astype(int)) > 60


def test_missing_steps_are_told_before_colours_are_fitted(noise, monkeypatch, tmp_path):
    monkeypatch.setattr(trainer, "adapt_refiner", lambda *_: pytest.fail("told too late"))
    with pytest.raises(RefinezooError, match="expected the number of training steps of PixelGAN"):
        trainer.train(config(tmp_path, steps=None), progress=False)


def test_config_file_and_overrides(tmp_path):
    path = tmp_path / "x.yaml"
    path.write_text(yaml.safe_dump({**VALUES, "out": "runs/x"}))
    read = training_config.read_config(path, ["steps=9", "arguments.width=24", "masks=grabcut"])
    assert (read.steps, read.arguments["width"], read.masks) == (9, 24, "grabcut")
    assert read.seed == 3
    for size in (96, [96, 128]):
        assert training_config.read_config(path, [f"image_size={size}"]).image_size == size
    for override, message in {
        "steps=many": "steps: expected a whole number, received 'many'",
        "stps=3": "stps: unknown key. Did you mean 'steps'",
        "masks=sam": "masks: expected grabcut, or a detector or segmenter: ",
        "steps": "expected overrides as key=value",
        "steps.more=1": "to hold keys",
        "steps=[1": "the value after steps=",
        "batch_size=0": "batch_size: expected a number of at least 1",
        "image_size=[96]": "image_size: expected one side of squares or [height, width], whole",
        "image_size=64.5": "image_size: expected one side of squares or [height, width], whole",
        "image_size=[8, 128]": "image_size: expected sides of 16 to 2,048 pixels",
        "image_size=100000": "image_size: expected sides of 16 to 2,048 pixels",
        "batch_size=1000000000": "batch_size: expected a number of at most 65536",
        "samples=1000000000": "samples: expected a number of at most 65536",
        "refiner=null": "expected refiner: CLASS, or init: NAME_OR_PRESET",
    }.items():
        with pytest.raises(RefinezooError) as error:
            training_config.read_config(path, [override])
        assert message in str(error.value), override


def test_the_command_line_trains_on_oblong_crops(tmp_path):
    for number in range(3):
        put(tmp_path / f"renders/images/{number}.png", photo(number, 30, 60))
        put(tmp_path / f"photos/{number}.png", photo(number + 3, 60, 30))
    small = {"width": 2, "blocks": 1, "discriminator_width": 2, "pool_size": 2}
    values = {
        "refiner": "CycleGAN",
        "arguments": {**small, "image_size": [24, 32]},
        "synthetic": str(tmp_path / "renders"),
        "real": str(tmp_path / "photos"),
        "image_size": [24, 32],
        "steps": 2,
        "samples": 2,
        "tensorboard": False,
        "out": str(tmp_path / "run"),
    }
    path = tmp_path / "oblong.yaml"
    path.write_text(yaml.safe_dump(values))
    assert run("train", path).exit_code == 0
    grid = cv2.imread(str(tmp_path / "run/samples/epoch_0001.png"))
    assert grid.shape == (2 * 24, 2 * 32, 3)
    kept = json.loads((tmp_path / "run/preset/config.json").read_text())
    assert kept["training"]["steps"] == 2
    assert load_preset(tmp_path / "run/preset").arguments["image_size"] == [24, 32]
    assert run("train", path).exit_code == 0  # it is the run that the folder holds
    for changes, message in (
        (["image_size=[32, 24]"], "[B, 24, 32, 3]"),
        (["arguments.image_size=[20, 32]"], "at least 24 pixels for a PatchGAN of 3"),
        (["arguments.image_size=[24, 30]"], "multiple of 4 pixels"),
    ):
        refused = run("train", path, *changes, f"out={tmp_path / 'other'}")
        assert refused.exit_code == 2 and message in refused.stderr


def test_presets_of_earlier_steps_are_kept(noise, tmp_path):
    preset = trainer.train(config(tmp_path / "run", steps=6, keep_every=4))
    kept = kept_presets(tmp_path / "run")
    assert list(kept) == ["step_000004"]
    assert not np.array_equal(weights(kept["step_000004"])[0], weights(preset)[0])
