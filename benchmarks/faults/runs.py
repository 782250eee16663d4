"""One command of refinezoo as a process of its own, tiny inputs for each verb, and what is left.

Each run is forked from a process that has imported TensorFlow and done nothing else. Its temporary
folder is `tmp/` beside the output folder, and what it leaves there counts.
"""

import argparse
import atexit
import hashlib
import json
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import yaml

VERBS = ("refine", "merge", "train", "compare", "export", "request")
HOOK = Path(__file__).resolve().parent / "hook"
FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["keras", "tensorflow", "refinezoo.cli"])
LIMIT = 1800  # seconds of one run
# What a run says of itself: times, versions, logs; of a SavedModel its random identifier.
VOLATILE = {"summary.json", "results.json", "log.txt", "page.html", "spec.json", "manifest.json"}
VOLATILE |= {"fingerprint.pb"}
EXPORTED = {".pb", ".tflite", ".onnx", ".xml"}  # name their layers anew in each run: answers count
TELLING = ("hash", "arm", "seed", "metrics", "steps", "loss", "parameters")

TRAINING = {
    "refiner": "SimGAN",
    "arguments": {"image_size": 32, "width": 4, "blocks": 1, "discriminator_width": 4}
    | {"pretrain_refiner": 0, "pretrain_discriminator": 0, "pool_size": 8}
    | {"refiner_moves": 1},
    "image_size": 32,
    "batch_size": 2,
    "steps": 8,
    "steps_per_epoch": 2,
    "samples": 1,
    "guards": False,
    "tensorboard": False,
}
STUDY = {
    "study": "faults",
    "synthetic": {"compose": {"count": 8, "image_size": 64, "seed": 1}},
    "model": {"name": "ssd", "class": "SSD300"}
    | {"config": {"image_size": 64, "width_multiplier": 0.0625, "batch_norm": True}},
    "training": {"steps": 8, "batch_size": 2, "backup_every": 2},
    "refiners": {"refined": {"preset": "reinhard"}},
    "arms": {"synthetic": ["synthetic"], "refined": ["refined"]},
    "seeds": [0],
    "metrics": ["AP50"],
}


def prepare(world: Path, verbs: list[str]) -> None:
    """What the verbs work on: scenes, the files of a training and of a study, a preset."""
    from refinezoo.files import ASSETS
    from refinezoo.scenes.compose import compose_scenes

    world.mkdir(parents=True)
    for name, seed in (("renders", 0), ("photos", 5)):
        compose_scenes(ASSETS / "products", world / name, 16, image_size=64, seed=seed)
    training = {**TRAINING, "synthetic": str(world / "renders"), "real": str(world / "photos")}
    real = {"test": "photos/annotations.json"}
    (world / "train.yaml").write_text(yaml.safe_dump({**training, "out": "unused"}))
    (world / "study.yaml").write_text(yaml.safe_dump({**STUDY, "real": real}))
    needs_preset = {"export", "request"} & set(verbs)
    # In any case a first process, which waits for the imports that all others share.
    made = FORKS.Process(target=_preset if needs_preset else os.fspath, args=(world / "tiny",))
    made.start(), made.join()


def _preset(folder: Path) -> None:
    import numpy as np

    from refinezoo.refiners import CycleGAN

    model, draw = CycleGAN(image_size=32, width=4, blocks=1), np.random.default_rng(0)
    for kernel in model.trainable_weights:  # a new refiner changes nothing, whatever its weights
        kernel.assign(kernel + draw.normal(scale=0.2, size=kernel.shape))
    model.save_to_preset(folder)


def bench(doc: str, name: str, study: Callable[..., bool], **options: int) -> None:
    """The command line of a bench: verbs, `--out` and the options; exit status 1 if one fell short.

    Args:
        doc: what it does.
        name: of its folder in `--out`.
        study: is called with a verb, the folders of its inputs and of its work, the file of
            results, and the options; whether all trials held.
        options: of `study`, by their defaults.
    """
    parser = argparse.ArgumentParser(description=doc.splitlines()[0])
    parser.add_argument("verbs", nargs="+", choices=VERBS)
    parser.add_argument("--out", type=Path, default=Path("runs/faults"))
    for option, default in options.items():
        parser.add_argument(f"--{option}", type=int, default=default)
    asked = vars(parser.parse_args())
    verbs, out = asked.pop("verbs"), asked.pop("out").resolve()
    place = out / name
    shutil.rmtree(place, ignore_errors=True)
    prepare(place / "world", verbs)
    with serving(verbs, place / "world"):
        held = [
            study(verb, place / "world", place / verb, out / "results.json", **asked)
            for verb in verbs
        ]
    sys.exit(not all(held))


def command(verb: str, world: Path, out: Path) -> list[str]:
    """The arguments of `refinezoo` for a verb that writes to `out`."""
    renders, photos = world / "renders", world / "photos"
    if verb == "request":
        address = (world / "server").read_text()
        return ["request", f"{renders}/images", str(out), "--model", "tiny", "--server", address]
    return {
        "refine": ["refine", str(renders), str(out), "--model", "reinhard"],
        "merge": ["merge", str(out), f"real={photos}", f"refined={renders}", "--ratio", "3:4"],
        "train": ["train", str(world / "train.yaml"), f"out={out}"],
        "compare": ["compare", str(world / "study.yaml"), f"--data={world}", f"--out={out}"],
        "export": ["export", str(world / "tiny"), "--out", str(out), "--runs", "0"]
        + ["--format", "all", "--force"],
    }[verb]


