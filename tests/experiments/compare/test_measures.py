"""What a study says of its sets: distance to photos, change, gate, photos left alone."""

import keras
import numpy as np
import pytest

from refinezoo.errors import RefinezooError
from refinezoo.experiments.compare import measures
from refinezoo.experiments.compare.prepare import Preparation
from refinezoo.experiments.compare.schema import read_study


@pytest.fixture
def said():
    return []


@pytest.fixture
def prepared(toy, tmp_path, monkeypatch, said):
    """The toy world with a refiner that moves colours onto red photos, measured by mean colours."""
    images = keras.Input((None, None, 3))
    network = keras.Model(images, [keras.layers.AveragePooling2D(56)(images)])
    monkeypatch.setattr(measures, "_features", lambda: network)
    toy.write_world(tmp_path)
    for path in (tmp_path / "real" / "images").iterdir():
        from refinezoo.data import read_image, write_image

        write_image(path, np.clip(read_image(path) // [1, 3, 3], 0, 255).astype(np.uint8))
    file = toy.write_study(
        tmp_path / "study.yaml",
        real={
            "train": "real/annotations.json",
            "test": "test/annotations.json",
            "unlabelled": ["real/images"],
        },
        refiners={"transport": {"adapt": {"class": "PopulationTransport"}}},
        arms={"synthetic": ["synthetic"], "transport": ["transport"]},
    )
    return Preparation(read_study(file), tmp_path / "out", tmp_path, said.append)


def test_refined_sets_are_nearer_and_say_what_changed(prepared):
    found = measures.measure_sets(prepared, prepared.sets(), 6)
    assert list(found) == ["synthetic", "transport"]
    assert found["transport"]["kid"] < found["synthetic"]["kid"]
    assert found["transport"]["kid_n"] == [6, 6]
    assert found["transport"]["change_levels"] > 10
    assert 0 <= found["transport"]["gate_passed"] <= 1
    assert found["transport"]["real_identity_levels"] > 0
    assert set(found["synthetic"]) == {"kid", "kid_n"}
    assert "| transport |" in measures.measured_table(found)


def test_what_is_measured_is_kept(prepared, said):
    sets = prepared.sets()
    first = measures.measure_sets(prepared, sets, 4)
    said.clear()
    assert measures.measure_sets(prepared, sets, 4) == first
    assert not said
    measures.measure_sets(prepared, sets, 5)
    assert said == ["synthetic: distance to 5 photos", "transport: distance to 5 photos"]


def test_a_refiner_that_takes_masks_adapts_refines_and_is_measured(toy, tmp_path, prepared):
    """Those of the renders lie beside them; those of the photos are made."""
    from small_sets import put

    from refinezoo.data import read_image

    settings = prepared.study.model_dump(by_alias=True)
    for path in (tmp_path / "synthetic" / "images").iterdir():
        image = read_image(path).astype(int)
        foreground = np.ptp(image, axis=-1) > 60
        put(tmp_path / f"synthetic/foreground_masks/{path.name}", foreground.astype(np.uint8) * 255)
    region = {"adapt": {"class": "RegionTransport"}, "masks": "grabcut"}

    def preparation(**changes):
        file = toy.write_study(
            tmp_path / "regions.yaml",
            real=settings["real"],
            refiners={"region": {**region, **changes}},
            arms={"region": ["region"]},
        )
        return Preparation(read_study(file), tmp_path / "regions", tmp_path, lambda _: None)

    sets = preparation().sets()
    found = measures.measure_sets(preparation(), sets, 6)["region"]
    assert found["change_levels"] > 10 and found["real_identity_levels"] > 0
    assert preparation().sets()["region"].fingerprint == sets["region"].fingerprint
    mask = tmp_path / "synthetic/foreground_masks/000.png"
    put(mask, 255 - read_image(mask)[..., 0])  # a mask is a part of the recipe
    assert preparation().sets()["region"].fingerprint != sets["region"].fingerprint
    with pytest.raises(RefinezooError, match="a foreground mask beside .*masks: grabcut"):
        preparation(masks=None).sets()
    with pytest.raises(RefinezooError, match="masks: expected a class that takes masks"):
        preparation(adapt={"class": "Reinhard"})


def test_zero_images_measure_nothing(prepared):
    assert measures.measure_sets(prepared, prepared.sets(), 0) == {}


def test_boxes_and_turned_renders_of_equal_names_are_told_apart(tmp_path):
    """Two cameras, files of one name, EXIF rotation that their annotations do not follow."""
    import json

    from PIL import Image

    from refinezoo.experiments.compare.found import PreparedSet
    from refinezoo.refinement import refine_dataset

    class Inverts:
        def refine(self, images, strength=1.0, seed=None):
            changed = images.copy()
            changed[:, 4:20, 4:20] = 255 - changed[:, 4:20, 4:20]
            return changed

    exif, rows = Image.Exif(), []
    exif[0x0112] = 6
    for number in (0, 1):
        pixels = np.random.default_rng(number).integers(0, 255, (32, 48, 3), np.uint8)
        path = tmp_path / f"set/images/cam{number}/0.png"
        path.parent.mkdir(parents=True)
        Image.fromarray(pixels).save(path, exif=exif)
        rows.append({"id": number, "file_name": f"cam{number}/0.png", "width": 48, "height": 32})
    boxes = [{"image_id": 0, "bbox": [4, 4, 16, 16]}, {"image_id": 1, "bbox": [26, 8, 16, 16]}]
    document = {
        "images": rows,
        "annotations": [{"id": k, "category_id": 1, **row} for k, row in enumerate(boxes, 1)],
        "categories": [{"id": 1, "name": "a"}],
    }
    (tmp_path / "set/annotations.json").write_text(json.dumps(document))
    refine_dataset(tmp_path / "set", tmp_path / "out", Inverts(), progress=False)
    sets = [
        PreparedSet(name, tmp_path / name / "annotations.json", tmp_path / name / "images", "")
        for name in ("set", "out")
    ]
    found = measures._change(*sets, 2)
    assert found["change_levels"] > 5 and found["gate_passed"] == 0.5
