"""A training that ended goes on, or says why not: kills, full disks, more steps, other configs."""

import csv
import shutil

import numpy as np
import pytest
import yaml
from pixel_gan import Noise, config, weights

from refinezoo.errors import RefinezooError
from refinezoo.experiments.train import run as trainer
from refinezoo.files import locked_folder

pytestmark = pytest.mark.usefixtures("eager")


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


def test_a_full_disk_ends_in_words_and_the_run_goes_on(noise, full_disk, tmp_path):
    quick = {"samples": 1, "guards": False, "tensorboard": False}

    def left(run):
        return {path.relative_to(run).as_posix() for path in run.rglob("*")}

    whole = trainer.train(config(tmp_path / "whole", **quick), progress=False)
    for moment in (1, 4, 7):
        out = tmp_path / f"parts_{moment}"
        with full_disk(moment), pytest.raises(RefinezooError, match="No space left.*Make room"):
            trainer.train(config(out, **quick), progress=False)
        parts = trainer.train(config(out, **quick), progress=False)
        assert left(out) == left(tmp_path / "whole"), moment
        for one, other in zip(weights(whole), weights(parts), strict=True):
            np.testing.assert_allclose(one, other, atol=1e-4, err_msg=str(moment))


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
