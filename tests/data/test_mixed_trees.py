"""Datasets as people have them, between the formats: nothing is left out or mistaken unsaid."""

import json
import os
import unicodedata

import numpy as np
import pytest
from PIL import Image
from small_sets import H, W, coco, ids, photo, put, put_coco

from refinezoo.data.check import check_dataset
from refinezoo.data.coco import CocoDataset
from refinezoo.data.depth import read_depth_folder
from refinezoo.data.domain_images import DomainImages
from refinezoo.data.formats import list_images, recognise
from refinezoo.data.formats.base import beside
from refinezoo.data.images import read_image_file
from refinezoo.data.mask_files import read_class_ids
from refinezoo.errors import RefinezooError
from refinezoo.refinement import find_renders
from refinezoo.refinement.labels import check_boxes, read_render_depth

VOC = "<annotation><object><name>a</name><bndbox>{}</bndbox></object></annotation>"


@pytest.fixture
def images(tmp_path):
    for number in range(3):
        put(tmp_path / f"images/{number}.png", photo(number))
    return tmp_path


def _turned(path, seed=0):
    """An image that EXIF turns by 90 degrees."""
    exif = Image.Exif()
    exif[0x0112] = 6
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(photo(seed)).save(path, exif=exif.tobytes(), quality=95)


def test_a_second_coco_file_is_no_secret(images):
    names = [f"{number}.png" for number in range(3)]
    put_coco(images / "annotations.json", coco(names[:2]))
    assert len(CocoDataset.load(images)) == 2
    put_coco(images / "val.json", coco(names[2:]))
    with pytest.raises(RefinezooError, match=r"received 2: annotations\.json, val\.json"):
        CocoDataset.load(images)
    assert len(CocoDataset.load(images / "val.json")) == 1


def test_annotations_of_two_formats_are_said(images):
    put(images / "labels/0.txt", "0 .5 .5 .2 .2\n")
    put(images / "Annotations/0.xml", VOC.format("<xmin>1</xmin>"))
    assert any("annotations of YOLO" in note for note in recognise(images).notes)


def test_archives_are_to_be_unpacked(tmp_path):
    put(tmp_path / "set.zip", "PK")
    for read in (recognise, list_images, CocoDataset.load, check_dataset):
        with pytest.raises(RefinezooError, match="Unpack it"):
            read(tmp_path / "set.zip")
        with pytest.raises(RefinezooError, match=r"unpack them \(set\.zip\)"):
            read(tmp_path)


def test_images_that_are_not_read_are_said(images):
    put(images / "images/phone.HEIC", "ftypheic")
    note = "1 images of formats that are not read (images/phone.HEIC)"
    assert note in recognise(images).notes
    assert {"code": "assumed", "files": [note]}.items() <= check_dataset(images)["findings"][
        0
    ].items()


def test_masks_as_gif(images):
    for number in range(3):
        (images / "masks").mkdir(exist_ok=True)
        Image.fromarray(ids(3)).save(images / f"masks/{number}.gif")
    layout = recognise(images)
    files = layout.labels["class_ids"]
    assert files["images/0.png"] == "masks/0.gif" and not layout.notes
    np.testing.assert_array_equal(read_class_ids(images / files["images/0.png"]), ids(3))


@pytest.mark.parametrize("suffix", [".png", ".npy"])
def test_depth_decides_how_a_turned_image_is_read(tmp_path, suffix):
    for number, shape in enumerate([(H, W), (W, H)]):
        _turned(tmp_path / f"images/{number}.jpg", number)
        values = np.full(shape, 3000, np.uint16) if suffix == ".png" else np.full(shape, 3.0)
        put(tmp_path / f"depth/{number}{suffix}", values)
    layout = recognise(tmp_path)
    for number, shape in enumerate([(H, W), (W, H)]):
        name = f"images/{number}.jpg"
        assert read_image_file(tmp_path / name, layout.size(name)).rgb.shape[:2] == shape
    assert check_dataset(tmp_path)["ok"]


