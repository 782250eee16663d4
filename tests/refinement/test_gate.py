import dataclasses
import json

import cv2
import numpy as np
import pytest

from refinezoo.errors import RefinezooError
from refinezoo.refinement import Calibration, Gate, calibrate_gate, refine_dataset, score_image


def shuffled(image, tiles=8, seed=0):
    height, width = (size // tiles * tiles for size in image.shape[:2])
    parts = [
        part
        for row in np.split(image[:height, :width], tiles)
        for part in np.split(row, tiles, axis=1)
    ]
    order = np.random.default_rng(seed).permutation(len(parts))
    mixed = image.copy()
    rows = [np.hstack([parts[i] for i in line]) for line in order.reshape(tiles, tiles)]
    mixed[:height, :width] = np.vstack(rows)
    return mixed


def turned_hue(image, turn):
    hsv = cv2.cvtColor(image, cv2.COLOR_RGB2HSV)
    hsv[..., 0] = (hsv[..., 0].astype(int) + round(turn * 180)) % 180
    return cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)


HARMLESS = {
    "brighter": lambda image: np.clip(image.astype(int) + 30, 0, 255).astype(np.uint8),
    "warmer": lambda image: np.clip(image * np.array([1.1, 1, 0.9]), 0, 255).astype(np.uint8),
    "jpeg": lambda image: cv2.imdecode(cv2.imencode(".jpg", image, [1, 60])[1], 1),
    "slightly soft": lambda image: cv2.GaussianBlur(image, (0, 0), 1.0),
}
HARMFUL = {
    "upside down": lambda image: image[::-1].copy(),
    "mirrored": lambda image: image[:, ::-1].copy(),
    "shuffled": shuffled,
    "blurred away": lambda image: cv2.GaussianBlur(image, (0, 0), image.shape[1] / 16),
    "negative": lambda image: 255 - image,
    "another colour": lambda image: turned_hue(image, 0.35),
    "grey": lambda image: np.full_like(image, 128),
}


@pytest.mark.parametrize("where", ["photos", "products"])
def test_identity_scores_one(where, request):
    for item in request.getfixturevalue(where):
        image, boxes = item if isinstance(item, tuple) else (item, None)
        score = score_image(image, image, boxes)
        for value in score.row().values():
            assert value == pytest.approx(1.0, abs=1e-6)


@pytest.mark.parametrize("change", HARMLESS)
def test_harmless_changes_pass(photos, change):
    scores = [score_image(i, HARMLESS[change](i), b).score for i, b in photos]
    assert min(scores) > Gate().keep + 0.1


@pytest.mark.parametrize("change", HARMFUL)
def test_harmful_changes_fail_on_photos(photos, change):
    scores = [score_image(i, HARMFUL[change](i), b).score for i, b in photos]
    assert max(scores) < Gate().keep - 0.1


@pytest.mark.parametrize("change", ["upside down", "shuffled", "negative", "another colour"])
def test_harmful_changes_fail_on_products(products, change):
    scores = [score_image(image, HARMFUL[change](image)).score for image in products]
    assert np.mean(scores) < Gate().keep - 0.1


def test_only_the_labelled_region_counts(scene):
    image, (x, y, w, h) = scene(0)
    boxes = np.array([[x, y, x + w, y + h]], np.float32)
    other = np.random.default_rng(1).integers(60, 120, image.shape, np.uint8)
    other[y : y + h, x : x + w] = image[y : y + h, x : x + w]
    mask = np.zeros(image.shape[:2], np.float32)
    mask[y : y + h, x : x + w] = 1
    assert score_image(image, other, boxes).structure > 0.9
    assert score_image(image, other, None, mask).structure > 0.9
    assert score_image(image, other).structure < 0.9
    gone = image.copy()
    gone[y : y + h, x : x + w] = image[0, 0]
    assert score_image(image, gone, boxes).score < 0.1


def test_one_vanished_object_of_several_shows(scene):
    image, (x, y, w, h) = scene(0)
    image, gone = np.hstack([image, image]), np.hstack([image, image])
    gone[y : y + h, x : x + w] = 90
    boxes = np.array([[x, y, x + w, y + h], [x + 64, y, x + 64 + w, y + h]], np.float32)
    score = score_image(image, gone, boxes)
    assert score.worst_object < 0.3 < 0.5 < score.structure


