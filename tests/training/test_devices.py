"""Refiners on two devices, or hosts, train as on one with the global batch."""

import json
import os
import socket
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
on_jax = pytest.mark.skipif(BACKEND != "jax", reason="hosts are a matter of JAX")


def losses(*names):
    """Refiner -> losses of each epoch on one device, and on two."""
    environment = {**os.environ, "KERAS_BACKEND": BACKEND, "TF_CPP_MIN_LOG_LEVEL": "3"}
    line = [sys.executable, str(SCRIPT), *names]
    done = subprocess.run(line, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    return {name: (one, two) for name, one, two in rows(done.stdout)}


def rows(said):
    """The lines of JSON; what Gloo says of its links begins with [Gloo]."""
    return [json.loads(line) for line in said.splitlines() if line.startswith(('["', "[{"))]


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


@pytest.mark.zoo
@on_jax
def test_two_processes_train_as_one(tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    environment = {**os.environ, "KERAS_BACKEND": "jax", "TF_CPP_MIN_LOG_LEVEL": "3"}
    line = [sys.executable, str(SCRIPT.with_name("two_hosts.py")), port]
    hosts = [
        subprocess.Popen(
            [*line, index, "CycleGAN", str(tmp_path / "preset")],
            env=environment,
            stdout=subprocess.PIPE,
            text=True,
        )
        for index in "01"
    ]
    said = [host.communicate(timeout=900)[0] for host in hosts]
    assert [host.returncode for host in hosts] == [0, 0]
    (first, alone), (second,) = map(rows, said)
    assert first == second
    assert_same_training(alone[0], first[0])
    assert first[1] == pytest.approx(alone[1], rel=1e-4)
    assert list((tmp_path / "preset").glob("*.weights.h5"))


@on_jax
def test_hosts_whose_collectives_would_meet_out_of_order_are_refused(monkeypatch):
    import jax

    monkeypatch.setattr(jax, "process_count", lambda: 2)
    with pytest.raises(RefinezooError, match="jax_cpu_enable_async_dispatch', False"):
        SimGAN(image_size=32, width=4, blocks=1).compile()
