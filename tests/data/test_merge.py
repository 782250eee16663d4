"""`merge_datasets`: nothing lost, nothing twice, each image by its source; peers read it."""

import hashlib
import json

import numpy as np
import pytest
from small_sets import coco, photo, put, put_coco
from typer.testing import CliRunner

from refinezoo import disk
from refinezoo.cli.app import app
from refinezoo.data import CocoDataset
from refinezoo.data.check import check_dataset
from refinezoo.data.depth_files import read_depth
from refinezoo.data.formats import recognise
from refinezoo.data.mask_files import read_class_ids
from refinezoo.data.merge import merge_datasets
from refinezoo.errors import RefinezooError


@pytest.fixture
def sets(tmp_path):
    """Real and refined images of equal names; refined ones as `refine` leaves them."""
    for k, (name, count) in enumerate((("real", 3), ("refined", 8))):
        names = [f"{number}.png" for number in range(count)]
        for number, file in enumerate(names):
            put(tmp_path / name / "images" / file, photo(10 * k + number))
        document = coco(names, box=(3 + k, 4, 10, 8))
        document["annotations"][0]["segmentation"] = [[3, 4, 13, 4, 13, 12, 3, 12]]
        put_coco(tmp_path / name / "annotations.json", document)
    manifest = {"format": "refinezoo.refinement/1", "model": {"weights_sha256": "ab"}, "seed": 3}
    (tmp_path / "refined/manifest.json").write_text(json.dumps(manifest))
    return {name: tmp_path / name for name in ("real", "refined")}


def tree(root):
    return {
        path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in root.rglob("*")
        if path.is_file()
    }


def edit(path, change):
    document = json.loads(path.read_text())
    change(document)
    path.write_text(json.dumps(document))


def test_all_images_with_their_boxes_and_sources(sets, tmp_path):
    report = merge_datasets(tmp_path / "out", sets)
    assert (report["images"], report["annotations"], report["classes"]) == (11, 11, ["carton"])
    dataset = CocoDataset.load(tmp_path / "out")
    for record in dataset.records:
        name = record.path.parent.name
        assert record.path.read_bytes() == (sets[name] / "images" / record.path.name).read_bytes()
        assert record.boxes_xywh.tolist() == [[3 + (name == "refined"), 4, 10, 8]]
    document = json.loads((tmp_path / "out/annotations.json").read_text())
    assert [row["source"] for row in document["images"]] == ["real"] * 3 + ["refined"] * 8
    real, refined = document["info"]["sources"]
    stored = (sets["real"] / "annotations.json").read_bytes()
    assert real["annotations_sha256"] == hashlib.sha256(stored).hexdigest()
    assert "refined_by" not in real and refined["refined_by"]["model"] == {"weights_sha256": "ab"}
    assert check_dataset(tmp_path / "out")["findings"] == []


def test_pycocotools_reads_it(sets, tmp_path, capsys):
    from pycocotools.coco import COCO

    merge_datasets(tmp_path / "out", sets)
    peer = COCO(str(tmp_path / "out/annotations.json"))
    assert len(peer.getImgIds()) == len(peer.getAnnIds()) == 11
    assert sorted(peer.getAnnIds()) == list(range(1, 12))
    first = peer.loadAnns(peer.getAnnIds(peer.getImgIds()[:1]))[0]
    assert peer.annToMask(first).sum() == 80 and peer.loadCats([1])[0]["name"] == "carton"


@pytest.mark.parametrize(
    ("ratio", "count", "taken"),
    [
        ([1, 1], None, [3, 3]),
        ([1, 2], None, [3, 6]),
        ([3, 8], None, [3, 8]),
        ([1, 0], None, [3, 0]),
        ([2, 1], None, [3, 1]),
        (None, 5, [1, 3]),
        ([1, 4], 5, [1, 4]),
    ],
)
def test_ratio_and_count(sets, tmp_path, ratio, count, taken):
    report = merge_datasets(tmp_path / "out", sets, ratio=ratio, count=count)
    assert [row["taken"] for row in report["sources"]] == taken
    assert len(CocoDataset.load(tmp_path / "out")) == sum(taken) == report["images"]


def test_seeds_repeat(sets, tmp_path):
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        merge_datasets(tmp_path / name, sets, ratio=[1, 1], seed=seed)
    assert tree(tmp_path / "a") == tree(tmp_path / "b")
    drawn = [sorted(p.name for p in (tmp_path / k / "images/refined").iterdir()) for k in "ac"]
    assert drawn[0] != drawn[1]


