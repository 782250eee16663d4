"""Each layout's pictures, labels and the rest; what could be a label is never a picture."""

import re
from pathlib import Path

import cv2
import numpy as np
import pytest
from small_sets import H, W, coco, colours, ids, photo, put, put_coco

from refinezoo.data.formats import base, formats, layout_table, list_images, recognise
from refinezoo.data.formats.evidence import few_colours, label_like, names_labels
from refinezoo.errors import RefinezooError
from refinezoo.refinement import find_renders

DEEP = np.full((H, W), 4000, np.uint16)
_CITY = "train/aachen/aachen_000000_000019"
_VKITTI = "Scene01/clone/frames"

# name -> (pictures, {label kind: file of the first picture}, further files that are labels)
LAYOUTS = {
    "solo": (
        {"sequence.0/step0.camera.png": photo()},
        {
            "class_colours": ("sequence.0/step0.camera.semantic segmentation.png", colours(True)),
            "instance_colours": (
                "sequence.0/step0.camera.instance segmentation.png",
                colours(True),
            ),
            "depth": ("sequence.0/step0.camera.Depth.png", DEEP),
        },
        {"sequence.0/step0.frame_data.json": "{}"},
    ),
    "virtual_kitti_2": (
        {f"{_VKITTI}/rgb/Camera_0/rgb_00000.jpg": photo()},
        {
            "depth": (f"{_VKITTI}/depth/Camera_0/depth_00000.png", DEEP),
            "class_colours": (f"{_VKITTI}/classSegmentation/Camera_0/classgt_00000.png", colours()),
            "instance_ids": (
                f"{_VKITTI}/instanceSegmentation/Camera_0/instancegt_00000.png",
                ids(),
            ),
            "flow": (f"{_VKITTI}/forwardFlow/Camera_0/flow_00000.png", np.dstack([DEEP] * 3)),
        },
        {},
    ),
    "cityscapes": (
        {f"leftImg8bit/{_CITY}_leftImg8bit.png": photo()},
        {
            "class_ids": (f"gtFine/{_CITY}_gtFine_labelIds.png", ids()),
            "class_colours": (f"gtFine/{_CITY}_gtFine_color.png", colours(True)),
            "instance_ids": (f"gtFine/{_CITY}_gtFine_instanceIds.png", DEEP),
        },
        {f"gtFine/{_CITY}_gtFine_polygons.json": "{}"},
    ),
    "carla": (
        {"CameraRGB/F0.png": photo()},
        {
            "class_colours": ("CameraSeg/F0.png", colours()),
            "depth_colours": ("CameraDepth/F0.png", photo(5)),
        },
        {},
    ),
    "kubric": (
        {"rgba_00000.png": photo()},
        {
            "instance_ids": ("segmentation_00000.png", ids()),
            "flow": ("forward_flow_00000.png", np.dstack([DEEP] * 3)),
            "normals": ("normal_00000.png", np.dstack([DEEP] * 3)),
        },
        {},
    ),
    "replicator": (
        {"rgb_0000.png": photo()},
        {
            "class_colours": ("semantic_segmentation_0000.png", colours(True)),
            "depth": ("distance_to_camera_0000.npy", DEEP.astype(np.float32)),
            "normals": ("normals_0000.png", photo(3)),
            "occlusion": ("occlusion_0000.png", ids()),
        },
        {"semantic_segmentation_labels_0000.json": "{}"},
    ),
    "falling_things": (
        {"000000.left.jpg": photo()},
        {"instance_ids": ("000000.left.seg.png", ids()), "depth": ("000000.left.depth.png", DEEP)},
        {"000000.left.json": "{}"},
    ),
    "camvid": (
        {"701_StillsRaw_full/0001TP_0.png": photo()},
        {"class_colours": ("LabeledApproved_full/0001TP_0_L.png", colours())},
        {},
    ),
    "bop": (
        {"train_pbr/000000/rgb/000000.jpg": photo()},
        {
            "depth": ("train_pbr/000000/depth/000000.png", DEEP),
            "first_mask": ("train_pbr/000000/mask/000000_000000.png", ids(255)),
        },
        {"train_pbr/000000/scene_gt.json": "{}"},
    ),
    "masks": (
        {"images/a.png": photo()},
        {
            "foreground_mask": ("foreground_masks/a.png", ids(255)),
            "class_ids": ("masks/a.tif", ids()),
            "depth": ("depth/a.NPY", None),
        },
        {},
    ),
    "depth": ({"rgb/a.jpg": photo()}, {"depth": ("depth/a.tiff", DEEP)}, {}),
}


