"""Freed memory stays, and the environment can forbid it."""

import os
import platform
import resource
import subprocess
import sys

import pytest

from refinezoo.memory import free_mb

PAGES = """
import resource
from refinezoo.memory import keep_freed_memory
print(keep_freed_memory())
for _ in range(3):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    block = b"x" * (96 << 20)
    del block
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""

TRAINING = """
import keras
import numpy as np
from refinezoo.refiners import CycleGAN
keras.utils.set_random_seed(0)
model = CycleGAN(image_size=64, width=4, blocks=1, pool_size=2)
model.compile()
images = np.random.default_rng(0).integers(0, 256, (2, 1, 64, 64, 3), "uint8")
for _ in range(3):
    halves = zip(("synthetic", "real"), images)
    batch = {half: {"image": image} for half, image in halves}
    print(model.train_on_batch(batch, return_dict=True))
"""


def told(**environment):
    clean = {key: value for key, value in os.environ.items() if not key.startswith("MALLOC_")}
    clean.pop("GLIBC_TUNABLES", None)
    answer = subprocess.run(
        [sys.executable, "-c", PAGES],
        env=clean | environment,
        capture_output=True,
        text=True,
        check=True,
    )
    kept, faults = answer.stdout.split()
    return kept == "True", int(faults)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries are not touched")
def test_a_block_of_the_size_of_one_just_freed_costs_no_page():
    pages = (96 << 20) // resource.getpagesize()
    kept, faults = told()
    assert kept and faults < pages / 100


@pytest.mark.parametrize("setting", [{"REFINEZOO_KEEP_MEMORY": "0"}, {"MALLOC_ARENA_MAX": "2"}])
def test_what_the_user_set_stays(setting):
    assert told(**setting)[0] is False


@pytest.mark.zoo
def test_a_training_is_the_same_to_the_last_bit_where_freed_memory_stays():
    kept, given_back = (
        subprocess.run(
            [sys.executable, "-c", TRAINING],
            env=os.environ | {"REFINEZOO_KEEP_MEMORY": switch},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for switch in "10"
    )
    assert kept == given_back and "cycle" in kept


def test_what_is_free_is_that_of_the_container_where_it_is_less(tmp_path):
    machine, most = tmp_path / "meminfo", tmp_path / "memory.max"
    assert free_mb(machine, most) == float("inf")
    machine.write_text("MemTotal: 24000000 kB\nMemAvailable: 2000000 kB\n")
    assert free_mb(machine, most) == pytest.approx(2048)
    most.write_text("max\n")
    assert free_mb(machine, most) == pytest.approx(2048)
    most.write_text("1500000000\n")
    (tmp_path / "memory.current").write_text("500000000\n")
    assert free_mb(machine, most) == pytest.approx(1000)
