"""An earlier refinement that is painted over in place of the renders."""

import json

import numpy as np
import pytest

from refinezoo.errors import RefinezooError
from refinezoo.refinement import Shard, refine_dataset


def rows(out):
    return {row["file"]: row for row in json.loads((out / "manifest.json").read_text())["images"]}


def refine(source, out, refiner, **options):
    return refine_dataset(source, out, refiner, progress=False, **options)


def test_an_earlier_refinement_is_painted_over(coco, tmp_path, brighter, read):
    refine(coco, tmp_path / "under", brighter, strength=0.25)
    settings = {"strength": (0.0, 0.5), "over": tmp_path / "under"}
    refine(coco, tmp_path / "out", brighter, **settings)
    name = "scene_0.png"
    mask = read(coco / "foreground_masks" / name) > 0
    found = read(tmp_path / "out/images" / name)
    np.testing.assert_array_equal(found[mask], read(tmp_path / "under/images" / name)[mask])
    change = found.astype(int) - read(coco / "images" / name)
    assert set(np.unique(change[~mask])) <= {12, 13}  # between 5 and 20
    assert refine(coco, tmp_path / "out", brighter, **settings).resumed == 5
    with pytest.raises(RefinezooError, match="other settings"):
        refine(coco, tmp_path / "out", brighter, strength=(0.0, 0.5))
    refine(coco, tmp_path / "under", brighter, strength=0.5, overwrite=True)
    assert refine(coco, tmp_path / "out", brighter, **settings).resumed == 0


def test_what_is_painted_over_must_be_of_the_same_dataset(coco, tmp_path, brighter, write):
    with pytest.raises(RefinezooError, match="over to be the folder, on this machine, of an"):
        refine(coco, tmp_path / "out", brighter, over=tmp_path / "none")
    refine(coco, tmp_path / "under", brighter)
    with pytest.raises(RefinezooError, match="expected"):
        refine(coco, tmp_path / "under", brighter, strength=0.5, over=tmp_path / "under")
    render = (coco / "images/scene_2.png").read_bytes()
    (coco / "images/scene_2.png").write_bytes((coco / "images/scene_0.png").read_bytes())
    with pytest.raises(RefinezooError, match="1 of 5 images.*scene_2.*received one of another"):
        refine(coco, tmp_path / "out", brighter, strength=0.5, over=tmp_path / "under")
    (coco / "images/scene_2.png").write_bytes(render)
    (tmp_path / "under/images/scene_1.png").unlink()
    write(tmp_path / "under/images/scene_3.png", np.zeros((9, 9, 3), np.uint8))
    with pytest.raises(RefinezooError, match="2 of 5 images.*to paint over") as told:
        refine(coco, tmp_path / "out", brighter, strength=0.5, over=tmp_path / "under")
    assert "received no file" in str(told.value) and "received 9 x 9" in str(told.value)
    assert len(rows(tmp_path / "out")) == 5


def test_a_manifest_of_any_name_says_of_which_renders_it_is(coco, tmp_path, brighter, caplog):
    under = tmp_path / "under"
    refine(coco, under, brighter, manifest_name="made.jsonl")
    manifest, settings = (under / "made.jsonl").read_text(), {"strength": (0.0, 1.0), "over": under}
    refine(coco, tmp_path / "out", brighter, **settings)
    assert "has no manifest" not in caplog.text
    (under / "made.jsonl").unlink()
    refine(coco, tmp_path / "out", brighter, **settings)
    assert "has no manifest that says of which renders" in caplog.text
    other = manifest.replace('"source_sha256": "', '"source_sha256": "0')
    (under / "made.jsonl").write_text(other)
    with pytest.raises(RefinezooError, match="5 of 5 images.*received one of another"):
        refine(coco, tmp_path / "out", brighter, **settings)  # also what was finished before


def test_what_is_painted_over_must_be_finished_and_seen(coco, tmp_path, brighter):
    refine(coco, tmp_path / "parts", brighter, shard=Shard(1, 2))
    with pytest.raises(RefinezooError, match="whose run has not ended.*without --shard"):
        refine(coco, tmp_path / "out", brighter, strength=0.5, over=tmp_path / "parts")
    refine(coco, tmp_path / "under", brighter)
    for strength in (1.0, (1.0, 1)):
        with pytest.raises(RefinezooError, match="a strength below 1 beside over"):
            refine(coco, tmp_path / "out", brighter, strength=strength, over=tmp_path / "under")
