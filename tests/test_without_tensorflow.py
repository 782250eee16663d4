"""JAX alone: with TensorFlow out of reach all trains and refines, and the GPU script runs."""

import json
import os
import subprocess
import sys
from pathlib import Path

import keras
import pytest

ROOT = Path(__file__).parents[1]
pytestmark = pytest.mark.skipif(keras.backend.backend() == "jax", reason="both pick JAX themselves")

USE = """
import numpy as np, sys
import refinezoo

assert not any(name.startswith("keras") for name in sys.modules)
refiner = refinezoo.load("reinhard")
import keras
assert keras.backend.backend() == "jax"
images = np.full((2, 32, 32, 3), 100, "uint8")
refined = refiner.refine(images)
refiner.save_to_preset("preset")
assert (refinezoo.load("preset").refine(images) == refined).all()
try:
    refinezoo.export.saved_model(refiner, "servable/1")
except refinezoo.RefinezooError as error:
    assert "refinezoo[tensorflow]" in str(error)
else:
    raise AssertionError("an export without TensorFlow")
"""


@pytest.fixture
def without_tensorflow(tmp_path):
    """Runs a line of Python in an environment that has no TensorFlow and names no backend."""
    start = "import sys\nfor name in ('tensorflow', 'tensorboard'):\n    sys.modules[name] = None\n"
    (tmp_path / "sitecustomize.py").write_text(start)
    environment = {name: value for name, value in os.environ.items() if name != "KERAS_BACKEND"}
    environment |= {"PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"}
    environment |= {"JAX_DISABLE_MOST_OPTIMIZATIONS": "1", "JAX_PLATFORMS": "cpu"}

    def run(*line):
        line = [sys.executable, *map(str, line)]
        done = subprocess.run(
            line, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=600
        )
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]

    return run


def test_presets_load_refine_and_save(without_tensorflow):
    without_tensorflow("-c", USE)


@pytest.mark.zoo
def test_the_gpu_script_runs_in_a_small_setting(without_tensorflow, tmp_path):
    out = tmp_path / "out"
    without_tensorflow(ROOT / "benchmarks/gpu.py", "--tiny", "--out", out)
    found = json.loads((out / "gpu.json").read_text())
    assert [row["batch"] for row in found["steps"]] == [1]
    assert all(row["wall_s"] > 0 and row["tflops"] > 0 for row in found["steps"])
    for name, told in found["trainings"].items():
        assert told["exit"] == 0, (out / f"{name}.log").read_text()[-2000:]
        assert (out / f"{name}.tar.gz.00").stat().st_size > 1000
    assert set(found["trainings"]) == {"cyclegan_fgbg", "pixelda"}
