import csv
import json
import shutil

import keras
import numpy as np
import pytest
import yaml
from small_sets import put

from refinezoo.errors import RefinezooError
from refinezoo.experiments.train import config as training_config
from refinezoo.experiments.train import run as trainer
from refinezoo.experiments.train.config import TrainingConfig
from refinezoo.experiments.train.run_folder import kept_presets
from refinezoo.files import locked_folder
from refinezoo.losses.adversarial import lsgan_discriminator_loss, lsgan_generator_loss
from refinezoo.losses.cycle import l1_loss
from refinezoo.models import registry
from refinezoo.models.presets import load_preset
from refinezoo.refiners.refiner import Refiner, unpack
from refinezoo.training import AlternatingModel, Objective, Player, Turn

pytestmark = pytest.mark.usefixtures("eager")
VALUES = {
    "refiner": "PixelGAN",
    "arguments": {"width": 2},
    "synthetic": "renders",
    "real": "photos",
    "image_size": 16,
    "steps": 6,
    "steps_per_epoch": 2,
    "samples": 2,
    "seed": 3,
}


class PixelGAN(Refiner, AlternatingModel):
    """The smallest adversarial refiner: a colour transform against a judge of pixels."""

    def __init__(self, *, width=2, **kwargs):
        super().__init__(**kwargs)
        self.width = width
        images = keras.Input((None, None, 3))
        hidden = keras.layers.Conv2D(width, 1, activation="tanh")(images)
        self.generator = keras.Model(images, keras.layers.Conv2D(3, 1)(hidden))
        self.inference_network = self.generator
        judged = keras.Input((None, None, 3))
        self.discriminator = keras.Model(judged, keras.layers.Conv2D(1, 1)(judged))
        self.track_losses({"adversarial": 1.0, "content": 1.0, "discriminator": 1.0})
        self.built = True

    def call(self, inputs, training=False):
        return self.generator(unpack(inputs)[0])

    def players(self):
        return {
            "generator": Player((self.generator,)),
            "discriminator": Player((self.discriminator,)),
        }

    def turns(self):
        return [
            Turn((Objective(self.generator_loss, (self.generator,)),)),
            Turn((Objective(self.discriminator_loss, (self.discriminator,)),)),
        ]

    def default_optimizers(self):
        return {player: keras.optimizers.Adam(1e-2) for player in self.players()}

    def generator_loss(self, batch, outputs):
        images = batch["synthetic"]["image"]
        refined = self.generator(images)
        adversarial = lsgan_generator_loss(self.discriminator(refined))
        return {"adversarial": adversarial, "content": l1_loss(refined, images)}, {"fake": refined}

    def discriminator_loss(self, batch, outputs):
        true = self.discriminator(batch["real"]["image"])
        fake = self.discriminator(outputs["fake"])
        return {"discriminator": lsgan_discriminator_loss(true, fake)}, {}

    def get_config(self):
        return {**super().get_config(), "width": self.width}


class Noise(keras.utils.PyDataset):
    """Seeded batches of two domains, other ones in every epoch."""

    def __init__(self, steps):
        super().__init__()
        self.steps, self.epoch = steps, 0

    def on_epoch_end(self):
        self.epoch += 1

    def __len__(self):
        return self.steps

    def __getitem__(self, index):
        rng = np.random.default_rng([self.epoch, index])
        halves = {"synthetic": (100, 200), "real": (20, 120)}
        return {
            half: {"image": rng.integers(low, high, (1, 8, 8, 3), dtype=np.uint8)}
            for half, (low, high) in halves.items()
        }


@pytest.fixture
def noise(monkeypatch):
    monkeypatch.setitem(registry._REGISTERED, "PixelGAN", PixelGAN)
    monkeypatch.setattr(trainer, "_data", lambda config, steps, refiner: Noise(steps))


def config(out, **changes):
    return TrainingConfig(**{**VALUES, "out": str(out), **changes})


def weights(preset):
    return load_preset(preset).inference_network.get_weights()


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


