"""Keras' own `model.export`, of models that were loaded and never called."""

import keras
import numpy as np
import pytest
from keras import ops

import refinezoo

pytestmark = pytest.mark.tensorflow


@pytest.mark.parametrize("name", ["CycleGAN", "PopulationTransport", "Classifier"])
def test_a_loaded_model_exports_its_network(name, small_model, tmp_path):
    import tensorflow as tf

    model = refinezoo.load(small_model(name).save_to_preset(tmp_path / "preset"))
    model.export(tmp_path / "saved_model", verbose=False)
    images = np.random.default_rng(0).uniform(-1, 1, (1, 32, 32, 3)).astype("float32")
    loaded = tf.saved_model.load(str(tmp_path / "saved_model"))
    maps = [keras.tree.flatten(call(images)) for call in (model.inference_network, loaded.serve)]
    for wanted, given in zip(*maps, strict=True):
        np.testing.assert_allclose(np.asarray(given), ops.convert_to_numpy(wanted), atol=1e-4)