def test_an_object_that_was_not_there_shows_in_the_background(scene):
    image, (x, y, w, h) = scene(0)
    image = np.hstack([image, np.full_like(image, 90)])
    boxes = np.array([[x, y, x + w, y + h]], np.float32)
    more = image.copy()
    more[y : y + h, x + 64 : x + 64 + w] = image[y : y + h, x : x + w]
    assert score_image(image, image, boxes).background == 1.0
    score = score_image(image, more, boxes)
    assert score.score > 0.9 and score.background < 0.6
    brighter = np.clip(image.astype(int) + 25, 0, 255).astype(np.uint8)
    assert score_image(image, brighter, boxes).background > 0.9
    mask = np.zeros(image.shape[:2], np.float32)
    mask[y : y + h, x : x + w] = 1
    assert score_image(image, more, None, mask).background < 0.6
    assert score_image(image, more).background == 1.0  # nothing is labelled: all of it is object
    assert score_image(image, more, np.zeros((0, 4), np.float32)).background < 0.6


def test_hue_is_circular_and_ignores_greys():
    red = np.full((32, 32, 3), (200, 30, 40), np.uint8)
    nearly = np.full((32, 32, 3), (200, 40, 30), np.uint8)
    green = np.full((32, 32, 3), (40, 190, 30), np.uint8)
    assert score_image(red, nearly).hue > 0.8 and score_image(red, green).hue < 0.1
    grey = np.full((32, 32, 3), 120, np.uint8)
    tinted = np.full((32, 32, 3), (122, 120, 118), np.uint8)
    assert score_image(grey, tinted).hue > 0.95


def test_sizes_must_agree():
    with pytest.raises(RefinezooError, match="shape of its source"):
        score_image(np.zeros((8, 8, 3), np.uint8), np.zeros((8, 9, 3), np.uint8))


@pytest.mark.parametrize(
    ("options", "message"),
    [({"action": "keap"}, "expected action"), ({"keep": 0.1}, "drop <= keep")],
)
def test_bad_gates_are_refused(options, message):
    with pytest.raises(RefinezooError, match=message):
        Gate(**options)


def test_dropped_images_are_the_source_files(coco, tmp_path, upside_down):
    summary = refine_dataset(coco, tmp_path / "out", upside_down, gate=Gate(), progress=False)
    assert len(summary.dropped) == 5 and summary.refined == 0
    for name in summary.dropped:
        assert (tmp_path / "out" / name).read_bytes() == (coco / name).read_bytes()
    document = json.loads((tmp_path / "out/manifest.json").read_text())
    assert document["dropped"] == summary.dropped
    sheet = cv2.imread(str(tmp_path / "out/gate_worst.png"))
    assert sheet.shape[0] > 2 * 160 and sheet.std() > 10


def test_blending_lowers_the_strength_until_it_passes(coco, tmp_path, negative):
    gate = Gate(keep=0.6, drop=0.0, action="blend")
    summary = refine_dataset(coco, tmp_path / "out", negative, gate=gate, progress=False)
    assert summary.blended == 5
    rows = json.loads((tmp_path / "out/manifest.json").read_text())["images"]
    assert all(0 < row["strength"] < 1 and row["gate"]["score"] < 0.6 for row in rows)
    for row in rows:
        source = cv2.imread(str(coco / row["file"]))
        assert score_image(source, cv2.imread(str(tmp_path / "out" / row["file"]))).score > 0.5


def test_what_is_painted_over_is_what_it_blends_towards(coco, tmp_path, negative, brighter):
    refine_dataset(coco, tmp_path / "under", brighter, progress=False)
    gate = Gate(keep=0.85, drop=0.0, action="blend")
    settings = {"gate": gate, "strength": (0.0, 1.0), "over": tmp_path / "under"}
    out = tmp_path / "out"
    assert refine_dataset(coco, out, negative, progress=False, **settings).blended
    for row in json.loads((out / "manifest.json").read_text())["images"]:
        if row["action"] == "blended":
            mask = cv2.imread(str(coco / row["file"].replace("images", "foreground_masks")))
            under = cv2.imread(str(tmp_path / "under" / row["file"]))
            found = cv2.imread(str(out / row["file"]))
            assert (found[mask > 127] == under[mask > 127]).all()
            assert (found[mask <= 127] != under[mask <= 127]).any()


def test_keep_only_notes(coco, tmp_path, negative):
    gate = Gate(action="keep")
    summary = refine_dataset(coco, tmp_path / "out", negative, gate=gate, progress=False)
    assert summary.flagged == 5 and not summary.dropped
    assert summary.mean_score < 0.1


def _soft(image):
    """What a harmless refiner does: another contrast, and a little blur."""
    return np.clip(cv2.GaussianBlur(image, (0, 0), 0.7) * 0.9 + 20, 0, 255).astype(np.uint8)