def test_interrupted_and_resumed_equals_uninterrupted(noise, monkeypatch, tmp_path):
    whole = trainer.train(config(tmp_path / "whole"), progress=False)

    class Killed(Exception):
        pass

    original = Noise.__getitem__
    reads = []

    def dies(self, index):
        reads.append(index)
        if len(reads) == 8:  # 2 for the sample grid, 4 of two epochs, then in the third
            raise Killed
        return original(self, index)

    monkeypatch.setattr(Noise, "__getitem__", dies)
    with pytest.raises(Exception, match="Killed"):
        trainer.train(config(tmp_path / "parts"), progress=False)
    assert not (tmp_path / "parts" / "preset").exists()
    monkeypatch.setattr(Noise, "__getitem__", original)
    backup = tmp_path / "parts" / "backup"
    (kept,) = backup.iterdir()  # Keras reads ahead, so this may be after one or two epochs
    assert kept.name in ("epoch_00001.weights.h5", "epoch_00002.weights.h5")
    (backup / ".refinezoo-0123456789ab-0").mkdir()
    (backup / ".refinezoo-0123456789ab-0" / kept.name).write_bytes(b"torn by a kill")
    with open(tmp_path / "parts" / "log.csv", "a") as log:  # killed before the checkpoint
        log.write(f"{int(kept.name[6:11])},1,2,3\n{int(kept.name[6:11]) + 1},1")
    parts = trainer.train(config(tmp_path / "parts"), progress=False)
    with open(tmp_path / "parts" / "log.csv") as file:
        assert [row["epoch"] for row in csv.DictReader(file)] == ["0", "1", "2"]
    for one, other in zip(weights(whole), weights(parts), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-4)


@pytest.mark.parametrize("moment", [1, 4, 7])
def test_a_full_disk_ends_in_words_and_the_run_goes_on(noise, full_disk, tmp_path, moment):
    quick = {"samples": 1, "guards": False, "tensorboard": False}
    whole = trainer.train(config(tmp_path / "whole", **quick), progress=False)
    with full_disk(moment), pytest.raises(RefinezooError, match="No space left.*Make room"):
        trainer.train(config(tmp_path / "parts", **quick), progress=False)
    parts = trainer.train(config(tmp_path / "parts", **quick), progress=False)
    left = [
        {path.relative_to(run).as_posix() for path in run.rglob("*")}
        for run in (tmp_path / "whole", tmp_path / "parts")
    ]
    assert left[0] == left[1]
    for one, other in zip(weights(whole), weights(parts), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-4)


def test_two_at_once_are_one_too_many(noise, tmp_path):
    with locked_folder(tmp_path / "run", "busy"):
        with pytest.raises(RefinezooError, match="another training is running"):
            trainer.train(config(tmp_path / "run"), progress=False)


def test_a_finished_run_goes_on_with_more_steps(noise, tmp_path):
    quick = {"steps": 10, "samples": 0, "guards": False, "tensorboard": False}
    whole = trainer.train(config(tmp_path / "whole", **quick), progress=False)
    trainer.train(config(tmp_path / "parts"), progress=False)
    more = {"steps": 10, "samples": 1, "guards": False}
    parts = trainer.train(config(tmp_path / "parts", **more), progress=False)
    resolved = yaml.safe_load((tmp_path / "parts" / "config.yaml").read_text())
    assert resolved == config(tmp_path / "parts", **more).model_dump()
    rows = (tmp_path / "parts" / "log.csv").read_text().splitlines()
    assert [row.split(",")[0] for row in rows] == ["epoch", "0", "1", "2", "3", "4"]
    for one, other in zip(weights(whole), weights(parts), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-4)
    with pytest.raises(RefinezooError, match="a run of 10 steps, received steps=4. Raise steps"):
        trainer.train(config(tmp_path / "parts", steps=4), progress=False)
    shutil.rmtree(tmp_path / "parts" / "backup")
    with pytest.raises(RefinezooError, match=r"init=.*parts/preset out=FOLDER"):
        trainer.train(config(tmp_path / "parts", steps=20), progress=False)
    assert trainer.train(config(tmp_path / "parts", **more), progress=False) == parts


@pytest.mark.parametrize(
    ("asked", "planned"),
    [
        ((500, 200, 0, 0), (3, 167)),
        ((500, 200, 2, 334), (3, 167)),  # interrupted
        ((500, 200, 2, 300), (3, 200)),  # extended, from 300 steps
        ((300, 200, 2, 300), (2, 150)),  # done
        ((100, 200, 2, 300), (2, 1)),  # more than asked for
    ],
)
def test_epochs_are_planned_from_what_is_done(asked, planned):
    assert trainer._epochs(*asked) == planned


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


