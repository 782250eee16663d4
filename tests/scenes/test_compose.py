"""The scene composer: same seed, same bytes; exact labels; the layout that was asked for."""

import hashlib
import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from pycocotools import mask as rle_tools

from refinezoo.data import CocoDataset, write_image
from refinezoo.errors import RefinezooError
from refinezoo.scenes import LayoutStatistics, compose_scenes
from refinezoo.scenes.compose.annotate import halve_labels
from refinezoo.scenes.compose.camera import wide_angle_map

ASSETS = Path(__file__).parents[2] / "refinezoo" / "assets"
LAYOUTS = ("hand_held", "shelf", "tray")


@pytest.fixture(scope="module")
def cutouts(tmp_path_factory):
    """Five products of one plain colour each, 40 x 80 pixels, and two grey distractors."""
    root = tmp_path_factory.mktemp("cutouts")
    colours = [(220, 30, 30), (30, 200, 30), (40, 40, 230), (230, 220, 30), (200, 40, 200)]
    rows = []
    for k, colour in enumerate(colours):
        image = np.zeros((84, 44, 4), np.uint8)
        image[2:82, 2:42] = (*colour, 255)
        write_image(root / "products" / f"p{k}.png", image)
        rows.append({"class_id": 10 + k, "name": f"product {k}", "file_name": f"p{k}.png"})
    (root / "products" / "classes.json").write_text(json.dumps({"classes": rows}))
    for k in range(2):
        image = np.full((30 + 20 * k, 40, 4), 100 + 40 * k, np.uint8)
        image[..., 3] = 255
        write_image(root / "distractors" / f"d{k}.png", image)
    return root


@pytest.fixture
def compose(cutouts, tmp_path):
    def composed(name="scenes", count=6, **arguments):
        arguments = {"image_size": 64, "progress": False, **arguments}
        return compose_scenes(
            cutouts / "products",
            tmp_path / name,
            count,
            distractors=cutouts / "distractors",
            **arguments,
        )

    return composed


def digests(folder):
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_same_arguments_same_bytes(compose):
    first = digests(compose("a", seed=3, backgrounds=True))
    assert first == digests(compose("b", seed=3, backgrounds=True))
    other = digests(compose("c", seed=4, backgrounds=True))
    assert set(first) == set(other) and len(first) == 3 * 6 + 2
    assert all(first[name] != other[name] for name in first if name.startswith("images"))


def test_workers_and_count_change_nothing(compose):
    one, two = digests(compose("a", workers=1)), digests(compose("b", workers=2))
    assert one == two
    fewer = digests(compose("c", count=4))
    assert all(one[name] == fewer[name] for name in fewer if name.endswith(".png"))


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("camera", ["pinhole", "wide_angle"])
def test_boxes_masks_and_foreground_agree(compose, layout, camera):
    folder = compose(layout=layout, camera=camera, count=5)
    document = json.loads((folder / "annotations.json").read_text())
    assert document["info"]["parameters"]["layout"] == layout
    assert {row["id"] for row in document["categories"]} == {10, 11, 12, 13, 14}
    labelled = 0
    for image in document["images"]:
        assert (image["half_angle"] > 0) == (camera == "wide_angle")
        rows = [row for row in document["annotations"] if row["image_id"] == image["id"]]
        union, foreground = np.zeros((64, 64), int), np.zeros((64, 64), bool)
        for row in rows:
            mask = rle_tools.decode(row["segmentation"]).astype(bool)
            ys, xs = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
            tight = [xs[0], ys[0], xs[-1] - xs[0] + 1, ys[-1] - ys[0] + 1]
            assert row["bbox"] == tight and row["area"] == mask.sum()
            assert 0 < row["visibility"] <= 1
            union += mask
            if not row["iscrowd"]:
                foreground |= mask
                labelled += 1
                assert row["area"] >= 0.05 * 64 * 64 and row["visibility"] >= 0.25
        assert union.max() <= 1  # visible parts do not overlap
        stored = cv2.imread(str(folder / "foreground_masks" / image["file_name"]), -1)
        assert ((stored == 255) == foreground).all() and set(np.unique(stored)) <= {0, 255}
    assert labelled >= 3