def _shelf(seed):
    """A textured shelf with three textured products; image and boxes."""
    draw = np.random.default_rng(seed)
    image = cv2.resize(draw.uniform(90, 140, (6, 8, 3)), (160, 120))
    boxes = []
    for left in (8, 60, 112):
        x, y = left + int(draw.integers(0, 8)), int(draw.integers(10, 60))
        texture = draw.uniform(40, 220, (6, 5, 3)) * draw.uniform(0.6, 1.1, 3)
        image[y : y + 48, x : x + 36] = cv2.resize(texture, (36, 48))
        boxes.append([x, y, x + 36, y + 48])
    noise = draw.normal(0, 4, image.shape)
    return np.clip(image + noise, 0, 255).astype(np.uint8), np.array(boxes, float)


def _erased(image, box):
    mask = np.zeros(image.shape[:2], np.uint8)
    mask[box[1] : box[3], box[0] : box[2]] = 1
    return cv2.inpaint(image, mask, 3, cv2.INPAINT_TELEA)


def _recoloured(image, box):
    image = image.copy()
    at = slice(box[1], box[3]), slice(box[0], box[2])
    image[at] = turned_hue(image[at], 0.4)
    return image


def _new(image, box):
    image = image.copy()
    image[:9, 60:100] = np.where(np.indices((9, 40)).sum(0)[..., None] // 3 % 2, 230, 20)
    return image


@pytest.fixture(scope="module")
def calibration():
    scenes = [_shelf(seed) for seed in range(60)]
    return Calibration.of([score_image(i, _soft(i), b) for i, b in scenes])


@pytest.mark.parametrize("error", [_erased, _recoloured, _new])
def test_a_calibrated_gate_finds_one_wrong_part_among_many(calibration, error):
    """Where the mean over the objects hardly moves."""
    gate, found, alarms = Gate(action="drop", calibration=calibration), 0, 0
    for seed in range(100, 120):
        image, boxes = _shelf(seed)
        alarms += gate.judge(image, _soft(image), boxes)[0] != "keep"
        wrong = error(_soft(image), boxes[seed % 3].astype(int))
        found += gate.judge(image, wrong, boxes)[0] == "drop"
    assert found >= 18 and alarms <= 5


def test_a_calibration_is_a_file_of_one_refiner(calibration, tmp_path, brighter):
    calibration.save(tmp_path / "gate.json")
    assert Calibration.load(tmp_path / "gate.json") == calibration
    for text in ("{}", "[]", json.dumps({"format": "refinezoo.gate/1", "middle": {}})):
        (tmp_path / "other.json").write_text(text)
        with pytest.raises(RefinezooError, match="refinezoo gate"):
            Calibration.load(tmp_path / "other.json")
    with pytest.raises(RefinezooError, match="at least 20 images"):
        Calibration.of([score_image(*[_shelf(0)[0]] * 2)])
    other = dataclasses.replace(calibration, model="fda", weights_sha256="0" * 64)
    with pytest.raises(RefinezooError, match="received one for fda"):
        other.check_model(brighter)


def test_calibrating_and_refining(tmp_path, brighter):
    rows = []
    for number in range(24):
        image, boxes = _shelf(number)
        path = tmp_path / f"set/images/{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), image)
        rows += [(number, [x1, y1, x2 - x1, y2 - y1]) for x1, y1, x2, y2 in boxes]
    document = {
        "images": [{"id": k, "file_name": f"{k}.png"} for k in range(24)],
        "annotations": [
            {"id": k, "image_id": image, "category_id": 1, "bbox": box}
            for k, (image, box) in enumerate(rows, start=1)
        ],
        "categories": [{"id": 1, "name": "carton"}],
    }
    (tmp_path / "set/annotations.json").write_text(json.dumps(document))
    found = calibrate_gate(tmp_path / "set", brighter)
    assert found.images == 24 and found.false_alarms == 0.05
    gate = Gate(action="drop", calibration=found)
    summary = refine_dataset(
        tmp_path / "set", tmp_path / "out", brighter, gate=gate, progress=False
    )
    assert 1 <= len(summary.dropped) <= 3
    row = json.loads((tmp_path / "out/manifest.json").read_text())["images"][0]["gate"]
    assert {"rarity", "worst_colour", "background"} <= set(row)
    again = refine_dataset(tmp_path / "set", tmp_path / "out", brighter, gate=gate, progress=False)
    assert again.resumed == 24