def test_a_run_of_an_older_version_can_be_resumed(noise, tmp_path):
    trainer.train(config(tmp_path, steps=1, samples=0), progress=False)
    resolved = yaml.safe_load((tmp_path / "config.yaml").read_text())
    del resolved["guards"], resolved["tensorboard"]
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(resolved))
    trainer.train(config(tmp_path, steps=1, samples=0), progress=False)


def test_a_torn_checkpoint_is_a_worded_error(noise, tmp_path):
    (tmp_path / "backup").mkdir()
    (tmp_path / "backup" / "epoch_00001.weights.h5").write_bytes(b"torn")
    with pytest.raises(RefinezooError, match="cannot resume from .*epoch_00001"):
        trainer.train(config(tmp_path), progress=False)


def test_another_config_in_the_same_folder_is_refused(noise, tmp_path):
    trainer.train(config(tmp_path, steps=1, samples=0), progress=False)
    with pytest.raises(RefinezooError, match=r"another config \(differs in seed, steps\)"):
        trainer.train(config(tmp_path, steps=2, samples=0, seed=9), progress=False)


def test_a_mistake_can_be_corrected_in_the_same_folder(noise, tmp_path):
    with pytest.raises(RefinezooError, match="PixelGAN does not take them"):
        trainer.train(config(tmp_path, arguments={"widht": 3}), progress=False)
    right = config(tmp_path, steps=1, samples=0)
    assert trainer.train(right, progress=False).is_dir()
    assert yaml.safe_load((tmp_path / "config.yaml").read_text()) == right.model_dump()


def test_a_kill_before_the_summary_trains_nothing_anew(noise, monkeypatch, tmp_path):
    def killed(path, values):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(trainer, "write_json", killed)
        with pytest.raises(KeyboardInterrupt):
            trainer.train(config(tmp_path, samples=0), progress=False)
    log = (tmp_path / "log.csv").read_text()
    before = weights(tmp_path / "preset")
    trainer.train(config(tmp_path, samples=0), progress=False)
    assert (tmp_path / "log.csv").read_text() == log
    for one, other in zip(before, weights(tmp_path / "preset"), strict=True):
        np.testing.assert_array_equal(one, other)
    assert (tmp_path / "summary.json").is_file()


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
    for domain, goods, rest in (("renders", 150, 150), ("photos", 60, 220)):
        for number in range(3):
            image = np.full((24, 32, 3), rest + 4 * number, np.uint8)
            image[6:18, 8:24] = goods + 8 * number
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
    monkeypatch.setattr(trainer, "_adapt", lambda *_: pytest.fail("told too late"))
    with pytest.raises(RefinezooError, match="expected the number of training steps of PixelGAN"):
        trainer.train(config(tmp_path, steps=None), progress=False)


def test_config_file_and_overrides(tmp_path):
    path = tmp_path / "x.yaml"
    path.write_text(yaml.safe_dump({**VALUES, "out": "runs/x"}))
    read = training_config.read_config(path, ["steps=9", "arguments.width=24", "masks=grabcut"])
    assert (read.steps, read.arguments["width"], read.masks) == (9, 24, "grabcut")
    assert read.seed == 3
    for override, message in {
        "steps=many": "steps: expected a whole number, received 'many'",
        "stps=3": "stps: unknown key. Did you mean 'steps'",
        "masks=sam": "masks: expected grabcut, or a detector or segmenter: ",
        "steps": "expected overrides as key=value",
        "steps.more=1": "to hold keys",
        "steps=[1": "the value after steps=",
        "batch_size=0": "batch_size: expected a number of at least 1",
        "refiner=null": "expected refiner: CLASS, or init: NAME_OR_PRESET",
    }.items():
        with pytest.raises(RefinezooError) as error:
            training_config.read_config(path, [override])
        assert message in str(error.value), override


def test_presets_of_earlier_steps_are_kept(noise, tmp_path):
    preset = trainer.train(config(tmp_path / "run", steps=6, keep_every=4))
    kept = kept_presets(tmp_path / "run")
    assert list(kept) == ["step_000004"]
    assert not np.array_equal(weights(kept["step_000004"])[0], weights(preset)[0])