def write_layout(root, name):
    pictures, labels, rest = LAYOUTS[name]
    files = {**pictures, **dict(labels.values()), **rest}
    for file, values in files.items():
        if values is None:  # np.save would add a suffix in small letters
            (root / file).parent.mkdir(parents=True)
            with open(root / file, "wb") as opened:
                np.save(opened, DEEP)
        else:
            put(root / file, values)
    return pictures, {kind: file for kind, (file, _) in labels.items()}


@pytest.mark.parametrize("name", LAYOUTS)
def test_layout(tmp_path, name):
    pictures, labels = write_layout(tmp_path, name)
    layout = find_renders(tmp_path)
    assert layout.kind == name
    assert layout.renders == sorted(pictures)
    for kind, file in labels.items():
        assert layout.labels[kind] == {layout.renders[0]: file}
    assert set(layout.carried) >= set(labels.values())
    assert [
        path.relative_to(tmp_path).as_posix() for path in list_images(tmp_path)
    ] == layout.renders
    text = layout.describe()
    assert "1 pictures to refine" in text and f"{layout.format.title}:" in text


def test_docs_show_the_table():
    docs = Path(__file__).parents[2] / "docs/datasets.md"
    assert layout_table() in docs.read_text(encoding="utf-8")


def test_a_format_is_one_class(tmp_path):
    class Toy(base.Paired):
        """`shot_N.png` with `what_N.png`."""

        name, title, example = "toy", "Toy", "shot_1.png, what_1.png"
        picture = r"shot_(?P<n>\d+)\.png"
        labels = {"class_ids": ("what_{n}.png",)}

    for number in range(2):
        put(tmp_path / f"shot_{number}.png", photo(number))
        put(tmp_path / f"what_{number}.png", ids())
    with pytest.raises(RefinezooError, match="may be labels"):
        find_renders(tmp_path)
    base.dataset_format(Toy)
    try:
        layout = find_renders(tmp_path)
    finally:
        del base.FORMATS["toy"]
    assert layout.kind == "toy" and layout.renders == ["shot_0.png", "shot_1.png"]
    assert layout.labels["class_ids"]["shot_0.png"] == "what_0.png"


def test_every_format_is_described():
    known = formats()
    assert len({kind.name for kind in known}) == len(known) >= 16
    assert all(kind.title and kind.example for kind in known)
    assert known[-1].name == "folders"


@pytest.mark.parametrize(
    "labels",
    [
        ["ground_truth/{}.png", "gt/{}.png", "annotation/{}.png", "SegmentationMasks/{}.png"],
        ["train_masks/{}.png", "train_labels/{}.png", "trainannot/{}.png"],
        ["train/{}_gt.png", "train/{}_labelIds.png"],
        ["{}.Instance Segmentation.png", "{}-depth.png"],
    ],
)
@pytest.mark.parametrize("place", ["images/{}.png", "train/{}.png"])
def test_labels_of_other_names_are_carried(tmp_path, labels, place):
    for number in range(2):
        put(tmp_path / place.format(number), photo(number))
        for label in labels:
            put(tmp_path / label.format(number), ids())
    assert find_renders(tmp_path).renders == [place.format(0), place.format(1)]


def test_labels_without_a_telling_name_are_refused(tmp_path):
    for number in range(2):
        put(tmp_path / f"a/{number}.png", photo(number))
        put(tmp_path / f"b/{number}.png", colours())
    with pytest.raises(RefinezooError, match=r"may be labels .*b/\*\.png.*beside.*--images"):
        find_renders(tmp_path)
    with pytest.raises(RefinezooError, match="may be labels"):
        list_images(tmp_path)
    layout = find_renders(tmp_path, images="a/*.png")
    assert layout.renders == ["a/0.png", "a/1.png"] and layout.unknown == []
    assert find_renders(tmp_path, images=["**/1.png"]).renders == ["a/1.png", "b/1.png"]
    with pytest.raises(RefinezooError, match="match c/"):
        find_renders(tmp_path, images="c/*.png")


