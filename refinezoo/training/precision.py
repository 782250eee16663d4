"""The number format of a training, and a word where the processor only pretends to have it."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import keras

_HALF = ("avx512_bf16", "amx_bf16", "bf16")  # x86 in flags, Arm in Features of /proc/cpuinfo


@contextmanager
def training_precision(policy: str) -> Iterator[None]:
    """Keras' global dtype policy meanwhile; models keep the one they were built with.

    Args:
        policy: `"float32"` or `"mixed_bfloat16"`.
    """
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    if policy == "mixed_bfloat16" and half_precision_is_emulated():
        print(
            "precision: mixed_bfloat16 is emulated on this processor (no avx512_bf16, no amx_bf16 "
            "in /proc/cpuinfo) and takes up to ten times as long as float32. Stop and add "
            "precision=float32 unless you have the time.",
            file=sys.stderr,
        )
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def half_precision_is_emulated(cpuinfo: Path = Path("/proc/cpuinfo")) -> bool:
    """Whether this is a processor without instructions for bfloat16, and no other device is there.

    Args:
        cpuinfo: what Linux says of the processor; where there is no such file, nothing is known.
    """
    devices = keras.distribution.list_devices()
    if not cpuinfo.is_file() or not all(device.lower().startswith("cpu") for device in devices):
        return False
    return not set(cpuinfo.read_text().split()) & set(_HALF)