def test_yolo_boxes_lie_in_the_pixels_that_masks_fit(tmp_path):
    _turned(tmp_path / "images/0.jpg")
    put(tmp_path / "labels/0.txt", "0 .5 .25 .5 .5\n")
    box = CocoDataset.load(tmp_path).records[0].boxes_xywh[0]
    np.testing.assert_allclose(box, [H / 4, 0, H / 2, W / 2])
    put(tmp_path / "foreground_masks/0.png", ids(255))  # of the stored pixels
    dataset = CocoDataset.load(tmp_path)
    np.testing.assert_allclose(dataset.records[0].boxes_xywh[0], [W / 4, 0, W / 2, H / 2])
    assert dataset.read(0).shape == (H, W, 3)


@pytest.mark.parametrize(
    "names", [("A", "a"), [unicodedata.normalize(f, "ü") for f in ("NFC", "NFD")]]
)
def test_masks_of_names_that_differ_in_form_only(tmp_path, names):
    for value, name in enumerate(names, start=1):
        put(tmp_path / f"images/{name}.png", photo(value))
        put(tmp_path / f"masks/{name}.png", ids(value))
    if len(os.listdir(tmp_path / "images")) == 1:
        pytest.skip("this file system takes both names for one")
    layout = recognise(tmp_path)
    for value, name in enumerate(names, start=1):
        mask = read_class_ids(layout.label("class_ids", f"images/{name}.png"))
        assert mask.max() == value


def test_links_that_lead_to_each_other(images):
    os.symlink("b", images / "a")
    os.symlink("a", images / "b")
    layout = recognise(images)
    assert len(layout.renders) == 3 and "2 names lead to no file" in layout.tree.notes[0]


def test_yolo_with_commas_is_yolo_that_is_not_understood(images):
    for number in range(3):
        put(images / f"labels/{number}.txt", "0, .5, .5, .2, .2\n")
    assert "not understood" in recognise(images).notes[0]
    assert not check_dataset(images)["ok"]
    with pytest.raises(RefinezooError, match="received '0, .5"):
        CocoDataset.load(images)


def test_swapped_corners_are_no_background(images):
    swapped = "<xmin>20</xmin><ymin>20</ymin><xmax>2</xmax><ymax>2</ymax>"
    for number in range(3):
        put(images / f"Annotations/{number}.xml", VOC.format(swapped))
    assert not check_dataset(images)["ok"]
    with pytest.raises(RefinezooError, match="3 of 3 have no area"):
        CocoDataset.load(images)


def test_a_folder_below_images_full_of_labels(images):
    for number in range(4):
        put(images / f"images/geometry/frame.{number}.depth_meters.png", photo(number))
        put(images / f"images/colour/face_mask_{number}.png", photo(number))  # a product
        put(images / f"images/colour/bowl_{number}.png", photo(number))
    layout = recognise(images)
    assert not [name for name in layout.renders if "geometry" in name]
    assert "images/colour/face_mask_0.png" in layout.renders
    assert "taken for labels" in layout.notes[0]


@pytest.mark.parametrize("part", ["", "01_"])
def test_gta5(tmp_path, part):
    put(tmp_path / f"{part}images/00001.png", photo())
    (tmp_path / f"{part}labels").mkdir()
    Image.fromarray(ids(7)).convert("P").save(tmp_path / f"{part}labels/00001.png")
    layout = recognise(tmp_path)
    assert layout.kind == "gta5" and layout.renders == [f"{part}images/00001.png"]
    mask = read_class_ids(layout.label("class_ids", layout.renders[0]))
    np.testing.assert_array_equal(mask, ids(7))


