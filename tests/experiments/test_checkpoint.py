import subprocess
import sys
import textwrap
from types import SimpleNamespace

import keras
import numpy as np
import pytest

from refinezoo.errors import RefinezooError
from refinezoo.experiments.checkpoint import Checkpoint

# Kills a save at each of its calls to the file system; state and count must belong together.
KILLED = textwrap.dedent(
    """
    import os, shutil, signal, sys
    from pathlib import Path
    from refinezoo.experiments.checkpoint import Checkpoint
    from refinezoo.files import sweep

    class Model:
        def __init__(self, epochs):
            self.epochs = epochs

        def save_weights(self, file):
            file.write(b"%d" % self.epochs)

    place = Path(sys.argv[1])
    checkpoint, moment, killed = Checkpoint(place), 0, True
    while killed:
        moment += 1
        shutil.rmtree(place, ignore_errors=True)
        checkpoint.save(Model(1), 1)
        seen = 0

        def hook(event, arguments):
            global seen
            if event == "open" or event.startswith("os."):
                seen += 1
                if seen == moment:
                    os.kill(os.getpid(), signal.SIGKILL)

        if (child := os.fork()) == 0:
            sys.addaudithook(hook)
            checkpoint.save(Model(2), 2)
            os._exit(0)
        killed = os.waitpid(child, 0)[1] == signal.SIGKILL
        newest = checkpoint.kept()[0]
        assert int(newest.read_text()) == int(newest.name[6:11]), (moment, newest)
        checkpoint.save(Model(3), 3)
        sweep(place)
        assert [path.name for path in place.iterdir()] == ["epoch_00003.weights.h5"], moment
    print(moment)
    """
)


def test_a_kill_at_any_call_leaves_a_state_with_its_own_count(tmp_path):
    command = [sys.executable, "-c", KILLED, str(tmp_path / "backup")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 5


def compiled(seed):
    keras.utils.set_random_seed(seed)
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2), keras.layers.Dropout(0.5)])
    model.compile(keras.optimizers.Adam(0.1, use_ema=True), "mse")
    model.optimizer.build(model.trainable_variables)
    return model


def state(model):
    return [np.asarray(value) for value in (*model.weights, *model.optimizer.variables)]


def test_weights_optimizer_and_dropout_come_back(tmp_path):
    model, other, checkpoint = compiled(0), compiled(1), Checkpoint(tmp_path / "backup")
    assert checkpoint.restore(other) == 0
    model.fit(np.ones((8, 3)), np.ones((8, 2)), verbose=0, batch_size=4)
    kept = checkpoint.save(model, 7)
    (tmp_path / "backup/epoch_00006.weights.h5").touch()  # what a kill may leave
    assert checkpoint.restore(other) == 7 and checkpoint.kept() == [kept]
    for expected, found in zip(state(model), state(other), strict=True):
        np.testing.assert_array_equal(found, expected)
    checkpoint.remove()
    assert list(tmp_path.iterdir()) == []


def test_other_files_in_the_folder_stay(tmp_path):
    (tmp_path / "thesis.txt").write_text("years of work")
    checkpoint = Checkpoint(tmp_path)
    checkpoint.save(compiled(0), 1)
    checkpoint.remove()
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_room_is_looked_at(tmp_path, monkeypatch):
    from refinezoo import disk

    monkeypatch.setattr(disk.shutil, "disk_usage", lambda path: SimpleNamespace(free=10))
    with pytest.raises(RefinezooError, match="free for two checkpoints"):
        Checkpoint(tmp_path / "backup").check_room(compiled(0))
