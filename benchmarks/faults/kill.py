"""Kills refine, train and compare at random and at chosen moments, runs them again, compares.

    python benchmarks/faults/kill.py refine train compare --random 20 --chosen 20 --out runs/faults

A run that was killed, and then run again until it ends, must leave what an undisturbed one leaves,
and nothing else. Random moments are times; chosen ones are calls to the file system, spread over
all of them (`hook/sitecustomize.py`). Of compare, the study's own process and those of its arms
are killed in turn. Writes `OUT/results.json`; exit status 1 where a run differs.
"""

import argparse
import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import yaml

HOOK = Path(__file__).parent / "hook"
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
    """The command line of a verb that writes to `out`."""
    start = [sys.executable, "-m", "refinezoo", verb]
    if verb == "refine":
        return [*start, str(world / "renders"), str(out), "--model", "reinhard"]
    if verb == "train":
        return [*start, str(world / "train.yaml"), f"out={out}"]
    return [*start, str(world / "study.yaml"), "--data", str(world), "--out", str(out)]


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
        elif path.name in VOLATILE:
            content = b""
        found[name] = hashlib.sha256(content).hexdigest()
    return found


def run(line: list[str], out: Path, **options: str) -> tuple[int, float]:
    """Runs a command with the hook; its exit status and its seconds."""
    path = os.pathsep.join([str(HOOK), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "PYTHONPATH": path, "KILL_BELOW": str(out), **options}
    started = time.monotonic()
    with open(out.parent / "log.txt", "ab") as log:
        done = subprocess.run(line, env=environment, stdout=log, stderr=log)
    return done.returncode, time.monotonic() - started


def killed_at_random(line: list[str], out: Path, seconds: float) -> bool:
    """Runs a command and kills it, with the processes it started, after some time."""
    with open(out.parent / "log.txt", "ab") as log:
        process = subprocess.Popen(line, stdout=log, stderr=log, start_new_session=True)
    try:
        process.wait(seconds)
        return False
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        return True


def killed_at_call(line: list[str], out: Path, moment: int, word: str) -> bool:
    """Runs a command whose process, or one that it starts, is killed at a call."""
    return run(line, out, KILL_AT=str(moment), KILL_WHOM=word)[0] != 0


def trial(verb: str, world: Path, out: Path, kill: Callable[[list[str], Path], bool]) -> dict:
    """One run that is killed, then run again until it ends."""
    shutil.rmtree(out, ignore_errors=True)
    line = command(verb, world, out)
    killed = kill(line, out)
    status, _ = run(line, out)
    return {"killed": killed, "status": status, "left": outcome(out)}


def study(verb: str, world: Path, place: Path, randoms: int, chosen: int, seed: int) -> dict:
    """All trials of one verb."""
    place.mkdir(parents=True)
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
    for _ in range(randoms):
        after = round(draw.uniform(0, seconds), 2)
        kill = partial(killed_at_random, seconds=after)
        trials.append({"after_seconds": after, **trial(verb, world, place / "out", kill)})
    for number in range(chosen):
        word = words[number % len(words)]
        at = 1 + number * counts[word] // chosen
        kill = partial(killed_at_call, moment=at, word=word)
        trials.append({"at_call": at, "of": word, **trial(verb, world, place / "out", kill)})
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
    parser.add_argument("verbs", nargs="+", choices=["refine", "train", "compare"])
    parser.add_argument("--random", type=int, default=20)
    parser.add_argument("--chosen", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("runs/faults"))
    options = parser.parse_args()
    world = options.out.resolve() / "world"
    shutil.rmtree(options.out, ignore_errors=True)
    world.mkdir(parents=True)
    prepare(world)
    results = {
        verb: study(verb, world, world.parent / verb, options.random, options.chosen, options.seed)
        for verb in options.verbs
    }
    (options.out / "results.json").write_text(json.dumps(results, indent=1) + "\n")
    sys.exit(any(result["equal"] < result["of"] for result in results.values()))


if __name__ == "__main__":
    main()