def _scene(seed, height=96, width=128):
    """A few regions: class ids, and a textured, shaded picture of them."""
    draw = np.random.default_rng(seed)
    classes = np.zeros((height, width), np.uint8)
    for number in range(1, 9):
        y, x = draw.integers(0, height - 30), draw.integers(0, width - 40)
        classes[y : y + 30, x : x + 40] = number
    shade = cv2.resize(draw.uniform(60, 200, (4, 5, 3)), (width, height))
    image = shade + 6.0 * classes[..., None] + draw.normal(0, 8, (height, width, 3))
    return classes, np.clip(image, 0, 255).astype(np.uint8)


_PALETTE = np.random.default_rng(3).integers(0, 256, (9, 3)).astype(np.uint8)
LOSSY_LABELS = {
    "ids": lambda classes: classes,
    "spread ids": lambda classes: classes * 28,
    "colours": lambda classes: _PALETTE[classes],
    "binary": lambda classes: (classes > 0).astype(np.uint8) * 255,
    "depth": lambda classes: cv2.GaussianBlur(classes * 20 + 50, (0, 0), 9),
}


@pytest.mark.parametrize("suffix", [".jpg", ".webp", ".jp2"])
@pytest.mark.parametrize("kind", LOSSY_LABELS)
def test_lossy_labels_without_a_telling_name_are_refused(tmp_path, kind, suffix):
    for number in range(3):
        classes, image = _scene(number)
        put(tmp_path / f"beauty/{number}{suffix}", image)
        put(tmp_path / f"out2/{number}{suffix}", LOSSY_LABELS[kind](classes))
    with pytest.raises(RefinezooError, match=r"may be labels .*out2"):
        find_renders(tmp_path)
    assert len(find_renders(tmp_path, images=f"beauty/*{suffix}").renders) == 3


@pytest.mark.parametrize("quality", [40, 60, 90])
def test_small_lossy_labels_of_many_regions(quality):
    """Where the regions are mostly edge: a street at 160 x 120."""
    rows, columns = np.mgrid[:120, :160]
    for seed in range(4):
        draw = np.random.default_rng(seed)
        at = draw.uniform(0, 1, (28, 2)) * (120, 160)
        nearest = np.argmin((rows - at[:, :1, None]) ** 2 + (columns - at[:, 1:, None]) ** 2, 0)
        options = [cv2.IMWRITE_JPEG_QUALITY, quality]
        colours = _PALETTE[nearest % 9]
        assert few_colours(cv2.imdecode(cv2.imencode(".jpg", colours, options)[1], 1))
        shaded = _scene(seed, 120, 160)[1]
        assert not few_colours(cv2.imdecode(cv2.imencode(".jpg", shaded, options)[1], 1))


@pytest.mark.parametrize(
    ("first", "second", "offered"),
    [
        ("out/Image{}.png", "out/mist_{}.png", "'out/Image*.png'"),
        ("rgb/{}.png", "frames/{}.png", "'rgb/*.png'"),
        ("color/{}.png", "rgb/{}.png", "'rgb/*.png'"),
    ],
)
def test_grey_pictures_beside_coloured_ones_of_their_number_are_refused(
    tmp_path, first, second, offered
):
    for number in range(3):
        classes, image = _scene(number)
        grey = LOSSY_LABELS["depth"](classes)
        pictures = (grey, image) if first.startswith("color") else (image, grey)
        for place, picture in zip((first, second), pictures, strict=True):
            put(tmp_path / place.format(number), picture)
    with pytest.raises(RefinezooError, match=re.escape(f"--images {offered}")):
        find_renders(tmp_path)
    with pytest.raises(RefinezooError, match="may be labels"):
        list_images(tmp_path)


