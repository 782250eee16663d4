"""Formats into each other and back: boxes, classes, polygons and maps are the same."""

import json

import numpy as np
import pytest
import yaml
from PIL import Image
from small_sets import H, W, coco, ids, photo, put, put_coco
from typer.testing import CliRunner

from refinezoo.cli.app import app
from refinezoo.data import CocoDataset
from refinezoo.data.check import check_dataset
from refinezoo.data.convert import convert_dataset
from refinezoo.data.depth_files import read_depth
from refinezoo.data.formats import recognise
from refinezoo.errors import RefinezooError

TRIANGLE = [2.0, 3.0, 14.5, 3.0, 8.0, 12.25]


@pytest.fixture
def dataset(tmp_path):
    """Two classes, one of them in the middle of the ids; objects of every size; nested names."""
    names = ["train/a.png", "val/b.png", "val/none.png"]
    document = coco(names[:2], width=W, height=H)
    document["images"].append({"id": 9, "file_name": names[2], "width": W, "height": H})
    document["categories"].append({"id": 7, "name": "tin & can"})
    document["annotations"] += [
        {"id": 5, "image_id": 1, "category_id": 7, "bbox": [0.125, 0.5, 31.375, 20.0]},
        {"id": 6, "image_id": 2, "category_id": 7, "bbox": [30.0, 22.0, 2.0, 2.0]},
    ]
    for seed, name in enumerate(names):
        put(tmp_path / "set/images" / name, photo(seed))
        put(tmp_path / "set/foreground_masks" / name, ids(255))
        put(tmp_path / "set/depth" / name.replace("png", "npy"), np.full((H, W), 1.0 + seed))
    put_coco(tmp_path / "set/annotations.json", document)
    return tmp_path / "set"


def _objects(folder):
    """Per image's name its classes and boxes."""
    found = CocoDataset.load(folder)
    return {
        record.path.name: sorted(
            (found.class_names[label], *np.round(box, 1).tolist(), bool(crowd))
            for label, box, crowd in zip(
                record.labels, record.boxes_xywh, record.crowd, strict=True
            )
        )
        for record in found.records
    }


@pytest.mark.parametrize("route", ["yolo", "voc", "yolo voc", "voc yolo coco"])
def test_there_and_back(dataset, tmp_path, route):
    place = dataset
    for number, to in enumerate(route.split()):
        report = convert_dataset(place, tmp_path / f"{number}", to)
        place = tmp_path / f"{number}"
        assert report["images"] == 3 and report["annotations"] == 4
        assert recognise(place).kind == to and check_dataset(place)["ok"]
        assert report["maps"] == {"foreground_mask": 3, "depth": 3}
    assert _objects(place) == _objects(dataset)
    layout = recognise(place)
    for seed, name in enumerate(layout.renders):
        assert read_depth(layout.label("depth", name)).max() == 1.0 + seed
        assert (
            layout.label("foreground_mask", name).read_bytes()
            == (dataset / "foreground_masks" / "/".join(name.split("/")[1:])).read_bytes()
        )


def test_yolo_as_its_readers_take_it(dataset, tmp_path):
    convert_dataset(dataset, tmp_path / "out", "yolo")
    settings = yaml.safe_load((tmp_path / "out/data.yaml").read_text())
    assert settings == {
        "train": "images/train",
        "val": "images/val",
        "names": ["carton", "tin & can"],
    }
    lines = (tmp_path / "out/labels/train/a.txt").read_text().splitlines()
    numbers = [list(map(float, line.split())) for line in lines]
    wanted = [[0, 8 / W, 8 / H, 10 / W, 8 / H], [1, 15.8125 / W, 10.5 / H, 31.375 / W, 20 / H]]
    np.testing.assert_allclose(numbers, wanted, atol=1e-6)
    assert (tmp_path / "out/labels/val/none.txt").read_text() == ""


def test_polygons_stay_where_all_objects_have_one(dataset, tmp_path):
    path = dataset / "annotations.json"
    document = json.loads(path.read_text())
    for row in document["annotations"]:
        row |= {"segmentation": [TRIANGLE], "bbox": [2.0, 3.0, 12.5, 9.25]}
    path.write_text(json.dumps(document))
    convert_dataset(dataset, tmp_path / "yolo", "yolo")
    convert_dataset(tmp_path / "yolo", tmp_path / "back", "coco")
    back = json.loads((tmp_path / "back/annotations.json").read_text())
    for row in back["annotations"]:
        np.testing.assert_allclose(row["segmentation"], [TRIANGLE], atol=1e-3)
    document["annotations"][0].pop("segmentation")
    path.write_text(json.dumps(document))
    convert_dataset(dataset, tmp_path / "yolo", "yolo")
    text = (tmp_path / "yolo/labels/train/a.txt").read_text()
    assert [len(line.split()) for line in text.splitlines()] == [5, 5]


