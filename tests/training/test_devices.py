"""Refiners on two devices train as on one with the global batch."""

import json
import os
import subprocess
import sys
from pathlib import Path

import keras
import pytest

from refinezoo.errors import RefinezooError
from refinezoo.refiners import SimGAN

SCRIPT = Path(__file__).parent / "two_devices.py"
REFINERS = ("CycleGAN", "CycleGANForegroundBackground", "PixelDA", "T2Net")
BACKEND = keras.backend.backend()


def losses(*names):
    """Refiner -> losses of each epoch on one device, and on two."""
    environment = {**os.environ, "KERAS_BACKEND": BACKEND, "TF_CPP_MIN_LOG_LEVEL": "3"}
    line = [sys.executable, str(SCRIPT), *names]
    done = subprocess.run(line, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    rows = (json.loads(line) for line in done.stdout.splitlines() if line.startswith("["))
    return {name: (one, two) for name, one, two in rows}


def assert_same_training(one, two):
    assert one.keys() == two.keys()
    for name, values in one.items():
        assert two[name] == pytest.approx(values, rel=2e-3, abs=1e-5), name
    assert any(first != last for first, *_, last in one.values())


def test_a_refiner_with_every_kind_of_turn_trains_on_two_devices_as_on_one():
    assert_same_training(*losses("SimGAN")["SimGAN"])


@pytest.mark.zoo
def test_every_refiner_trains_on_two_devices_as_on_one():
    found = losses(*REFINERS)
    assert set(found) == set(REFINERS)
    for one, two in found.values():
        assert_same_training(one, two)


@pytest.mark.skipif(BACKEND != "jax", reason="hosts are a matter of JAX")
def test_several_hosts_are_refused(monkeypatch):
    import jax

    monkeypatch.setattr(jax, "process_count", lambda: 2)
    with pytest.raises(RefinezooError, match="one process .*, received 2"):
        SimGAN(image_size=32, width=4, blocks=1).compile()