def test_depth_beside_a_format_of_class_ids_is_seen_too(tmp_path):
    put(tmp_path / "images/0.png", photo())
    put(tmp_path / "labels/0.png", ids(7))
    put(tmp_path / "depth/0.png", np.full((H, W), 1500, np.uint16))
    layout = find_renders(tmp_path)
    assert layout.kind == "gta5" and set(layout.labels) == {"class_ids", "depth"}
    np.testing.assert_allclose(read_render_depth(layout, "images/0.png", W, H), 1.5)


VOC_BOX = "<xmin>2</xmin><ymin>2</ymin><xmax>20</xmax><ymax>20</ymax>"


@pytest.mark.parametrize("kind", ["yolo", "voc"])
def test_annotations_that_images_of_two_folders_would_share(tmp_path, kind):
    for camera in "ab":
        put(tmp_path / f"images/{camera}/0.png", photo(ord(camera)))
    put(tmp_path / "labels/0.txt", "0 .5 .5 .5 .5\n") if kind == "yolo" else put(
        tmp_path / "Annotations/0.xml", VOC.format(VOC_BOX)
    )
    with pytest.raises(RefinezooError, match=r"0\.\w+ would belong to 2 images, images/a/0.png"):
        CocoDataset.load(tmp_path)
    assert not check_dataset(tmp_path)["ok"]
    with pytest.raises(RefinezooError, match="would belong to 2 images.*--gate off"):
        check_boxes(recognise(tmp_path))


def test_masks_that_images_of_two_folders_would_share(tmp_path, caplog):
    for camera in "ab":
        put(tmp_path / f"images/{camera}/0.png", photo(ord(camera)))
    put(tmp_path / "images/a/1.png", photo(1))
    for number in (0, 1):
        put(tmp_path / f"foreground_masks/{number}.png", ids(255))
    layout = recognise(tmp_path)
    assert layout.labels["foreground_mask"] == {"images/a/1.png": "foreground_masks/1.png"}
    assert "foreground_masks/0.png would belong to 2 images" in " ".join(layout.notes)
    with pytest.raises(RefinezooError, match="2 of 3 have none"):
        DomainImages(tmp_path, None, 32, 1 << 20, False, "synthetic")
    found = beside([tmp_path / "images/a/0.png", tmp_path / "images/b/0.png"])
    assert not found["foreground_mask"] and "would belong to 2" in caplog.text


def test_rows_of_images_without_a_meaning_are_no_images_left_alone(images):
    document = coco([f"{number}.png" for number in range(3)])
    document["images"][1]["id"] = document["images"][0]["id"]
    put_coco(images / "annotations.json", document)
    with pytest.raises(RefinezooError, match="1 twice: 0.png and 1.png.*would stay as it is"):
        find_renders(images)
    with pytest.raises(RefinezooError, match="1 twice"):
        list_images(images)
    assert len(find_renders(images, images="images/*.png").renders) == 3


@pytest.mark.parametrize("rows", ["coco", "voc", "yolo"])
def test_a_gate_judges_by_all_annotations_or_not_at_all(images, rows):
    document = coco([f"{number}.png" for number in range(3)])
    for number in range(3):
        if rows == "voc":
            box = VOC_BOX if number else VOC_BOX.replace("<ymax>20</ymax>", "")
            put(images / f"Annotations/{number}.xml", VOC.format(box))
        if rows == "yolo":
            put(images / f"labels/{number}.txt", "0 .5 .5 .5 .5\n" + "carton .2 .2 .1 .1\n")
    if rows == "coco":
        document["annotations"][0]["bbox"] = None
        put_coco(images / "annotations.json", document)
    layout = find_renders(images)
    assert layout.kind == rows and len(layout.renders) == 3
    with pytest.raises(RefinezooError, match="that the gate can judge by.*--gate off"):
        check_boxes(layout)


