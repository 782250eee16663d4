"""Kills refine, merge, train and compare at random and chosen moments, runs them again, compares.

    python benchmarks/faults/kill.py refine merge train --random 20 --chosen 20 --out runs/faults

A run that was killed, and then run again until it ends, must leave what an undisturbed one leaves,
and nothing else. Random moments are times; chosen ones are calls to the file system, spread over
all of them (`hook/sitecustomize.py`). Of compare, the study's own process and those of its arms
are killed in turn. Each run is a process of its own, forked from one that has imported TensorFlow
and done nothing else. Writes `OUT/results.json`; exit status 1 where a run differs.
"""

import argparse
import atexit
import hashlib
import json
import multiprocessing
import os
import random
import shutil
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

import yaml

HOOK = Path(__file__).resolve().parent / "hook"
FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["keras", "tensorflow", "refinezoo.cli"])
LIMIT = 1800  # seconds of one run
# What a run says of itself: times, versions, logs.
VOLATILE = {"summary.json", "results.json", "log.txt", "page.html", "spec.json", "manifest.json"}
TELLING = ("hash", "arm", "seed", "metrics", "steps", "loss", "parameters")

TRAINING = {
    "refiner": "SimGAN",
    "arguments": {"image_size": 32, "width": 4, "blocks": 1, "discriminator_width": 4}
    | {"pretrain_refiner": 2, "pretrain_discriminator": 2, "pool_size": 8},
    "image_size": 32,
    "batch_size": 2,
    "steps": 12,
    "steps_per_epoch": 2,
    "samples": 2,
    "guards": False,
    "tensorboard": False,
}
STUDY = {
    "study": "faults",
    "synthetic": {"compose": {"count": 8, "image_size": 64, "seed": 1}},
    "model": {"name": "ssd", "class": "SSD300"}
    | {"config": {"image_size": 64, "width": 0.0625, "batch_norm": True}},
    "training": {"steps": 8, "batch_size": 2, "backup_every": 2},
    "refiners": {"refined": {"preset": "reinhard"}},
    "arms": {"synthetic": ["synthetic"], "refined": ["refined"]},
    "seeds": [0],
    "metrics": ["AP50"],
}


def prepare(world: Path) -> None:
    """Scenes to refine, to train on and to measure on, and the files that say so."""
    from refinezoo.files import ASSETS
    from refinezoo.scenes.compose import compose_scenes

    for name, seed in (("renders", 0), ("photos", 5)):
        compose_scenes(ASSETS / "products", world / name, 16, image_size=64, seed=seed)
    training = {**TRAINING, "synthetic": str(world / "renders"), "real": str(world / "photos")}
    real = {"test": "photos/annotations.json"}
    (world / "train.yaml").write_text(yaml.safe_dump({**training, "out": "unused"}))
    (world / "study.yaml").write_text(yaml.safe_dump({**STUDY, "real": real}))


def command(verb: str, world: Path, out: Path) -> list[str]:
    """The arguments of `refinezoo` for a verb that writes to `out`."""
    renders, photos = world / "renders", world / "photos"
    return {
        "refine": ["refine", str(renders), str(out), "--model", "reinhard"],
        "merge": ["merge", str(out), f"real={photos}", f"refined={renders}", "--ratio", "3:4"],
        "train": ["train", str(world / "train.yaml"), f"out={out}"],
        "compare": ["compare", str(world / "study.yaml"), f"--data={world}", f"--out={out}"],
    }[verb]


def outcome(out: Path) -> dict[str, str]:
    """What a run left: a checksum a file, without what differs between any two runs."""
    found = {}
    for path in sorted(path for path in out.rglob("*") if path.is_file()):
        name, content = path.relative_to(out).as_posix(), path.read_bytes()
        if path.name == "manifest.json":
            content = json.dumps(json.loads(content)["images"]).encode()
        elif path.name == "result.json":
            result = json.loads(content)
            content = json.dumps({key: result[key] for key in TELLING}).encode()
        elif path.name == "config.yaml":  # names its folder
            content = content.replace(os.fsencode(out), b"")
        elif path.name in VOLATILE:
            content = b""
        found[name] = hashlib.sha256(content).hexdigest()
    # Beside it: what is made before it takes its place.
    return found | {path.name: "" for path in out.parent.glob(".refinezoo*")}


