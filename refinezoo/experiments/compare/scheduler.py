"""Trainings as processes of their own: N at a time, each with its share of the cores."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from io import BufferedWriter
from pathlib import Path
from typing import Any

from refinezoo.config import read_json
from refinezoo.experiments.compare.recipe import usable_cores
from refinezoo.models.elsewhere import environment, own_modules
from refinezoo.paths import no_link

PARENT_VARIABLE = "REFINEZOO_STUDY_PARENT"


@dataclass
class Training:
    """One arm with one seed: its folder, which also tells the process what to do.

    `after` are the trainings whose models it needs.
    """

    arm: str
    seed: int
    folder: Path
    steps: int = 0
    hash: str = ""
    after: tuple[Training, ...] = ()

    @property
    def title(self) -> str:
        """The name in messages."""
        return f"{self.arm}, seed {self.seed}"

    @property
    def log(self) -> Path:
        """Where the process writes what it prints."""
        return self.folder / "log.txt"

    def result(self) -> dict[str, Any]:
        """What an earlier or finished process measured; nothing of it if there is none."""
        path = self.folder / "result.json"
        found = read_json(path, 1 << 30) if path.is_file() else {}
        return found if isinstance(found, dict) else {}

    def finished(self) -> bool:
        """Whether the result is that of the spec which lies there."""
        return self.result().get("hash") == read_json(self.folder / "spec.json")["hash"]

    def ready(self) -> bool:
        """Whether the trainings that it needs are finished."""
        return all(each.finished() for each in self.after)

    def waits_for(self) -> str:
        """Which training it needs and has not."""
        missing = [each.title for each in self.after if not each.finished()]
        return f"not trained: {', '.join(missing)}, which labels its photos, failed"


@dataclass
class Failure:
    """A training that ended without a result, with the end of its log, or that never started."""

    training: Training
    returncode: int
    tail: list[str] = field(default_factory=list)
    started: bool = True


def command(folder: Path) -> list[str]:
    """The command line that trains what `folder/spec.json` says.

    It names the modules that register tasks of the user's own: no file says what is imported.
    """
    module = "refinezoo.experiments.compare.run_arm"
    return [sys.executable, "-m", module, str(folder), *own_modules()]


def run_all(
    trainings: list[Training], jobs: int, say: Callable[[str], None] = lambda line: None
) -> list[Failure]:
    """Runs every training, `jobs` at a time; one that fails does not stop the others.

    Args:
        trainings: what to run, in order.
        jobs: how many processes at once; each gets cores // jobs threads.
        say: receives one line when a training starts or ends.
    """
    waiting = deque(trainings)
    running: dict[subprocess.Popen, tuple[Training, float, BufferedWriter]] = {}
    failures: list[Failure] = []
    settings = _environment(max(1, usable_cores() // jobs))
    done, started_all = 0, time.monotonic()
    try:
        while waiting or running:
            while waiting and len(running) < jobs:
                training = next((each for each in waiting if each.ready()), None)
                if training is None:
                    break
                waiting.remove(training)
                log = open(no_link(training.log), "wb")
                process = subprocess.Popen(
                    command(training.folder),
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    stdin=subprocess.DEVNULL,
                    env=settings,
                )
                running[process] = (training, time.monotonic(), log)
                say(f"{training.title}: training ({training.steps} steps), log in {training.log}")
            if not running:
                failures += [
                    Failure(each, 0, [each.waits_for()], started=False) for each in waiting
                ]
                break
            time.sleep(0.1)
            for process in [process for process in running if process.poll() is not None]:
                training, started, log = running.pop(process)
                log.close()
                done += 1
                seconds = time.monotonic() - started
                if process.returncode == 0:
                    left = (time.monotonic() - started_all) / done * (len(trainings) - done)
                    say(
                        f"{training.title}: done in {seconds:.0f} s "
                        f"({done} of {len(trainings)}, about {left / 60:.0f} min left)"
                    )
                else:
                    failures.append(Failure(training, process.returncode, log_tail(training.log)))
                    say(f"{training.title}: FAILED with exit status {process.returncode}")
                    for line in failures[-1].tail:
                        say(f"    {line}")
    finally:
        for process, (_, _, log) in running.items():
            process.terminate()
            process.wait()
            log.close()
    return failures


def log_tail(path: Path, lines: int = 8) -> list[str]:
    """The last lines of a log that say something."""
    if not path.is_file():
        return []
    text = path.read_text(encoding="utf-8", errors="replace")
    return [line.rstrip()[:300] for line in text.splitlines() if line.strip()][-lines:]


def _environment(threads: int) -> dict[str, str]:
    return environment(
        own_modules(),
        TF_NUM_INTRAOP_THREADS=str(threads),
        TF_NUM_INTEROP_THREADS=str(threads),
        OMP_NUM_THREADS=str(threads),
        TF_CPP_MIN_LOG_LEVEL=os.environ.get("TF_CPP_MIN_LOG_LEVEL", "2"),
        **{PARENT_VARIABLE: str(os.getpid())},
    )
