"""Presets made to harm: each is refused before it is built, or before a value is read."""

import json
import resource
import time
import zlib
from pathlib import Path

import h5py
import numpy as np
import pytest

from refinezoo.errors import RefinezooError
from refinezoo.files import sha256
from refinezoo.models import hdf5, limits
from refinezoo.models.presets import CONFIG_FILE, load_preset, save_to_preset
from refinezoo.models.registry import build
from refinezoo.models.weights import WEIGHTS_FILE

pytestmark = pytest.mark.once
KERNEL, BIAS = "layers/conv2d/vars/0", "layers/conv2d/vars/1"


@pytest.fixture
def preset(tiny_class, tmp_path):
    """A preset whose kernel is chunked, and a way to change its weights with a true checksum."""
    folder = save_to_preset(tiny_class(filters=16), tmp_path / "preset", half=False)

    def change(edit):
        with h5py.File(folder / WEIGHTS_FILE, "r+") as file:
            edit(file)
        seal(folder)
        return folder

    return change


def seal(folder):
    """Writes size and checksum of the weights into the config, as an attacker would."""
    config = json.loads((folder / CONFIG_FILE).read_text())
    path = folder / WEIGHTS_FILE
    config["weights"] |= {"bytes": path.stat().st_size, "sha256": sha256(path)}
    (folder / CONFIG_FILE).write_text(json.dumps(config))


def replaced(make):
    def edit(file):
        del file[KERNEL]
        make(file, (3, 3, 3, 16))

    return edit


def external(file, shape):
    file.create_dataset(KERNEL, shape, "f4", external=[("/etc/passwd", 0, 1728)])


def virtual(file, shape):
    layout = h5py.VirtualLayout(shape, "f4")
    layout[...] = h5py.VirtualSource("/tmp/other.h5", "x", shape)
    file.create_virtual_dataset(KERNEL, layout)


def external_link(file, shape):
    file[KERNEL] = h5py.ExternalLink("/tmp/other.h5", "/x")


def soft_link(file, shape):
    file[KERNEL] = h5py.SoftLink("/layers/conv2d_1/vars/0")


def named_type(file, shape):
    file[KERNEL] = np.dtype("f4")


def text(file, shape):
    file.create_dataset(KERNEL, shape, h5py.string_dtype())


def references(file, shape):
    file.create_dataset(KERNEL, shape, h5py.ref_dtype)


def doubles(file, shape):
    file.create_dataset(KERNEL, data=np.zeros(shape))


def huge(file, shape):
    file.create_dataset(KERNEL, (1 << 20, 1 << 20), "f4", chunks=(1024, 1024), compression="gzip")


def no_values(file, shape):
    file.create_dataset(KERNEL, shape, "f4")


def no_chunks(file, shape):
    file.create_dataset(KERNEL, shape, "f4", chunks=shape)


def large_chunk(file, shape):
    chunks = (3, 3, 3, 1 << 24)
    file.create_dataset(KERNEL, shape, "f4", chunks=chunks, maxshape=(None,) * 4)


def other_filter(file, shape):
    file.create_dataset(KERNEL, data=np.zeros(shape, "f4"), compression="lzf")


def packed(content):
    """A chunk of these very bytes."""

    def make(file, shape):
        made = file.create_dataset(KERNEL, shape, "f4", chunks=shape, compression="gzip")
        made.id.write_direct_chunk((0,) * 4, content)

    return make


def bomb():
    """A megabyte that unfolds to a gigabyte: one packed block over and over."""
    packer = zlib.compressobj(9)
    head = packer.compress(b"") + packer.flush(zlib.Z_FULL_FLUSH)
    block = packer.compress(bytes(1 << 20)) + packer.flush(zlib.Z_FULL_FLUSH)
    return head + 1024 * block


def itself(file):
    file["layers/conv2d/again"] = file["layers"]


def another(file):
    file["layers/conv2d/vars/2"] = np.zeros(3, "f4")


def padding(file):
    file.attrs["x"] = np.zeros(1000, "f4")
    file.create_group("pad").create_dataset("x", data=np.zeros(1 << 20, "f4"))


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (replaced(external), "values that lie in other files"),
        (replaced(virtual), "values that lie in other files"),
        (replaced(external_link), "a link to another place"),
        (replaced(soft_link), "a link to another place"),
        (replaced(named_type), "no array"),
        (replaced(text), "expected float32"),
        (replaced(references), "expected float32"),
        (replaced(doubles), "expected float32, received float64"),
        (replaced(huge), "expected shape"),
        (replaced(no_values), "0 bytes for 1,728"),
        (replaced(no_chunks), "cannot be read"),
        (replaced(large_chunk), "packed in another way"),
        (replaced(other_filter), "packed in another way"),
        (replaced(packed(zlib.compress(bytes(1728 * 2)))), "a chunk of another size"),
        (replaced(packed(zlib.compress(bytes(17)))), "a chunk of another size"),
        (replaced(packed(b"junk")), "cannot be read"),
        (replaced(packed(bytes(10_000))), "10,000 bytes for 1,728"),
        (itself, "more than a network has"),
        (another, "not in the network"),
        (padding, "at most .* bytes for this network"),
    ],
)
def test_weights_that_are_more_than_plain_arrays_are_refused(preset, edit, message):
    with pytest.raises(RefinezooError, match=message):
        load_preset(preset(edit))