@pytest.mark.parametrize("quality", [40, 75, 95])
def test_lossy_photos_are_no_labels(tmp_path, quality):
    for number in range(4):
        path = tmp_path / f"cam{number % 2}/{number // 2}.jpg"
        image = _scene(number)[1]
        image[: 30 + 5 * number, : 128 - 20 * number] = 250  # an even sky
        path.parent.mkdir(exist_ok=True)
        cv2.imwrite(str(path), image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
        assert label_like(path) is False
    assert len(find_renders(tmp_path).renders) == 4


@pytest.mark.parametrize("folder", ["images", "pass"])
def test_labels_among_the_pictures_of_one_folder_are_refused(tmp_path, folder):
    """AirSim numbers its kinds of picture: img_0_0 is the scene, img_0_5 the segmentation."""
    for number in range(4):
        put(tmp_path / f"{folder}/img_0_0_{number}.png", photo(number))
        put(tmp_path / f"{folder}/img_0_5_{number}.png", colours())
    with pytest.raises(RefinezooError, match="may be labels"):
        find_renders(tmp_path)
    layout = find_renders(tmp_path, images=f"{folder}/img_0_0_*.png")
    assert len(layout.renders) == 4


def test_two_folders_of_the_same_scenes_are_refused(tmp_path):
    """Shading or colour-coded depth of other names: as textured as the render."""
    for number in range(3):
        light = cv2.resize(photo(number)[:6, :8, 0], (64, 48), interpolation=cv2.INTER_NEAREST)
        image = (light[..., None] * [0.9, 0.7, 0.5] + photo(number, 48, 64) / 20).astype(np.uint8)
        put(tmp_path / f"beauty/{number}.png", image)
        put(
            tmp_path / f"jet/{number}.png",
            cv2.applyColorMap(light, cv2.COLORMAP_JET) // 2 + photo(7, 48, 64) // 20,
        )
        put(tmp_path / f"cats/{number}.png", photo(9 + number, 48, 64))
    with pytest.raises(RefinezooError, match="same scenes under equal names: beauty.*jet"):
        find_renders(tmp_path)
    assert len(find_renders(tmp_path, images="beauty/*.png").renders) == 3
    for number in range(3):
        (tmp_path / f"jet/{number}.png").unlink()
    assert len(find_renders(tmp_path).renders) == 6


def test_flat_renders_in_a_folder_called_images_are_taken_with_a_note(tmp_path):
    put(tmp_path / "images/a.png", colours())
    layout = find_renders(tmp_path)
    assert layout.renders == ["images/a.png"] and "are they renders?" in layout.notes[0]


def test_masks_of_longer_names_and_of_none(tmp_path):
    put(tmp_path / "images/a.png", photo())
    put(tmp_path / "masks/a_mask.png", ids())
    put(tmp_path / "foreground_masks/other.png", ids())
    layout = find_renders(tmp_path)
    assert layout.labels["class_ids"] == {"images/a.png": "masks/a_mask.png"}
    assert any("foreground_masks/ has no label" in note for note in layout.notes)


def test_normals_are_no_photo(tmp_path):
    y, x = np.mgrid[-1:1:48j, -1:1:64j]
    normal = np.dstack([0.6 * np.sin(7 * x), 0.6 * np.cos(5 * y), np.zeros_like(x)])
    normal[..., 2] = np.sqrt(1 - (normal**2).sum(axis=-1))
    put(tmp_path / "n.png", np.rint((normal + 1) * 127.5).astype(np.uint8))
    put(tmp_path / "p.png", photo())
    assert label_like(tmp_path / "n.png") and not label_like(tmp_path / "p.png")


def test_words_of_names():
    telling = ["CameraSeg", "train_masks", "labelTrainIds", "depth_0001", "classgt", "trainannot"]
    assert all(map(names_labels, telling))
    assert not any(map(names_labels, ["rgb", "cam0", "milk_carton", "IMG_0001", "2024-01-02"]))


def test_class_folders(tmp_path):
    for name in ("cat", "dog"):
        put(tmp_path / "train" / name / "0.png", photo(len(name) + ord(name[0])))
    layout = find_renders(tmp_path)
    assert layout.kind == "class_folders"
    assert layout.details["classes"] == {"train/cat/0.png": "cat", "train/dog/0.png": "dog"}


def test_hidden_files_and_links(tmp_path):
    root = tmp_path / "set"
    for name in ("0.png", "sub/1.png", "._0.png", ".ipynb_checkpoints/0-checkpoint.png"):
        put(root / "images" / name, photo())
    put(root / "__MACOSX/images/._1.png", photo())
    put(tmp_path / "disk/2.png", photo())
    put(tmp_path / "disk/secret.key", "ours")
    (root / "images/more").symlink_to(tmp_path / "disk")
    (root / "images/loop").symlink_to(root)
    (root / "images/gone.png").symlink_to(tmp_path / "nowhere.png")
    layout = find_renders(root)
    assert layout.renders == ["images/0.png", "images/more/2.png", "images/sub/1.png"]
    assert layout.carried == []
    notes = "\n".join(layout.tree.notes)
    assert "followed (images/more" in notes and "no file: left out (images/gone.png)" in notes
    assert "back up" in notes and "secret.key" in notes and "3 hidden" in notes


def test_linked_masks_belong_to_their_pictures(tmp_path):
    put(tmp_path / "set/images/0.png", photo())
    put(tmp_path / "elsewhere/0.png", ids(255))
    (tmp_path / "set/foreground_masks").symlink_to(tmp_path / "elsewhere")
    layout = find_renders(tmp_path / "set")
    assert layout.labels["foreground_mask"] == {"images/0.png": "foreground_masks/0.png"}
    assert layout.carried == ["foreground_masks/0.png"]


def test_patterns(tmp_path, monkeypatch):
    for name in ("a.png", "b/c.png", "b/d/e.png", "b/.f.png", "b/g.txt"):
        put(tmp_path / "p [1]" / name, photo() if name.endswith("png") else "x")
    monkeypatch.chdir(tmp_path / "p [1]")
    assert [str(path) for path in list_images("**/*.png")] == ["a.png", "b/c.png", "b/d/e.png"]
    assert len(list_images(tmp_path / "p [1]")) == 3
    with pytest.raises(RefinezooError, match="that match"):
        list_images("x/**/*.png")


def test_boxes_of_voc_and_yolo_train_like_coco(tmp_path):
    from refinezoo.data import CocoDataset

    for name in "ab":
        for kind in ("coco", "yolo"):
            put(tmp_path / kind / f"images/{name}.png", photo())
        put(tmp_path / f"voc/JPEGImages/{name}.png", photo())
        corners = "".join(
            f"<{key}>{value}</{key}>"
            for key, value in zip(("xmin", "ymin", "xmax", "ymax"), (3, 4, 13, 12), strict=True)
        )
        put(
            tmp_path / f"voc/Annotations/{name}.xml",
            f"<a><size><width>{W}</width><height>{H}</height></size><object><name>carton</name>"
            f"<bndbox>{corners}</bndbox></object></a>",
        )
        put(tmp_path / f"yolo/labels/{name}.txt", f"0 {8 / W} {8 / H} {10 / W} {8 / H}\n")
    put(tmp_path / "yolo/data.yaml", "names: [carton]\n")
    put_coco(tmp_path / "coco/annotations.json", coco(["a.png", "b.png"]))
    documents = [CocoDataset.load(tmp_path / kind).document() for kind in ("coco", "voc", "yolo")]
    assert len(documents[0]["annotations"]) == 2
    for document in documents[1:]:
        assert document["categories"] == documents[0]["categories"]
        for row, other in zip(document["annotations"], documents[0]["annotations"], strict=True):
            np.testing.assert_allclose(row["bbox"], other["bbox"], atol=1e-4)
            assert row["category_id"] == other["category_id"] == 1


@pytest.mark.parametrize(
    ("lines", "settings", "box"),
    [
        ("0 .5 .5 .5 .5", "", [8, 6, 24, 18]),
        ("0 .5 .5 .5 .5 .93", "", [8, 6, 24, 18]),
        ("0 .25 .25 .75 .25 .75 .75", "", [8, 6, 24, 18]),
        ("0 .5 .5 .5 .5 .3 .3 2 .7 .7 1", "", [8, 6, 24, 18]),
        ("0 .5 .5 .5 .5 .3 .3 .7 .7", "kpt_shape: [2, 2]", [8, 6, 24, 18]),
        ("0 .5 .5 .5 .5 .3 .3 .7 .7", "", [8, 6, 24, 18]),
    ],
    ids=["box", "confidence", "polygon", "pose with visibility", "stated pose", "pose"],
)
def test_yolo_lines(tmp_path, lines, settings, box):
    put(tmp_path / "images/a.png", photo())
    put(tmp_path / "labels/a.txt", lines + "\n")
    put(tmp_path / "data.yaml", f"names: [a]\n{settings}\n")
    layout = recognise(tmp_path)
    np.testing.assert_allclose(layout.boxes("images/a.png", W, H), [box], atol=1e-4)


@pytest.mark.parametrize(
    ("lines", "settings", "words"),
    [
        ("0 .5 .5 .5 .5\n0,.5,.5,.5,.5", "names: [a]", "'0,.5,.5,.5,.5'"),
        ("0 .5 .5 .5 .5\na .5 .5 .5 .5", "names: [a]", "'a .5"),
        ("-1 .5 .5 .5 .5\n0 .5 .5 .5 .5", "names: [a]", "'-1 .5"),
        ("0 .5 .5 .5 nan\n0 .5 .5 .5 .5", "names: [a]", "nan"),
        ("0 .1 .1 .5 .1 .5 .5\n0 .1 .1 .5 .1 .5 .5 .1", "names: [a]", "a line of 8 numbers"),
        ("1 .5 .5 .5 .5", "names: {0: a, 2: b}", "received class 1"),
        ("1 .5 .5 .5 .5", "names: {a: b}", "expected names as a list"),
        ("0 .5 .5 .5 .5", "names: [a]\nnames: [b]", "line 2: .*'names' again"),
        ("0 .5 .5 .5 .5", "names: [a", "not valid YAML"),
        ("0 16 12 8 8", "names: [a]", "no shares"),
    ],
)
def test_yolo_without_a_meaning_is_refused_and_checked(tmp_path, lines, settings, words):
    from refinezoo.data import CocoDataset
    from refinezoo.data.check import check_dataset

    put(tmp_path / "images/a.png", photo())
    put(tmp_path / "labels/a.txt", lines)
    put(tmp_path / "data.yaml", settings)
    with pytest.raises(RefinezooError, match=words):
        CocoDataset.load(tmp_path)
    assert find_renders(tmp_path).renders == ["images/a.png"]
    found = check_dataset(tmp_path)["findings"]
    assert any(re.search(words, file) for finding in found for file in finding["files"])


def test_yolo_class_numbers_with_gaps_keep_their_names(tmp_path):
    from refinezoo.data import CocoDataset

    put(tmp_path / "images/a.png", photo())
    put(tmp_path / "labels/a.txt", "2 .5 .5 .5 .5\n")
    put(tmp_path / "data.yaml", "names: {0: a, 2: b}")
    dataset = CocoDataset.load(tmp_path)
    assert dataset.class_names == ["a", "b"] and dataset.records[0].labels.tolist() == [1]


def test_voc_objects_without_a_name(tmp_path):
    from refinezoo.data import CocoDataset

    box = "<bndbox><xmin>3</xmin><ymin>4</ymin><xmax>13</xmax><ymax>12</ymax></bndbox>"
    put(tmp_path / "JPEGImages/a.png", photo())
    put(tmp_path / "Annotations/a.xml", f"<a><object><name> </name>{box}</object></a>")
    assert CocoDataset.load(tmp_path).class_names == ["object"]
    put(
        tmp_path / "Annotations/a.xml",
        f"<a><object>{box}</object><object><name>b</name>{box}</object></a>",
    )
    with pytest.raises(RefinezooError, match=r"a\.xml: expected a name"):
        CocoDataset.load(tmp_path)


@pytest.mark.parametrize("place", ["masks/{}.png", "images/seg{}.png", "coarse/{}.png"])
def test_labels_that_annotations_name_are_refused(tmp_path, place):
    for number in range(2):
        put(tmp_path / f"images/{number}.png", photo(number))
        put(tmp_path / place.format(number), ids())
    names = [name for k in range(2) for name in (f"images/{k}.png", place.format(k))]
    put_coco(tmp_path / "annotations.json", coco(names))
    with pytest.raises(RefinezooError, match=r"ruin. Name the renders: --images 'images/\*.png'"):
        find_renders(tmp_path)
    assert find_renders(tmp_path, images="images/[0-9].png").renders == names[::2]


def test_the_pattern_that_is_offered_is_of_pictures(tmp_path):
    for number in range(2):
        put(tmp_path / f"RGB/{number}.png", photo(number))
        put(tmp_path / f"GT/COLOR/{number}.png", colours())
    with pytest.raises(RefinezooError, match=r"--images 'RGB/\*\.png'"):
        find_renders(tmp_path)


def test_voc_in_a_namespace(tmp_path):
    put(tmp_path / "JPEGImages/a.png", photo())
    box = "<bndbox><xmin>3</xmin><ymin>4</ymin><xmax>13</xmax><ymax>12</ymax></bndbox>"
    text = f'<annotation xmlns="http://voc"><object><name>b</name>{box}</object></annotation>'
    put(tmp_path / "Annotations/a.xml", text)
    np.testing.assert_allclose(
        recognise(tmp_path).boxes("JPEGImages/a.png", W, H), [[3, 4, 13, 12]]
    )
    put(tmp_path / "Annotations/a.xml", text.replace("13", "1e99"))
    assert "expected bndbox" in recognise(tmp_path).format.problems(recognise(tmp_path))[0]
