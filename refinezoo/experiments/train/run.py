"""`train`: a checked config in; a run folder with log, grids, checkpoints and a preset out."""

import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from refinezoo.errors import RefinezooError
from refinezoo.experiments.checkpoint import Checkpoint
from refinezoo.experiments.train.config import TrainingConfig
from refinezoo.experiments.train.refiner import adapt_refiner, build_refiner, training_data
from refinezoo.experiments.train.run_folder import busy, claim, summary, trim_log
from refinezoo.experiments.train.task import TaskTraining, train_task
from refinezoo.files import locked_folder, write_json
from refinezoo.paths import no_link

GUARDED = 8  # renders that the guards watch


def train(config: TrainingConfig | TaskTraining, *, progress: bool = True) -> Path:
    """Trains the refiner that `config` names, or the loaded one of its `init`; or a task's model.

    Run again after an interruption, it goes on; so does a finished run that is given more `steps`.

    The run folder `config.out` holds `config.yaml` (as resolved), `log.csv` (losses per epoch),
    `samples/` (grids of renders above their refinement), `tensorboard/` (both, on TensorFlow),
    `presets/` (those of earlier steps, with `keep_every`),
    `backup/` (the last checkpoint), `preset/` (what `refinezoo.load` reads)
    and `summary.json` (minutes, hardware). Guards end it where a GAN has failed. That of a task's
    model: see `train_task`.

    Args:
        config: see `refinezoo.experiments.train.config`.
        progress: whether Keras prints its progress bar.

    Returns:
        The preset folder.

    Raises:
        RefinezooError: bad data or config, a loss that is no number, or a folder that holds
            another run.
    """
    if isinstance(config, TaskTraining):
        return train_task(config)
    out = Path(config.out)
    preset = out / "preset"
    with locked_folder(out, busy(out)):
        claim(config, out)
        if not ((out / "summary.json").is_file() and preset.is_dir()):
            from refinezoo.training.precision import training_precision

            started = time.monotonic()
            with training_precision(config.precision):
                refiner = build_refiner(config)
                plays = hasattr(refiner, "players")
                if plays and config.steps is None:
                    raise RefinezooError(
                        "steps: expected the number of training steps of "
                        f"{type(refiner).__name__}, received none. Add steps: 4000, say."
                    )
                adapt_refiner(refiner, config)
                if plays:
                    _fit(refiner, config, out, progress)
                refiner.save_to_preset(preset)
            write_json(out / "summary.json", summary(started))
    return preset


def timed_steps(config: TrainingConfig, count: int) -> list[float]:
    """Seconds of the first `count` training steps of a config; nothing is written."""
    import keras

    from refinezoo.training.precision import training_precision

    with training_precision(config.precision):
        refiner, data = compiled(config, count)
        times: list[float] = []

        def note(step: int, logs: Any) -> None:
            times.append(time.perf_counter())

        watch = keras.callbacks.LambdaCallback(on_train_batch_begin=note, on_train_batch_end=note)
        refiner.fit(data, callbacks=[watch], verbose=0)
    return [end - begin for begin, end in zip(times[::2], times[1::2], strict=True)]


def compiled(config: TrainingConfig, steps: int) -> tuple[Any, Any]:
    """The refiner of a config, ready to be trained, and data for `steps` steps."""
    refiner = build_refiner(config)
    adapt_refiner(refiner, config)
    refiner.compile()
    return refiner, training_data(config, steps, refiner)


def _fit(refiner: Any, config: TrainingConfig, out: Path, progress: bool) -> None:
    import keras

    from refinezoo.data import FollowEpoch
    from refinezoo.training import SampleGrid, StopOnNaN

    refiner.compile()
    before = int(refiner.optimizer.iterations)  # those of `init` are not of this run
    checkpoint = Checkpoint(out / "backup")
    checkpoint.check_room(refiner)
    done = checkpoint.restore(refiner)
    steps = int(refiner.optimizer.iterations) - before
    epochs, per_epoch = _epochs(config.steps or 0, config.steps_per_epoch, done, steps)
    data = training_data(config, per_epoch, refiner)
    if config.matched_crops:
        write_json(out / "matched_crops.json", data.sampler.matches.report())
    log = keras.callbacks.CSVLogger(no_link(out / "log.csv"), append=True)
    # A resumed run goes on where the interrupted one was in the stream of images.
    place = FollowEpoch(data)
    stop = StopOnNaN()
    trim_log(out / "log.csv", done)
    callbacks = [place, stop, log]
    on_board = keras.backend.backend() == "tensorflow"
    if config.tensorboard is not None:
        on_board = config.tensorboard
    if on_board and not find_spec("tensorflow"):
        raise RefinezooError(
            "tensorboard: true needs TensorFlow, which is not installed. Leave it out, or call "
            'pip install "refinezoo[tensorflow]".'
        )
    board = str(out / "tensorboard") if on_board else None
    renders = _renders(data, max(config.samples, GUARDED * config.guards))
    if config.samples:
        shown = renders[: config.samples]
        callbacks.append(SampleGrid(shown, out / "samples", tensorboard=board))
    if board:
        callbacks.append(keras.callbacks.TensorBoard(board, write_graph=False))
    guards = _guards(renders[:GUARDED]) if config.guards else []
    callbacks += guards

    def keep(epoch: int, logs: Any) -> None:
        taken = int(refiner.optimizer.iterations) - before
        every = config.keep_every
        if every and taken // every > (taken - per_epoch) // every:
            refiner.save_to_preset(out / "presets" / f"step_{taken:06d}")
        kept = checkpoint.save(refiner, epoch + 1)
        for watch in (stop, *guards):
            watch.checkpoint = kept

    # Last, so that a kill between two callbacks repeats an epoch rather than losing its log.
    callbacks.append(keras.callbacks.LambdaCallback(on_epoch_end=keep))
    for watch in (stop, *guards):
        watch.checkpoint = next(iter(checkpoint.kept()), "none yet (one is kept after each epoch)")
    try:
        refiner.fit(
            data,
            epochs=epochs,
            initial_epoch=done,
            callbacks=callbacks,
            verbose="auto" if progress else 0,
            shuffle=False,
        )
    finally:
        if log.csv_file:  # Keras leaves it open when training stops with an error
            log.csv_file.close()


def _epochs(steps: int, most: int, done: int, taken: int) -> tuple[int, int]:
    """Epochs in all and steps in each of those left, of which none has more than `most`.

    Args:
        steps: in all.
        most: steps of an epoch.
        done: epochs that a resumed run has behind it.
        taken: their steps; if others were planned for them, the rest is planned anew.
    """
    epochs = -(-steps // most)
    each = -(-steps // epochs)
    if taken != done * each:
        left = max(0, steps - taken)
        epochs = done - (-left // most)
        each = -(-left // max(1, epochs - done))
    return epochs, max(1, each)


def _renders(data: Any, count: int) -> list[Any]:
    """The first `count` renders that the training sees."""
    renders: list[Any] = []
    for index in range(len(data)):
        if len(renders) >= count:
            break
        renders += list(data[index]["synthetic"]["image"])
    return renders[:count]


def _guards(renders: list[Any]) -> list[Any]:
    """What watches for the usual failures of GANs."""
    from refinezoo.training import StopOnCollapse, StopOnColourFlip, StopOnIdleDiscriminator

    return [StopOnCollapse(renders), StopOnColourFlip(renders), StopOnIdleDiscriminator()]
