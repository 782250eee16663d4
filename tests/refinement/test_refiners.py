"""`refine_dataset` with the refiners of the zoo, tiny."""

import json

import numpy as np
import pytest

from refinezoo import RefinezooError, refiners
from refinezoo.refinement import Gate, refine_dataset, weights_sha256


@pytest.fixture(scope="module")
def reinhard():
    random = np.random.default_rng(0)
    photos = [random.integers(low, low + 90, (24, 24, 3), np.uint8) for low in (20, 80, 160)]
    return refiners.Reinhard(photos=3).adapt(photos)


def outputs(out):
    return {path.name: path.read_bytes() for path in (out / "images").glob("scene*.png")}


def test_batches_and_resume_do_not_show(coco, tmp_path, reinhard):
    options = {"seed": 4, "gate": Gate(action="keep"), "progress": False}
    refine_dataset(coco, tmp_path / "one", reinhard, batch_size=1, **options)
    refine_dataset(coco, tmp_path / "all", reinhard, batch_size=8, **options)
    assert outputs(tmp_path / "one") == outputs(tmp_path / "all")
    (tmp_path / "one/images/scene_2.png").unlink()
    assert refine_dataset(coco, tmp_path / "one", reinhard, **options).resumed == 4
    assert outputs(tmp_path / "one") == outputs(tmp_path / "all")


def test_other_seed_draws_other_photos(coco, tmp_path, reinhard):
    refine_dataset(coco, tmp_path / "a", reinhard, seed=0, progress=False)
    refine_dataset(coco, tmp_path / "b", reinhard, seed=1, progress=False)
    assert outputs(tmp_path / "a") != outputs(tmp_path / "b")


def test_same_weights_in_another_object_resume_and_other_weights_do_not(coco, tmp_path):
    def tiny():
        return refiners.CycleGAN(image_size=32, width=2, blocks=1)

    first, twin = tiny(), tiny()
    twin.inference_network.set_weights(first.inference_network.get_weights())
    assert weights_sha256(first) == weights_sha256(twin)
    out = tmp_path / "out"
    summary = refine_dataset(coco, out, first, progress=False)
    manifest = json.loads((out / "manifest.json").read_text())
    assert manifest["model"]["weights_sha256"] == weights_sha256(first)
    assert manifest["model"]["config"]["width"] == 2
    assert summary.refined == 5
    assert refine_dataset(coco, out, twin, progress=False).resumed == 5
    weight = twin.inference_network.trainable_weights[0]
    weight.assign(weight + 0.01)
    assert weights_sha256(first) != weights_sha256(twin)
    with pytest.raises(RefinezooError, match="model was"):
        refine_dataset(coco, out, twin, progress=False)