@pytest.mark.parametrize("camera", ["pinhole", "wide_angle"])
def test_masks_lie_on_the_pixels_of_their_product(compose, camera):
    """Every product has one hue: inside its mask (without its rim) that hue must be seen."""
    hues = {10: 0, 11: 60, 12: 120, 13: 28, 14: 150}  # of OpenCV, 0 to 179
    folder = compose(camera=camera, count=10, statistics={"hand": 0.0, "side_face": 0.0})
    document = json.loads((folder / "annotations.json").read_text())
    checked = 0
    for row in document["annotations"]:
        if row["iscrowd"]:
            continue
        name = document["images"][row["image_id"] - 1]["file_name"]
        hsv = cv2.cvtColor(cv2.imread(str(folder / "images" / name)), cv2.COLOR_BGR2HSV)
        mask = cv2.erode(rle_tools.decode(row["segmentation"]), np.ones((3, 3)), borderValue=0) > 0
        apart = np.abs(hsv[mask][:, 0].astype(int) - hues[row["category_id"]])
        assert (np.minimum(apart, 180 - apart) < 12).mean() > 0.97
        checked += 1
    assert checked >= 8


def test_visibility_counts_what_is_hidden_and_cut(compose):
    folder = compose(
        layout="hand_held",
        camera="pinhole",
        count=8,
        statistics={
            "hand": 0.0,
            "cut": 0.0,
            "side_face": 0.0,
            "background_products": 0.0,
            "box_height": (0.5, 0.6, 0.7),
        },
    )
    rows = json.loads((folder / "annotations.json").read_text())["annotations"]
    large = [row for row in rows if not row["iscrowd"]]
    assert len(large) == 8 and all(row["visibility"] > 0.95 for row in large)
    folder = compose(
        "cut",
        layout="hand_held",
        camera="pinhole",
        count=8,
        statistics={
            "hand": 0.0,
            "cut": 0.0,
            "side_face": 0.0,
            "background_products": 0.0,
            "box_height": (1.6, 1.7, 1.8),
            "box_width": (1.5, 1.7, 2.0),
        },
    )
    rows = json.loads((folder / "annotations.json").read_text())["annotations"]
    assert len(rows) == 8 and all(row["visibility"] < 0.85 for row in rows)


def test_hand_hides_the_product(compose):
    def area(name, hand):
        statistics = {"hand": hand, "side_face": 0.0, "background_products": 0.0}
        folder = compose(
            name, layout="hand_held", camera="pinhole", count=10, statistics=statistics
        )
        rows = json.loads((folder / "annotations.json").read_text())["annotations"]
        return np.mean([row["visibility"] for row in rows if not row["iscrowd"]])

    assert area("with", 1.0) < area("without", 0.0) - 0.03


def test_layout_statistics_are_met(tmp_path):
    folder = compose_scenes(
        ASSETS / "products",
        tmp_path / "scenes",
        93,
        layout="hand_held",
        camera="pinhole",
        image_size=64,
        progress=False,
    )
    dataset = CocoDataset.load(folder)
    large = []
    for record in dataset.records:
        boxes = record.boxes_xywh[~record.crowd] / 64
        large.append(boxes[np.argmax(boxes[:, 2] * boxes[:, 3])])
    x, y, w, h = np.array(large).T
    asked = LayoutStatistics()
    for values, quantiles, tolerance in (
        (h, asked.box_height, 0.07),
        (w, asked.box_width, 0.09),
        (x + w / 2, asked.centre_x, 0.07),
        (y + h / 2, asked.centre_y, 0.06),
    ):
        assert np.abs(np.percentile(values, [5, 50, 95]) - quantiles).max() < tolerance
    cut = np.mean((x <= 0) | (y <= 0) | (x + w >= 1) | (y + h >= 1))
    assert abs(cut - asked.cut) < 0.14  # a pixel here is 0.016
    labels = np.concatenate([record.labels[~record.crowd] for record in dataset.records])
    assert len(set(labels.tolist())) == 31  # every product was the large one


