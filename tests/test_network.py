"""Nothing leaves the machine: every verb that answers without a server, with its native code.

The verbs run one after the other in one process, under a filter that kills it if it asks for an
internet socket (tests/offline.py); `export` has its own test. `tests/conftest.py` refuses
connections of every test besides, in Python.
"""

import json
import socket

import numpy as np
import offline
import pytest
import yaml
from small_sets import photo, put

pytestmark = pytest.mark.tensorflow

VERBS = """
import json, sys
import tensorflow as tf
from typer.testing import CliRunner
from refinezoo.cli import app
tf.config.run_functions_eagerly(True)  # a trace costs more than a few images do
for line in json.loads(sys.argv[1]):
    done = CliRunner().invoke(app, line)
    assert done.exit_code == 0, (line, done.output, done.stderr, done.exception)
    print(line[0])
"""
TRAINING = {
    "refiner": "SimGAN",
    "arguments": {"image_size": 32, "width": 4, "blocks": 1, "discriminator_width": 4}
    | {"pretrain_refiner": 0, "pretrain_discriminator": 0, "pool_size": 2},
    "synthetic": "../out/scenes",
    "real": "../out/scenes",
    "out": "../out/trained",
    "image_size": 32,
    "batch_size": 2,
    "steps": 1,
    "samples": 0,
    "guards": False,
}


def test_each_verb_stays_on_the_machine(tmp_path, small_model):
    from refinezoo.files import ASSETS

    out = tmp_path / "out"
    out.mkdir()
    products = json.loads((ASSETS / "real_test/annotations.json").read_text())["categories"]
    detector = small_model("SSD300", class_names=[row["name"] for row in products])
    detector.save_to_preset(out / "detector")  # one of the zoo takes 4 s to trace, three times
    (out / "train.yaml").write_text(yaml.safe_dump(TRAINING))
    (out / "servable/m/1").mkdir(parents=True)
    (out / "servable/m/1/saved_model.pb").touch()
    scenes, model = f"{out}/scenes", f"{out}/detector"
    lines = [
        ["list"],
        ["info", "cyclegan"],
        ["compose", scenes, "--count", "2", "--image-size", "64"],
        ["street", f"{out}/street", "--count", "1", "--image-size", "48x64"],
        ["check", scenes],
        ["doctor", scenes, scenes],
        ["suggest", scenes, scenes, "--no-measure", "--out", f"{out}/suggested"],
        ["merge", f"{out}/merged", f"a={scenes}", f"b={scenes}"],
        ["convert", scenes, f"{out}/yolo", "--to", "yolo"],
        ["serve-config", f"{out}/servable", "--out", f"{out}/deploy"],
        ["refine", scenes, f"{out}/refined", "--model", "reinhard"],
        ["predict", model, scenes, "--out", f"{out}/found"],
        ["label", model, scenes, "--out", f"{out}/label.json"],
        ["evaluate", model, scenes],
        ["train", f"{out}/train.yaml"],
        ["compose", f"{out}/many", "--count", "20", "--image-size", "32"],
        ["gate", f"{out}/many", f"{out}/gate.json", "--model", "reinhard"],
    ]
    all_stay(tmp_path, lines)


STUDY = {
    "study": "tiny",
    "data": {"root": "ROOT"},
    "synthetic": {"folder": "renders"},
    "real": {"folders": {"train": "renders", "test": "renders"}},
    "model": {"name": "depth", "class": "DepthUNet", "config": {"width": 4, "max_depth": 5.0}},
    "settings": {"image_size": [96, 96]},
    "training": {"steps": 1, "batch_size": 1, "optimizer": "own", "augmentation": False},
    "arms": {"synthetic": ["synthetic"]},
    "seeds": [0],
    "metrics": ["abs_rel"],
}


@pytest.mark.zoo
def test_so_do_the_long_ones(tmp_path):
    out = tmp_path / "out"
    for number in range(2):
        put(out / f"renders/images/{number}.png", photo(number, 96, 96))
        put(out / f"renders/depth/{number}.png", np.full((96, 96), 2000, np.uint16))
    study = {**STUDY, "data": {"root": str(out)}, "out": str(out / "study")}
    (out / "study.yaml").write_text(yaml.safe_dump(study))
    all_stay(
        tmp_path,
        [["demo", "--out", f"{out}/demo", "--count", "2"], ["compare", f"{out}/study.yaml"]],
    )


def all_stay(tmp_path, lines):
    """Runs the verbs under the filter: each ends well, and leaves nothing but its output."""
    done = offline.python(tmp_path, "-c", VERBS, json.dumps(lines))
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.split() == [line[0] for line in lines]
    assert offline.left(tmp_path) == []
    assert {path.name for path in tmp_path.iterdir()} == {"home", "tmp", "work", "out"}


def test_a_test_that_asks_for_another_machine_fails():
    with pytest.raises(AssertionError, match="asked for refinezoo.invalid"):
        socket.getaddrinfo("refinezoo.invalid", 80)
    with pytest.raises(AssertionError, match="asked for 192.0.2.1"):
        socket.create_connection(("192.0.2.1", 80), timeout=1)