@contextmanager
def serving(verbs: list[str], world: Path) -> Iterator[None]:
    """A server of the preset for `request`, if it is among the verbs."""
    if "request" not in verbs:
        yield
        return
    place = world / "served"
    place.mkdir()
    line = ["export", str(world / "tiny"), "--out", str(place / "models" / "tiny" / "1")]
    run(line, place / "models", log=place / "log.txt")
    command = [sys.executable, "-m", "refinezoo.export.serving.testing", str(place / "models")]
    command += ["--port", "0", "--rest-port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None  # noqa: S101
        (world / "server").write_text(server.stdout.readline().split()[2])
        try:
            yield
        finally:
            server.terminate()


def outcome(out: Path) -> dict[str, str]:
    """What a run left: a checksum a file, without what differs between any two runs."""
    found = {}
    answers = _answers(out)
    for path in sorted(path for path in out.rglob("*") if path.is_file()):
        name, content = path.relative_to(out).as_posix(), path.read_bytes()
        if path.name == "manifest.json":
            content = json.dumps(json.loads(content)["images"]).encode()
        elif path.name == "request.jsonl":  # in the order of arrival; the last line counts
            rows = {row["image"]: row for row in map(json.loads, content.splitlines())}
            content = json.dumps(rows, sort_keys=True).encode()
        elif path.name == "result.json":
            result = json.loads(content)
            content = json.dumps({key: result[key] for key in TELLING}).encode()
        elif path.name == "config.yaml":  # names its folder
            content = content.replace(os.fsencode(out), b"")
        elif path.name in VOLATILE:
            content = b""
        elif path.suffix in EXPORTED:
            content = answers[name].encode()
        elif path.suffix == ".bin" or "variables" in path.parts:  # read for the answers
            content = b""
        found[name] = hashlib.sha256(content).hexdigest()
    # Beside it: what is made before it takes its place, and temporary files.
    beside = [*out.parent.glob(".refinezoo*"), *(out.parent / "tmp").glob("*")]
    return found | {path.relative_to(out.parent).as_posix(): "" for path in beside}


def _answers(out: Path) -> dict[str, str]:
    """Of each exported model its answer to one image, or why it has none."""
    files = [path for path in out.rglob("*") if path.suffix in EXPORTED - {".pb"}]
    files += out.rglob("saved_model.pb")
    if not files:
        return {}
    queue = FORKS.SimpleQueue()
    process = FORKS.Process(target=_answer, args=(files, queue))
    process.start()
    answers = queue.get()
    process.join()
    return {path.relative_to(out).as_posix(): answer for path, answer in answers.items()}


def _answer(files: list[Path], queue: Any) -> None:
    import numpy as np

    from refinezoo.export import load_exported

    image = np.random.default_rng(0).integers(0, 256, (1, 32, 32, 3), np.uint8)
    answers = {}
    for path in files:
        place = path.parent if path.name == "saved_model.pb" else path
        try:
            answers[path] = hashlib.sha256(load_exported(place).predict(image)).hexdigest()
        except Exception as error:  # noqa: BLE001
            answers[path] = str(error)
    queue.put(answers)


def run(
    line: list[str],
    out: Path,
    after: float | None = None,
    *,
    log: Path | None = None,
    **options: str,
) -> tuple[int, float]:
    """Runs `refinezoo`, killed `after` seconds with all that it started; exit status, seconds."""
    started = time.monotonic()
    process = start(line, out, log=log, **options)
    process.join(LIMIT if after is None else after)
    if process.exitcode is None:
        with suppress(ProcessLookupError):  # it leads no group before its first line
            os.killpg(process.pid, signal.SIGKILL)
        process.kill()
        process.join()
    return process.exitcode, time.monotonic() - started


def start(line: list[str], out: Path, *, log: Path | None = None, **options: str) -> Any:
    """Starts `refinezoo` with options in its environment."""
    path = os.pathsep.join([str(HOOK), os.environ.get("PYTHONPATH", "")])
    places = {"KILL_BELOW": str(out.parent), "TMPDIR": str(out.parent / "tmp")}
    options = {"PYTHONPATH": path, **places, **options}
    Path(options["TMPDIR"]).mkdir(parents=True, exist_ok=True)
    log = log or out.parent / "log.txt"
    process = FORKS.Process(target=_verb, args=(line, str(log), options))
    process.start()
    return process


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


def differences(wanted: dict[str, str], left: dict[str, str]) -> dict[str, list[str]]:
    """What two runs left in another form, and what only the second one did; empty if equal."""
    found = {
        "differs": sorted(name for name in wanted if wanted[name] != left.get(name)),
        "left_over": sorted(left.keys() - wanted.keys()),
    }
    return {key: names for key, names in found.items() if names}


def write_results(path: Path, results: dict[str, Any]) -> None:
    """Adds results to a file of them, by verb and kind; a trial a line."""
    import re

    kept = json.loads(path.read_text()) if path.is_file() else {}
    for verb, kinds in results.items():
        kept.setdefault(verb, {}).update(kinds)
    text = json.dumps(kept, indent=1)
    flat = re.sub(r"\{[^{}]*\}", lambda trial: " ".join(trial[0].split()), text)
    path.write_text(flat + "\n")