def test_mixture_and_counts(compose):
    folder = compose(
        layout="mixed", count=30, statistics={"mixture": (0.0, 0.0, 1.0), "tray_count": (2, 3)}
    )
    document = json.loads((folder / "annotations.json").read_text())
    assert {image["layout"] for image in document["images"]} == {"tray"}
    counts = np.bincount([row["image_id"] for row in document["annotations"]], minlength=31)[1:]
    assert counts.max() <= 3 and counts.mean() > 1


def test_backgrounds_lack_exactly_the_labelled_products(compose):
    folder = compose(count=8, backgrounds=True, statistics={"hand": 1.0})
    changed_inside = []
    for path in sorted((folder / "images").iterdir()):
        image, background, mask = (
            cv2.imread(str(folder / kind / path.name)).astype(int)
            for kind in ("images", "backgrounds", "foreground_masks")
        )
        differs = np.abs(image - background).max(2) > 12
        near = cv2.dilate(mask[..., 0].astype(np.uint8), np.ones((5, 5))) > 0
        assert not (differs & ~near).any()
        changed_inside.append(differs[mask[..., 0] > 0].mean())
    assert np.mean(changed_inside) > 0.7


def test_wide_angle_bends_straight_lines_and_keeps_corners():
    x, y = wide_angle_map(65, 50)
    assert np.allclose([x[0, 0], y[0, 0], x[64, 64], y[64, 64]], [0, 0, 64, 64], atol=1e-3)
    assert np.allclose([x[32, 32], y[32, 32]], 32, atol=1e-3)
    assert y[0, 32] > 4  # the image's upper edge shows a line that was straight and lower
    assert (np.diff(x, axis=1) > 0).all()


def test_halving_keeps_the_label_of_most_pixels():
    labels = np.uint16([[1, 1, 2, 3], [1, 2, 3, 3], [0, 0, 5, 4], [0, 4, 4, 6]])
    assert halve_labels(labels).tolist() == [[1, 3], [0, 4]]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"layout": "shelve"}, "Did you mean 'shelf'"),
        ({"camera": "fisheye"}, "camera to be one of"),
        ({"count": 0}, "count to be a whole number >= 1"),
        ({"image_size": 8}, "image_size"),
        ({"seed": -1}, "seed"),
        ({"statistics": {"box_hight": (1, 2, 3)}}, "Did you mean 'box_height'"),
        ({"statistics": {"box_height": (0.9, 0.5, 0.1)}}, "ascending"),
        ({"statistics": "none.json"}, "layout statistics as JSON"),
    ],
)
def test_impossible_arguments(compose, tmp_path, arguments, words):
    with pytest.raises(RefinezooError, match=words):
        compose(**arguments)
    assert not (tmp_path / "scenes").exists()


def test_a_folder_with_other_things_is_not_replaced(compose, tmp_path):
    compose("again")
    compose("again")  # one's own may be
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("x")
    with pytest.raises(RefinezooError, match="holds other files"):
        compose("mine")
    assert (tmp_path / "mine" / "thesis.txt").read_text() == "x"


def test_unusable_cutouts(tmp_path):
    with pytest.raises(RefinezooError, match="which is no folder"):
        compose_scenes(tmp_path / "none", tmp_path / "out", 1)
    write_image(tmp_path / "rgb" / "a.png", np.zeros((9, 9, 3), np.uint8))
    with pytest.raises(RefinezooError, match="RGBA cut-out"):
        compose_scenes(tmp_path / "rgb", tmp_path / "out", 1)
    write_image(tmp_path / "clear" / "a.png", np.zeros((9, 9, 4), np.uint8))
    with pytest.raises(RefinezooError, match="fully transparent"):
        compose_scenes(tmp_path / "clear", tmp_path / "out", 1)
    (tmp_path / "rgb" / "classes.json").write_text('{"classes": [{"id": 1}]}')
    with pytest.raises(RefinezooError, match="class_id"):
        compose_scenes(tmp_path / "rgb", tmp_path / "out", 1)
    assert not (tmp_path / "out").exists()
