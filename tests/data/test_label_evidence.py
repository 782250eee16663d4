"""What could be a label is never an image."""

import re

import cv2
import numpy as np
import pytest
from small_sets import coco, colours, ids, photo, put, put_coco

from refinezoo.data.formats import list_images
from refinezoo.data.formats.evidence import few_colours, label_like, names_labels
from refinezoo.errors import RefinezooError
from refinezoo.refinement import find_renders


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
    """A few regions: class ids, and a textured, shaded image of them."""
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
def test_grey_images_beside_coloured_ones_of_their_number_are_refused(
    tmp_path, first, second, offered
):
    for number in range(3):
        classes, image = _scene(number)
        grey = LOSSY_LABELS["depth"](classes)
        pair = (grey, image) if first.startswith("color") else (image, grey)
        for place, values in zip((first, second), pair, strict=True):
            put(tmp_path / place.format(number), values)
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
def test_labels_among_the_images_of_one_folder_are_refused(tmp_path, folder):
    """AirSim numbers its kinds of image: img_0_0 is the scene, img_0_5 the segmentation."""
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


def test_the_pattern_that_is_offered_is_of_images(tmp_path):
    for number in range(2):
        put(tmp_path / f"RGB/{number}.png", photo(number))
        put(tmp_path / f"GT/COLOR/{number}.png", colours())
    with pytest.raises(RefinezooError, match=r"--images 'RGB/\*\.png'"):
        find_renders(tmp_path)
