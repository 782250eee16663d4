"""A model on JAX beside the same on TensorFlow: the losses of its training, what it exports to.

All that JAX has to say it says in one process, which takes long to start.
"""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

import refinezoo
from refinezoo import export
from refinezoo.export.formats.through_tensorflow import one_process
from refinezoo.export.registry import formats
from refinezoo.refiners import CycleGAN, CycleGANForegroundBackground, Reinhard

pytestmark = pytest.mark.tensorflow
TINY = {"image_size": 32, "width": 4, "blocks": 1}


def batch(seed):
    """One training batch of noise images with half-plane masks."""
    rng = np.random.default_rng(seed)

    def half():
        mask = np.zeros((2, 32, 32, 1), "float32")
        mask[:, :16] = 1.0
        return {"image": rng.integers(0, 256, (2, 32, 32, 3), "uint8"), "foreground_mask": mask}

    return {"synthetic": half(), "real": half()}


def losses_of_three_steps():
    """From weights that no backend draws; Adam's epsilon keeps it from steps of pure rounding.

    Without it, biases before a normalisation, whose gradient is zero, would move at full rate.
    """
    settings = {**TINY, "pool_size": 0, "ema_decay": 0.9, "upsampling": "resize"}
    model = CycleGANForegroundBackground(**settings)
    rng = np.random.default_rng(0)
    model.set_weights(
        [
            rng.normal(0, 0.05, w.shape).astype(w.dtype) if w.ndim == 4 else w
            for w in model.get_weights()
        ]
    )
    # Tracing costs TensorFlow more than a few steps; JAX is slow without it.
    eager = keras.backend.backend() == "tensorflow"
    model.compile(keras.optimizers.Adam(2e-3, beta_1=0.5, epsilon=1e-3), run_eagerly=eager)
    logs = []
    for seed in range(3):
        model.reset_metrics()
        step = model.train_on_batch(batch(seed), return_dict=True)
        logs.append({name: float(value) for name, value in step.items()})
    return logs


def largest_error_of_a_saved_model(folder):
    images = [np.random.default_rng(0).integers(0, 256, (33, 40, 3), np.uint8)]
    model = Reinhard(photos=3).adapt(images)
    path = export.saved_model(model, folder / "reinhard/1", warmup_images=())
    return export.check_saved_model(path, model, images).max_abs_error


def errors_of_a_litert_file(folder):
    """The largest difference in levels, and the share of values that differ."""
    random = np.random.default_rng(0)
    refiner = CycleGAN(**TINY)
    image = random.integers(0, 256, (32, 32, 3), np.uint8)
    for weight in refiner.inference_network.trainable_weights:
        weight.assign(random.normal(0, 0.1, weight.shape).astype("float32"))
    exported = refinezoo.load(export.litert(refiner, folder / "r.tflite", 32))
    difference = np.abs(refiner.refine(image).astype(int) - exported.refine(image))
    return int(difference.max()), float((difference > 0).mean())


def of_jax(folder):
    """What runs in the process of JAX."""
    with one_process():
        said = {
            "losses": losses_of_three_steps(),
            "saved_model": largest_error_of_a_saved_model(folder),
        }
        if all(map(importlib.util.find_spec, formats()["litert"].packages)):
            said["litert"] = errors_of_a_litert_file(folder)
    (folder / "said.json").write_text(json.dumps(said))


@pytest.fixture(scope="module")
def jax(tmp_path_factory):
    folder = tmp_path_factory.mktemp("jax")
    here = Path(__file__).parent
    script = (
        f"import sys, pathlib; sys.path[:0] = {[str(here.parent), str(here)]}\n"
        "from test_beside_jax import of_jax\n"
        f"of_jax(pathlib.Path({str(folder)!r}))"
    )
    environment = {"KERAS_BACKEND": "jax", "JAX_DISABLE_MOST_OPTIMIZATIONS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads((folder / "said.json").read_text())


def test_both_have_the_same_losses(jax):
    # Over four draws of weights and batches 4e-6 before any update, then up to 2e-3: a unit at
    # the kink of its activation has gone to the other side, as it may in either update elsewhere.
    tolerances = (1e-4, 1e-2, 1e-2)
    for ours, theirs, relative in zip(
        losses_of_three_steps(), jax["losses"], tolerances, strict=True
    ):
        assert ours == pytest.approx(theirs, rel=relative, abs=1e-5)


def test_jax_models_are_saved_models_of_equal_outputs(jax):
    assert jax["saved_model"] <= 1


def test_jax_models_are_litert_files_of_equal_outputs(needed, jax):
    needed("litert")
    level, share = jax["litert"]
    # Floats within 1e-4 of [-1, 1] round to other levels in at most 2 x 1e-4 x 127.5 of the pixels.
    assert level <= 1 and share < 0.0255
