import json

import h5py
import keras
import numpy as np
import pytest

from refinezoo.errors import RefinezooError
from refinezoo.models import presets

pytestmark = pytest.mark.once  # files; fine-tuning saves and loads on both


def outputs(model):
    batch = np.linspace(-1, 1, 2 * 8 * 8 * 3, dtype="float32").reshape(2, 8, 8, 3)
    return np.asarray(model(batch))


def test_round_trip_keeps_config_and_outputs(tiny_class, tmp_path):
    model = tiny_class(filters=5)
    presets.save_to_preset(model, tmp_path / "preset")
    loaded = presets.load_preset(tmp_path / "preset")
    assert loaded.arguments == {"filters": 5, "channels": 3}
    np.testing.assert_allclose(outputs(loaded), outputs(model), atol=2e-3)
    assert not np.allclose(outputs(tiny_class(filters=5)), outputs(model), atol=2e-3)


def test_a_trained_preset_is_called_after_its_training(tiny_class, tmp_path):
    model = tiny_class()
    for folder, name in (
        ("mine", "mine"),
        ("runs/mine/preset", "mine"),
        ("arms/transport/seed_0/preset", "transport_seed_0"),
    ):
        presets.save_to_preset(model, tmp_path / folder)
        assert model.preset_name == presets.load_preset(tmp_path / folder).preset_name == name


def test_full_precision_round_trip_is_exact(tiny_class, tmp_path):
    model = tiny_class()
    presets.save_to_preset(model, tmp_path / "preset", half=False)
    assert presets.read_preset(tmp_path / "preset").weights.dtype == "float32"
    np.testing.assert_array_equal(outputs(presets.load_preset(tmp_path / "preset")), outputs(model))


class Doubled(keras.layers.Layer):
    """Writes twice its weight, and halves what it reads: only Keras' own file tells."""

    def build(self, input_shape):
        self.scale = self.add_weight(shape=(1,), initializer="ones")

    def call(self, inputs):
        return inputs * self.scale

    def save_own_variables(self, store):
        store["0"] = 2 * keras.ops.convert_to_numpy(self.scale)

    def load_own_variables(self, store):
        self.scale.assign(store["0"] / 2)


def test_layers_may_write_and_read_in_their_own_way(tmp_path):
    images = keras.Input((8, 8, 3))
    layer = Doubled()
    network = keras.Model(images, layer(images))
    layer.scale.assign([3.0])
    presets.save_half(network, tmp_path / "x.weights.h5")
    with h5py.File(tmp_path / "x.weights.h5") as file:
        assert file["layers/doubled/vars/0"][()] == 6.0
    layer.scale.assign([1.0])
    presets.load_weights(network, tmp_path / "x.weights.h5")
    assert float(layer.scale[0]) == 3.0


def test_saving_twice_gives_the_same_bytes(tiny_class, tmp_path):
    model = tiny_class()
    records = [presets.save_half(model.inference_network, tmp_path / f"{i}.h5") for i in (1, 2)]
    assert records[0]["sha256"] == records[1]["sha256"]


def test_values_beyond_half_precision_stay_in_full(tiny_class, tmp_path):
    model = tiny_class()
    normalisation = model.inference_network.layers[2]
    normalisation.moving_variance.assign([1e6, 1.0, 2.0, 3.0])
    presets.save_half(model.inference_network, tmp_path / "x.weights.h5")
    loaded = tiny_class()
    presets.load_weights(loaded.inference_network, tmp_path / "x.weights.h5")
    variance = np.asarray(loaded.inference_network.layers[2].moving_variance)
    np.testing.assert_array_equal(variance, [1e6, 1.0, 2.0, 3.0])
    with h5py.File(tmp_path / "x.weights.h5") as file:
        dtypes = set()
        file.visititems(lambda _, item: dtypes.add(str(getattr(item, "dtype", ""))))
    assert dtypes >= {"float16", "float32"}


def test_nan_weights_are_not_written(tiny_class, tmp_path):
    model = tiny_class()
    model.inference_network.layers[2].moving_mean.assign([np.nan, 0, 0, 0])
    with pytest.raises(RefinezooError, match="NaN"):
        presets.save_to_preset(model, tmp_path / "preset")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("change", ["flip a byte", "truncate", "delete"])
def test_changed_weights_are_refused(tiny_class, tmp_path, change):
    folder = presets.save_to_preset(tiny_class(), tmp_path / "preset")
    path = folder / presets.WEIGHTS_FILE
    content = bytearray(path.read_bytes())
    if change == "flip a byte":
        content[len(content) // 2] ^= 1
        path.write_bytes(content)
    elif change == "truncate":
        path.write_bytes(content[: len(content) // 2])
    else:
        path.unlink()
    expected = presets.read_preset(folder).weights.sha256
    message = "no file there" if change == "delete" else f"expected sha256 {expected}.*received"
    with pytest.raises(RefinezooError, match=message):
        presets.load_preset(folder)


def test_weights_of_another_width_are_named(tiny_class, tmp_path):
    presets.save_half(tiny_class(filters=4).inference_network, tmp_path / "x.weights.h5")
    with pytest.raises(RefinezooError, match=r"expected shape \(6,\), received \(4,\)"):
        presets.load_weights(tiny_class(filters=6).inference_network, tmp_path / "x.weights.h5")


def test_file_that_is_no_hdf5(tiny_class, tmp_path):
    (tmp_path / "x.weights.h5").write_bytes(b"junk")
    with pytest.raises(RefinezooError, match="HDF5"):
        presets.load_weights(tiny_class().inference_network, tmp_path / "x.weights.h5")


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("class", "Tny", "Did you mean 'Tiny'"),
        ("class", "os.system", "expected a registered model class"),
        ("config", {"filtres": 3}, "takes no argument 'filtres'. Did you mean 'filters'"),
        ("format", 3, "format: expected one of 1 or 2, received 3"),
        ("weights", {"file": "../../x.weights.h5", "bytes": 1, "sha256": "0" * 64}, "weights.file"),
    ],
)
def test_edited_config_is_a_worded_error(tiny_class, tmp_path, key, value, message):
    folder = presets.save_to_preset(tiny_class(), tmp_path / "preset")
    path = folder / presets.CONFIG_FILE
    path.write_text(json.dumps({**json.loads(path.read_text()), key: value}))
    with pytest.raises(RefinezooError, match=message):
        presets.load_preset(folder)


def test_the_config_of_another_tool_is_named_as_such(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "vit", "hidden_size": 768}))
    with pytest.raises(RefinezooError, match=r"that of another tool \(model_type, hidden_size\)"):
        presets.read_preset(tmp_path)


def test_folder_that_is_no_preset_is_not_replaced(tiny_class, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    with pytest.raises(RefinezooError, match="replacing it would delete"):
        presets.save_to_preset(tiny_class(), tmp_path / "mine")
    assert (tmp_path / "mine" / "thesis.txt").read_text() == "years of work"
    with pytest.raises(RefinezooError, match="without one"):
        presets.load_preset(tmp_path / "mine")


def test_unregistered_class(tmp_path):
    class Stranger:
        pass

    with pytest.raises(RefinezooError, match="received 'Stranger'"):
        presets.save_to_preset(Stranger(), tmp_path / "preset")
