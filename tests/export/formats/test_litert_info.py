"""The description inside a `.tflite` comes from outside."""

import json
import tracemalloc
import zipfile

import pytest

from refinezoo import RefinezooError
from refinezoo.export.formats.litert import litert_info

GOOD = {"kind": "refiner", "name": "r", "weights_sha256": "0", "class_names": []}


def packed(path, text, method=zipfile.ZIP_DEFLATED):
    path.write_bytes(b"TFL3" * 8)
    with zipfile.ZipFile(path, "a", method) as archive:
        archive.writestr("model_info.json", text)
    return path


def test_a_description_is_read(tmp_path):
    assert litert_info(packed(tmp_path / "m.tflite", json.dumps(GOOD))) == GOOD


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_bomb_is_not_unpacked(method, tmp_path):
    path = packed(tmp_path / "m.tflite", " " * (64 << 20) + json.dumps(GOOD), method)
    tracemalloc.start()
    with pytest.raises(RefinezooError, match="without its description"):
        litert_info(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 << 20


@pytest.mark.parametrize("text", ["", "[1]", "{}", "[" * 100_000, json.dumps({"kind": "refiner"})])
def test_other_content_is_worded(text, tmp_path):
    with pytest.raises(RefinezooError, match="without its description"):
        litert_info(packed(tmp_path / "m.tflite", text))
