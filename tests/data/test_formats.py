"""Each layout's images, labels and the rest."""

from pathlib import Path

import numpy as np
import pytest
from small_sets import H, W, colours, ids, photo, put

from refinezoo.data.formats import (
    base,
    formats,
    layout_table,
    list_images,
    picture_sizes,
    recognise,
)
from refinezoo.errors import RefinezooError
from refinezoo.refinement import find_renders

DEEP = np.full((H, W), 4000, np.uint16)
_CITY = "train/aachen/aachen_000000_000019"
_VKITTI = "Scene01/clone/frames"

# name -> (images, {label kind: file of the first image}, further files that are labels)
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
    images, labels, rest = LAYOUTS[name]
    files = {**images, **dict(labels.values()), **rest}
    for file, values in files.items():
        if values is None:  # np.save would add a suffix in small letters
            (root / file).parent.mkdir(parents=True)
            with open(root / file, "wb") as opened:
                np.save(opened, DEEP)
        else:
            put(root / file, values)
    return images, {kind: file for kind, (file, _) in labels.items()}


@pytest.mark.parametrize("name", LAYOUTS)
def test_layout(tmp_path, name):
    images, labels = write_layout(tmp_path, name)
    layout = find_renders(tmp_path)
    assert layout.kind == name
    assert layout.renders == sorted(images)
    for kind, file in labels.items():
        assert layout.labels[kind] == {layout.renders[0]: file}
    assert set(layout.carried) >= set(labels.values())
    assert [
        path.relative_to(tmp_path).as_posix() for path in list_images(tmp_path)
    ] == layout.renders
    text = layout.describe()
    assert "1 images to refine" in text and f"{layout.format.title}:" in text


def test_docs_show_the_table():
    docs = Path(__file__).parents[2] / "docs/datasets.md"
    assert layout_table() in docs.read_text(encoding="utf-8")


def test_a_format_is_one_class(tmp_path):
    class Toy(base.Paired):
        """`shot_N.png` with `what_N.png`."""

        name, title, example = "toy", "Toy", "shot_1.png, what_1.png"
        image = r"shot_(?P<n>\d+)\.png"
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


def test_a_format_that_names_pictures_is_still_understood(tmp_path):
    with pytest.warns(FutureWarning, match="Toy.picture is called image now"):
        Toy = type("Toy", (base.Paired,), {"picture": r"shot_\d+\.png", "labels": {}})
    assert Toy.image == r"shot_\d+\.png"
    put(tmp_path / "shot_1.png", photo())
    layout = recognise(tmp_path)
    paths = layout.images()
    for old, found in (
        (lambda: layout.pictures(), paths),
        (lambda: layout.tree.pictures, layout.tree.images),
        (lambda: list(picture_sizes(tmp_path)), paths),
    ):
        with pytest.warns(FutureWarning, match="the old name goes with the next version"):
            assert old() == found and found


def test_every_format_is_described():
    known = formats()
    assert len({kind.name for kind in known}) == len(known) >= 16
    assert all(kind.title and kind.example for kind in known)
    assert known[-1].name == "folders"


def test_masks_of_longer_names_and_of_none(tmp_path):
    put(tmp_path / "images/a.png", photo())
    put(tmp_path / "masks/a_mask.png", ids())
    put(tmp_path / "foreground_masks/other.png", ids())
    layout = find_renders(tmp_path)
    assert layout.labels["class_ids"] == {"images/a.png": "masks/a_mask.png"}
    assert any("foreground_masks/ has no label" in note for note in layout.notes)


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


def test_linked_masks_belong_to_their_images(tmp_path):
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
