"""The precision of a training ends with it, and a processor that only emulates it is named."""

import keras
import pytest

from refinezoo.training import precision

pytestmark = pytest.mark.once


@pytest.mark.parametrize(
    ("flags", "emulated"),
    [("flags\t: fpu avx2 fma", True), ("flags\t: avx2 avx512_bf16", False), ("bf16 sve", False)],
)
def test_the_processor_says_what_it_computes(tmp_path, flags, emulated):
    (tmp_path / "cpuinfo").write_text(flags + "\n")
    assert precision.half_precision_is_emulated(tmp_path / "cpuinfo") is emulated


def test_nothing_is_said_of_what_is_not_known(tmp_path):
    assert not precision.half_precision_is_emulated(tmp_path / "none")


@pytest.mark.parametrize("emulated", [True, False])
def test_emulation_is_said_with_the_remedy(monkeypatch, capsys, emulated):
    monkeypatch.setattr(precision, "half_precision_is_emulated", lambda: emulated)
    before = keras.config.dtype_policy()
    with precision.training_precision("mixed_bfloat16"):
        assert keras.config.dtype_policy().name == "mixed_bfloat16"
    assert keras.config.dtype_policy() is before
    assert ("precision=float32" in capsys.readouterr().err) is emulated