@pytest.mark.parametrize("with_coco", [False, True])
@pytest.mark.parametrize(("scales", "metres"), [((0.1, 0.1), 0.1), ((1.0,), 1.0), ((), 1.0)])
def test_depth_of_bop_is_in_the_unit_of_its_cameras(tmp_path, with_coco, scales, metres):
    put(tmp_path / "000001/rgb/000000.png", photo())
    put(tmp_path / "000001/depth/000000.png", np.full((H, W), 1000, np.uint16))
    cameras = {str(number): {"depth_scale": scale} for number, scale in enumerate(scales)}
    put(tmp_path / "000001/scene_camera.json", json.dumps(cameras))
    if with_coco:
        put_coco(tmp_path / "000001/scene_gt_coco.json", coco(["rgb/000000.png"]))
    depth = read_depth_folder(tmp_path)["depth_m"]
    np.testing.assert_allclose(depth, metres, rtol=1e-6)


def test_depth_of_several_units_is_not_read(tmp_path):
    for scene, scale in (("000001", 0.1), ("000002", 1.0)):
        put(tmp_path / scene / "rgb/000000.png", photo())
        put(tmp_path / scene / "depth/000000.png", np.full((H, W), 1000, np.uint16))
        put(tmp_path / scene / "scene_camera.json", json.dumps({"0": {"depth_scale": scale}}))
    layout = recognise(tmp_path)
    assert "depth" not in layout.labels and "[0.1, 1.0]" in layout.notes[0]


def test_captions_are_no_objects(images):
    names = [f"{number}.png" for number in range(3)]
    put_coco(images / "annotations/instances.json", coco(names))
    captions = coco(names) | {"annotations": [{"id": 1, "image_id": 1, "caption": "a carton"}]}
    put_coco(images / "annotations/captions.json", captions)
    layout = recognise(images)
    assert not layout.notes and layout.format.problems(layout) == []
    assert len(CocoDataset.load(images).records) == 3


@pytest.mark.parametrize("names", [("normal", "defect"), ("NORMAL",), ("with_mask", "without")])
def test_classes_that_are_called_like_labels_are_no_secret(tmp_path, names):
    for place, name in enumerate(names):
        for number in range(4):
            put(tmp_path / name / f"{number}.png", photo(10 * place + number))
    with pytest.raises(RefinezooError, match=f"photos in folders.*: {names[0]}.*--images"):
        find_renders(tmp_path)
    with pytest.raises(RefinezooError, match="photos in folders"):
        list_images(tmp_path)
    assert len(find_renders(tmp_path, images="*/*.png").renders) == 4 * len(names)


def test_normals_and_masks_stay_labels(tmp_path):
    for number in range(4):
        put(tmp_path / f"scene/{number}.png", photo(number))
        slopes = np.random.default_rng(number).normal(0, 0.4, (H, W, 2))
        normals = np.dstack([slopes, np.ones((H, W))])
        normals /= np.linalg.norm(normals, axis=-1, keepdims=True)
        put(tmp_path / f"normal/n{number}.png", ((normals + 1) * 127.5).astype(np.uint8))
        put(tmp_path / f"mask/m{number}.png", ids(200 + number))
    assert len(find_renders(tmp_path).renders) == 4


FOREIGN = {
    "images/0.json": '{"version": "5", "shapes": [{"label": "a", "points": [[1, 2]]}]}',
    "annotations.xml": '<annotations><image name="0.png"><box xtl="1"/></image></annotations>',
    "labels.csv": "filename,class,xmin,ymin,xmax,ymax\n0.png,a,1,2,3,4\n",
    "images/createml.json": '[{"image": "0.png", "annotations": [{"coordinates": 1}]}]',
    "label_2/0.txt": "Car 0.00 0 -1.58 587.0 173.3 614.1 200.1 1.6 1.6 3.2 -1.6 1.2 46.7 -1.59\n",
    "labelTxt/0.txt": "imagesource:x\ngsd:1\n1.0 2 13 2 13 9 1.0 9 small-vehicle 0\n",
    "train.txt": "data/0.jpg 3,4,13,12,0 5,6,9,9,1\n",
}