def test_crowds(dataset, tmp_path):
    path = dataset / "annotations.json"
    document = json.loads(path.read_text())
    document["annotations"][0]["iscrowd"] = 1
    path.write_text(json.dumps(document))
    convert_dataset(dataset, tmp_path / "voc", "voc")
    assert _objects(tmp_path / "voc") == _objects(dataset)
    assert convert_dataset(dataset, tmp_path / "yolo", "yolo")["left_out"] == {"crowds": 1}


@pytest.mark.parametrize("to", ["voc", "yolo"])
def test_boxes_and_polygons_end_where_their_images_do(dataset, tmp_path, to):
    """Readers of YOLO skip an image with a number above 1, and all its labels."""
    path = dataset / "annotations.json"
    document = json.loads(path.read_text())
    first, second, third, fourth = document["annotations"]
    for row, box in ((first, [-4, 3, 14, 8]), (second, [20, 10, 40, 40]), (third, [5, 5, 0, 3])):
        x, y, w, h = box
        row |= {"bbox": box, "segmentation": [[x, y, x + w, y, x + w, y + h, x, y + h]]}
    fourth["segmentation"] = [[30, 22, 33, 22, 33, 25]]
    path.write_text(json.dumps(document))
    report = convert_dataset(dataset, tmp_path / to, to)
    assert _objects(tmp_path / to) == _objects(dataset)
    assert report["annotations"] == 3 and report["left_out"]["boxes without area"] == 1
    for file in tmp_path.glob("yolo/labels/**/*.txt"):
        numbers = [float(word) for row in file.read_text().splitlines() for word in row.split()[1:]]
        assert all(0 <= number <= 1 for number in numbers)


@pytest.mark.parametrize("to", ["coco", "voc", "yolo"])
def test_what_is_left_out_is_counted(dataset, tmp_path, to):
    path = dataset / "annotations.json"
    document = json.loads(path.read_text())
    document["annotations"][0] |= {"segmentation": [TRIANGLE], "keypoints": [3, 4, 2]}
    path.write_text(json.dumps(document))
    left_out = convert_dataset(dataset, tmp_path / to, to)["left_out"]
    assert left_out == {"keypoints": 1} | ({} if to == "coco" else {"polygons and masks": 1})
    put(tmp_path / "pose/images/a.png", photo())
    put(tmp_path / "pose/labels/a.txt", "0 .5 .5 .5 .5 .3 .3 2 .7 .7 1\n")
    assert convert_dataset(tmp_path / "pose", tmp_path / to, to)["left_out"] == {"keypoints": 1}


def test_images_without_a_suffix_get_one(dataset, tmp_path):
    path = dataset / "annotations.json"
    document = json.loads(path.read_text())
    for row in document["images"]:
        file = dataset / "images" / row["file_name"]
        row["file_name"] = row["file_name"].removesuffix(".png")
        file.rename(file.with_suffix(""))
    path.write_text(json.dumps(document))
    for to in ("voc", "yolo", "coco"):
        convert_dataset(dataset, tmp_path / to, to)
        assert [*_objects(tmp_path / to).values()] == [*_objects(dataset).values()]


def test_images_that_exif_turns(tmp_path):
    """YOLO states no size by which a reader could tell which way up the boxes are."""
    exif = Image.Exif()
    exif[0x0112] = 6
    for size, width, height in (("stored", W, H), ("upright", H, W)):
        put_coco(tmp_path / size / "annotations.json", coco(["a.jpg"], width=width, height=height))
        Image.fromarray(photo()).save(tmp_path / size / "a.jpg", exif=exif.tobytes())
    convert_dataset(tmp_path / "upright", tmp_path / "out", "yolo")
    assert _objects(tmp_path / "out") == _objects(tmp_path / "upright")
    with pytest.raises(RefinezooError, match="Save it upright"):
        convert_dataset(tmp_path / "stored", tmp_path / "out", "yolo")
    convert_dataset(tmp_path / "stored", tmp_path / "voc", "voc")
    assert _objects(tmp_path / "voc") == _objects(tmp_path / "stored")


def test_names_that_share_a_label_file(dataset, tmp_path):
    put(dataset / "images/train/a.jpg", photo(5))
    path = dataset / "annotations.json"
    document = json.loads(path.read_text())
    document["images"].append({"id": 10, "file_name": "train/a.jpg", "width": W, "height": H})
    path.write_text(json.dumps(document))
    with pytest.raises(RefinezooError, match="Rename one"):
        convert_dataset(dataset, tmp_path / "out", "yolo")
    assert not (tmp_path / "out").exists()
    assert convert_dataset(dataset, tmp_path / "out", "coco")["images"] == 4


def test_the_command(dataset, tmp_path):
    run = CliRunner().invoke(app, ["convert", str(dataset), str(tmp_path / "out"), "--to", "voc"])
    assert run.exit_code == 0 and "voc: 3 images, 4 objects of 2 classes" in run.output
    run = CliRunner().invoke(app, ["convert", str(dataset), str(tmp_path / "o"), "--to", "vok"])
    assert run.exit_code == 2