def test_classes_are_matched_renamed_and_left_out(sets, tmp_path):
    def two(document):
        document["categories"] = [{"id": 7, "name": "tag"}, {"id": 9, "name": "box"}]
        for k, row in enumerate(document["annotations"]):
            row["category_id"] = 9 if k % 2 else 7

    edit(sets["refined"] / "annotations.json", two)
    with pytest.raises(RefinezooError, match=r"real lacks box, tag.*--union"):
        merge_datasets(tmp_path / "out", sets)
    with pytest.raises(RefinezooError, match="Did you mean 'box'"):
        merge_datasets(tmp_path / "out", sets, classes={"bxo": "carton"})
    report = merge_datasets(tmp_path / "out", sets, classes={"box": "carton", "tag": None})
    assert report["classes"] == ["carton"] and report["annotations"] == 3 + 4
    assert len(CocoDataset.load(tmp_path / "out")) == 11
    report = merge_datasets(tmp_path / "out", sets, union=True)
    assert report["classes"] == ["box", "carton", "tag"]
    labels = [record.labels.tolist() for record in CocoDataset.load(tmp_path / "out").records]
    assert labels == [[1]] * 3 + [[2], [0]] * 4


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"ratio": [1]}, "a ratio of 2 numbers"),
        ({"ratio": [1, -1]}, "at least 0"),
        ({"ratio": [0, float("nan")]}, "at least 0"),
        ({"ratio": [1, 100]}, "take none"),
        ({"count": 0}, "at least 1"),
        ({"sources": {}}, "received none"),
        ({"sources": {"../a": "real"}}, "plain name"),
        ({"sources": {"a": "nowhere"}}, "no file there|no folder"),
        ({"out": "real/out"}, "apart from the dataset"),
    ],
)
def test_what_cannot_be_merged(sets, tmp_path, monkeypatch, options, words):
    monkeypatch.chdir(tmp_path)
    before = tree(tmp_path)
    out, sources = options.pop("out", "out"), options.pop("sources", sets)
    with pytest.raises(RefinezooError, match=words):
        merge_datasets(out, sources, **options)
    assert tree(tmp_path) == before


def test_a_foreign_folder_is_never_replaced(sets, tmp_path):
    put(tmp_path / "out/mine.txt", "x")
    with pytest.raises(RefinezooError, match="holds other files"):
        merge_datasets(tmp_path / "out", sets)
    assert (tmp_path / "out/mine.txt").read_text() == "x"


def test_all_or_nothing(sets, tmp_path, monkeypatch):
    merge_datasets(tmp_path / "out", sets, count=4)
    before = tree(tmp_path)

    def full(path, value):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("refinezoo.data.merge.write_json", full)
    with pytest.raises(RefinezooError, match="Make room"):
        merge_datasets(tmp_path / "out", sets)
    assert tree(tmp_path) == before
    monkeypatch.undo()
    monkeypatch.setattr(disk.shutil, "disk_usage", lambda place: type("D", (), {"free": 10}))
    with pytest.raises(RefinezooError, match="free for the merged dataset"):
        merge_datasets(tmp_path / "new", sets)
    assert tree(tmp_path) == before


def test_voc_and_yolo_merge_with_coco(sets, tmp_path):
    put(tmp_path / "yolo/images/0.png", photo(40))
    put(tmp_path / "yolo/labels/0.txt", "0 .5 .5 .5 .5\n")
    put(tmp_path / "yolo/data.yaml", "names: [carton]")
    merge_datasets(tmp_path / "out", {"real": sets["real"], "yolo": tmp_path / "yolo"})
    records = CocoDataset.load(tmp_path / "out").records
    assert len(records) == 4
    np.testing.assert_allclose(records[-1].boxes_xywh, [[8, 6, 16, 12]], atol=1e-4)


def test_the_command(sets, tmp_path):
    pairs = [f"{name}={path}" for name, path in sets.items()]
    out = str(tmp_path / "out")
    run = CliRunner().invoke(app, ["merge", out, *pairs, "--ratio", "1:2", "--dry-run"])
    assert run.exit_code == 0 and "refined: 6 of 8 images" in run.output
    assert not (tmp_path / "out").exists()
    run = CliRunner().invoke(app, ["merge", out, *pairs, "--map", "carton=tin", "--json"])
    assert run.exit_code == 0 and json.loads(run.output)["classes"] == ["tin"]
    for wrong in (["x"], ["a="], [pairs[0], pairs[0]], [*pairs, "--ratio", "1:x"]):
        run = CliRunner().invoke(app, ["merge", out, *wrong])
        assert run.exit_code == 2 and "expected" in run.output


def test_masks_and_depth_go_along_where_all_have_them(sets, tmp_path, caplog):
    for value, folder in enumerate(sets.values(), start=1):
        for file in (folder / "images").iterdir():
            put(
                folder / f"foreground_masks/{file.stem}_mask.png",
                np.full((24, 32), value, np.uint8),
            )
            put(folder / f"depth/{file.stem}.npy", np.full((24, 32), value, np.float32))
            put(folder / f"masks/{file.stem}.png", np.full((24, 32), value, np.uint8))
    report = merge_datasets(tmp_path / "out", sets, ratio=[1, 2])
    assert report["maps"] == {"foreground_mask": 9, "depth": 9}
    assert "need not mean the same" in report["left_out"]["class_ids"]
    layout = recognise(tmp_path / "out")
    for name in layout.renders:
        value = 1 + ("/refined/" in name)
        assert read_depth(layout.label("depth", name)).max() == value
        assert read_class_ids(layout.label("foreground_mask", name)).max() == value
    assert check_dataset(tmp_path / "out")["ok"]
    next((sets["real"] / "depth").iterdir()).unlink()
    report = merge_datasets(tmp_path / "out", sets)
    assert report["left_out"]["depth"] == "10 of 11 images have it"
    assert "depth is left out" in caplog.text and not (tmp_path / "out/depth").exists()
    alone = merge_datasets(tmp_path / "alone", {"real": sets["real"]})
    assert alone["maps"]["class_ids"] == 3