@pytest.mark.parametrize("file", FOREIGN)
def test_annotations_of_formats_that_are_not_read_are_said(images, file):
    put(images / file, FOREIGN[file])
    assert f"that is not read: {file}" in recognise(images).notes[-1]
    assert "assumed" in {finding["code"] for finding in check_dataset(images)["findings"]}


def test_other_texts_are_no_annotations(images):
    put(images / "labels.csv", "file,class\n0.png,a\n")
    put(images / "settings.json", '{"seed": 1}')
    put(images / "calib/0.txt", f"P0: {'7.2e2 0.0 ' * 6}\n")
    put(images / "poses.txt", f"{'1.0 0.0 0.5 ' * 4}\n")
    put(images / "images.txt", "1 0.8 0.1 0.2 0.3 1.0 2.0 3.0 1 0.png\n")
    put(images / "train.txt", "images/0.png\nimages/1.png\n")
    assert not recognise(images).notes


def test_names_that_two_files_have_are_said(images, caplog):
    put_coco(images / "annotations.json", coco(["0.png"]))
    CocoDataset.load(images)
    assert not caplog.text
    put(images / "0.png", photo(9))
    CocoDataset.load(images)
    assert "0.png may be 0.png or images/0.png: 0.png is taken" in caplog.text
    assert "0.png is taken" in recognise(images).notes[0]


def test_labels_called_after_the_whole_file_name_of_their_image(tmp_path):
    box = "<xmin>3</xmin><ymin>4</ymin><xmax>13</xmax><ymax>12</ymax>"
    row = f"<object><name>can</name><bndbox>{box}</bndbox></object>"
    for name in ("a.png", "b.png"):
        put(tmp_path / "voc/JPEGImages" / name, photo())
        put(tmp_path / f"voc/Annotations/{name}.xml", f"<annotation>{row}</annotation>")
        put(tmp_path / "yolo/images" / name, photo())
        put(tmp_path / f"yolo/labels/{name}.txt", f"0 {8 / W} {8 / H} {10 / W} {8 / H}\n")
        put(tmp_path / f"yolo/foreground_masks/{name}.png", ids(255))
    put(tmp_path / "yolo/data.yaml", "names: [can]")
    for kind, folder in (("voc", "JPEGImages"), ("yolo", "images")):
        layout = recognise(tmp_path / kind)
        assert layout.kind == kind and not layout.notes
        np.testing.assert_allclose(
            layout.boxes(f"{folder}/a.png", W, H), [[3, 4, 13, 12]], atol=1e-4
        )
    assert layout.labels["foreground_mask"]["images/b.png"] == "foreground_masks/b.png.png"
    assert check_dataset(tmp_path / "yolo")["ok"]


def test_voc_annotations_in_folders_of_splits(tmp_path):
    for split in ("train", "test"):
        put(tmp_path / f"JPEGImages/{split}_0.png", photo())
        text = f"<annotation><filename>{split}_0.png</filename></annotation>"
        put(tmp_path / f"Annotations/{split}/{split}_0.xml", text)
    assert len(recognise(tmp_path).labels["annotations"]) == 2


@pytest.mark.parametrize("label", ["a.png", "a_mask.png", "a.png.png"])
def test_masks_are_found_of_a_folder_and_of_its_coco_file(tmp_path, label):
    put(tmp_path / "images/a.png", photo())
    put(tmp_path / f"foreground_masks/{label}", ids(255))
    put_coco(tmp_path / "annotations.json", coco(["a.png"]))
    for source in (tmp_path, tmp_path / "annotations.json", tmp_path / "images/*.png"):
        read = DomainImages(str(source), None, 1 << 20, 1 << 30, False, "synthetic")[0]
        np.testing.assert_array_equal(read["foreground_mask"], ids(1), err_msg=str(source))
