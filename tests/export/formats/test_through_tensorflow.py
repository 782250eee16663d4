"""The process that exports for another backend; tests/export/test_beside_jax.py has its exports."""

import sys
import types

import pytest

from refinezoo import RefinezooError
from refinezoo.export.formats import through_tensorflow


def test_a_process_that_ends_has_failed_in_its_last_words(tiny_class, tmp_path, monkeypatch):
    """A class of the user's own, whose module cannot be imported where the export is made."""
    source = tmp_path / "code/falls.py"
    source.parent.mkdir()
    source.write_text("raise SystemExit('first\\nthe roof fell in')")
    module = types.ModuleType("falls")
    module.__file__ = str(source)
    monkeypatch.setitem(sys.modules, "falls", module)
    monkeypatch.setattr(through_tensorflow, "own_modules", lambda: ["falls"])
    out = tmp_path / "out"
    with through_tensorflow.one_process() as process:
        for _ in range(2):  # the next one starts another
            with pytest.raises(RefinezooError, match="failed: the roof fell in. Save the model"):
                process.write("onnx", tiny_class(), out / "m.onnx", {"image_size": 32})
    assert list(out.iterdir()) == []


def test_exports_within_share_a_process():
    with through_tensorflow.one_process() as process:
        with through_tensorflow.one_process() as inner:
            assert inner is process
    with through_tensorflow.one_process() as another:
        assert another is not process