def run(
    line: list[str], out: Path, after: float | None = None, **options: str
) -> tuple[int, float]:
    """Runs `refinezoo`, killed `after` seconds with all that it started; exit status, seconds."""
    path = os.pathsep.join([str(HOOK), os.environ.get("PYTHONPATH", "")])
    options = {"PYTHONPATH": path, "KILL_BELOW": str(out.parent), **options}
    process = FORKS.Process(target=_verb, args=(line, str(out.parent / "log.txt"), options))
    started = time.monotonic()
    process.start()
    process.join(LIMIT if after is None else after)
    if process.exitcode is None:
        with suppress(ProcessLookupError):  # it leads no group before its first line
            os.killpg(process.pid, signal.SIGKILL)
        process.kill()
        process.join()
    return process.exitcode, time.monotonic() - started


def _verb(line: list[str], log: str, options: dict[str, str]) -> None:
    os.setsid()
    file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(file, 1), os.dup2(file, 2)
    os.environ.update(options)
    sys.path.insert(0, str(HOOK))
    sys.argv = ["refinezoo", *line]
    import sitecustomize

    sitecustomize.install(" ".join(sys.argv))
    from refinezoo.cli import main

    try:
        main()
    finally:
        atexit._run_exitfuncs()  # a forked process of multiprocessing leaves without


def trial(line: list[str], out: Path, kill: Callable[..., tuple[int, float]]) -> dict:
    """One run that is killed, then run again until it ends."""
    shutil.rmtree(out, ignore_errors=True)
    killed = kill(line, out)[0] != 0
    status, _ = run(line, out)
    return {"killed": killed, "status": status, "left": outcome(out)}


def study(verb: str, world: Path, place: Path, randoms: int, chosen: int, seed: int) -> dict:
    """All trials of one verb."""
    place.mkdir(parents=True)
    imported = FORKS.Process(target=int)  # the first fork waits for the imports
    imported.start(), imported.join()
    whole, counts = place / "whole", {}
    status, seconds = run(command(verb, world, whole), whole)
    if status:
        sys.exit(f"{verb} fails undisturbed; see {place / 'log.txt'}")
    wanted, draw, trials = outcome(whole), random.Random(seed), []
    words = [str(world / "study.yaml"), "run_arm"] if verb == "compare" else [""]
    for word in words if chosen else ():  # of a command line: which process is meant
        out = place / f"counted_{len(counts)}"
        run(command(verb, world, out), out, KILL_WHOM=word, KILL_COUNT=str(place / "count"))
        counts[word] = int((place / "count").read_text())
    line = command(verb, world, place / "out")
    for _ in range(randoms):
        after = round(draw.uniform(0, seconds), 2)
        kill = partial(run, after=after)
        trials.append({"after_seconds": after, **trial(line, place / "out", kill)})
    for number in range(chosen):
        word = words[number % len(words)]
        at = 1 + number * counts[word] // chosen
        kill = partial(run, KILL_AT=str(at), KILL_WHOM=word)
        trials.append({"at_call": at, "of": word, **trial(line, place / "out", kill)})
    for one in trials:
        left = one.pop("left")
        one["differs"] = sorted(name for name in wanted if left.get(name) != wanted[name])
        one["left_over"] = sorted(left.keys() - wanted.keys())
        one["equal"] = not (one["status"] or one["differs"] or one["left_over"])
    equal = sum(one["equal"] for one in trials)
    print(f"{verb}: {equal} of {len(trials)} equal ({sum(one['killed'] for one in trials)} killed)")
    return {"equal": equal, "of": len(trials), "seconds_undisturbed": seconds, "trials": trials}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("verbs", nargs="+", choices=["refine", "merge", "train", "compare"])
    parser.add_argument("--random", type=int, default=20)
    parser.add_argument("--chosen", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("runs/faults"))
    options = parser.parse_args()
    world = options.out.resolve() / "world"
    shutil.rmtree(options.out, ignore_errors=True)
    world.mkdir(parents=True)
    prepare(world)
    results = {}
    for verb in options.verbs:
        place = world.parent / verb
        results[verb] = study(verb, world, place, options.random, options.chosen, options.seed)
        (options.out / "results.json").write_text(json.dumps(results, indent=1) + "\n")
    sys.exit(any(result["equal"] < result["of"] for result in results.values()))


if __name__ == "__main__":
    main()