def test_a_chunk_that_unfolds_to_a_gigabyte_takes_no_room(preset):
    content = bomb()
    assert len(content) < 1_200_000
    folder = preset(lambda file: None)
    expected = {"x": ((600_000,), np.dtype("float32"))}
    with h5py.File(folder / "x.h5", "w") as file:
        made = file.create_dataset("x", (600_000,), "f4", chunks=(600_000,), compression="gzip")
        made.id.write_direct_chunk((0,), content)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(RefinezooError, match="a chunk of another size"):
        hdf5.read_weights(folder / "x.h5", expected)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000  # kilobytes


def test_a_foreign_file_is_never_opened(preset, tmp_path, monkeypatch):
    """With the guard away h5py would read it: the guard is what holds."""
    folder = preset(replaced(external))
    with h5py.File(folder / WEIGHTS_FILE) as file:
        assert file[KERNEL][()].tobytes()[:4] == Path("/etc/passwd").read_bytes()[:4]
    with pytest.raises(RefinezooError):
        load_preset(folder)


def test_broken_files_are_worded(preset):
    """Bytes are changed at every place of the file's own records, one at a time."""
    folder = preset(lambda file: None)
    content = (folder / WEIGHTS_FILE).read_bytes()
    expected = {}
    with h5py.File(folder / WEIGHTS_FILE) as file:
        for name, dataset in hdf5.datasets(file).items():
            expected[name] = (dataset.shape, dataset.dtype)
    rng = np.random.default_rng(0)
    for place in rng.integers(0, len(content), 300):
        changed = bytearray(content)
        changed[place] ^= int(rng.integers(1, 256))
        (folder / "x.h5").write_bytes(changed)
        try:
            found = hdf5.read_weights(folder / "x.h5", expected)
            assert {name: array.shape for name, array in found.items()} == {
                name: shape for name, (shape, _) in expected.items()
            }
        except RefinezooError:
            pass


@pytest.mark.parametrize(
    ("class_name", "config"),
    [
        ("CycleGAN", {"width": 1_000_000}),
        ("CycleGAN", {"width": 10**18}),
        ("CycleGAN", {"blocks": 10**6}),
        ("CycleGAN", {"discriminator_layers": 1000}),
        ("Reinhard", {"photos": 10**9}),
        ("PixelDA", {"image_size": 10**6}),
        ("PixelDA", {"noise_dimensions": 10**9}),
        ("SSD300", {"class_names": ["a"] * 10**6}),
        ("SSD300", {"class_names": ["a" * 10**6]}),
        ("SSD300", {"class_names": ["a"], "image_size": 10**5}),
        ("SSD300", {"class_names": ["a"], "width_multiplier": 1e300}),
        ("SSD300", {"class_names": ["a"], "width_multiplier": 1e6}),
        ("PVANET", {"class_names": ["a"], "anchor_scales": list(range(1, 1000))}),
        ("PVANET", {"class_names": ["a"], "head_units": 10**7}),
        ("YOLOv3", {"class_names": ["a"], "depth_multiplier": 1e6}),
        ("Classifier", {"class_names": ["a"], "image_size": [10**9, 10**9]}),
        ("ObstacleRange", {"sectors": 10**9}),
        ("T2Net", {"downsamplings": 60}),
    ],
)
def test_huge_configs_are_refused_at_once(class_name, config):
    started = time.monotonic()
    with pytest.raises(RefinezooError):
        build(class_name, config, "config.json")
    assert time.monotonic() - started < 60
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss < 4_000_000


def test_the_limit_counts_what_is_built_and_is_lifted_afterwards(tiny_class, monkeypatch):
    monkeypatch.setattr(limits, "MAX_WEIGHTS", 100)
    with pytest.raises(RefinezooError, match="at most 100 for weights, received 108"):
        build("Tiny", {"filters": 4}, "here")
    tiny_class(filters=4)  # in Python, any size
    monkeypatch.undo()


def test_config_decides_beside_a_saved_model(tiny_class, tmp_path):
    from refinezoo import load

    folder = save_to_preset(tiny_class(), tmp_path / "preset")
    (folder / "saved_model.pb").write_bytes(b"a program")
    assert type(load(folder)).__name__ == "Tiny"


def test_a_foreign_config_is_not_replaced(tiny_class, tmp_path):
    folder = tmp_path / "hugging_face"
    folder.mkdir()
    (folder / CONFIG_FILE).write_text('{"model_type": "bert"}')
    (folder / "model.safetensors").write_bytes(b"weights")
    with pytest.raises(RefinezooError, match="replacing it would delete"):
        save_to_preset(tiny_class(), folder)
    assert sorted(path.name for path in folder.iterdir()) == [CONFIG_FILE, "model.safetensors"]
