import copy
import json
from pathlib import Path

import numpy as np
import pytest

import refinezoo
from refinezoo.errors import RefinezooError
from refinezoo.metrics.detection import coco_average_precision

pytestmark = pytest.mark.once

REAL = Path(refinezoo.__file__).parent / "assets" / "real_test" / "annotations.json"


def _truth() -> dict:
    """Two images, three objects of two classes, a third class without any."""
    boxes = [(1, 5, [0, 0, 10, 10]), (1, 6, [20, 20, 10, 20]), (2, 5, [5, 5, 40, 30])]
    return {
        "images": [{"id": 1, "width": 50, "height": 50}, {"id": 2, "width": 50, "height": 50}],
        "annotations": [
            {
                "id": i,
                "image_id": image,
                "category_id": category,
                "bbox": box,
                "area": box[2] * box[3],
                "iscrowd": 0,
            }
            for i, (image, category, box) in enumerate(boxes, start=1)
        ],
        "categories": [
            {"id": 5, "name": "milk"},
            {"id": 6, "name": "juice"},
            {"id": 7, "name": "tea"},
        ],
    }


def _perfect(truth: dict) -> list[dict]:
    keys = ("image_id", "category_id", "bbox")
    return [
        {**{key: row[key] for key in keys}, "score": 0.9}
        for row in truth["annotations"]
        if not row["iscrowd"]
    ]


def _random_detections(truth: dict, random, near=0.5) -> list[dict]:
    """Jittered copies of the objects, some with a wrong class, and boxes anywhere."""
    categories = [category["id"] for category in truth["categories"]]
    rows = []
    for row in truth["annotations"]:
        if row["iscrowd"]:
            continue
        for _ in range(3):
            category = row["category_id"] if random.random() < near else random.choice(categories)
            box = np.array(row["bbox"]) * random.uniform(0.8, 1.2, 4)
            rows.append((row["image_id"], category, box))
    for image in truth["images"]:
        for _ in range(4):
            corner, size = random.uniform(0, 200, 2), random.uniform(20, 140, 2)
            rows.append((image["id"], random.choice(categories), np.concatenate([corner, size])))
    return [
        {
            "image_id": image,
            "category_id": int(category),
            "bbox": box.tolist(),
            "score": float(random.random()),
        }
        for image, category, box in rows
    ]


def _pycocotools(truth: dict, detections: list[dict]) -> np.ndarray:
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    gold = COCO()
    gold.dataset = {"info": {}, **copy.deepcopy(truth)}
    gold.createIndex()
    evaluation = COCOeval(gold, gold.loadRes(copy.deepcopy(detections)), "bbox")
    evaluation.evaluate()
    evaluation.accumulate()
    evaluation.summarize()
    return evaluation.stats


def _explicit_crowd(truth: dict) -> dict:
    """The same truth with its ignore regions written out, as test_with_crowd.json has them."""
    truth = copy.deepcopy(truth)
    for image in truth["images"]:
        for region in image.get("ignore_regions", []):
            for category in truth["categories"]:
                truth["annotations"].append(
                    {
                        "id": len(truth["annotations"]) + 10_000,
                        "image_id": image["id"],
                        "category_id": category["id"],
                        "bbox": region,
                        "area": region[2] * region[3],
                        "iscrowd": 1,
                    }
                )
    return truth


def test_perfect_detections_score_one():
    truth = _truth()
    result = coco_average_precision(truth, _perfect(truth))
    for key in ("AP", "AP50", "AP75", "AR100"):
        assert result[key] == pytest.approx(1.0)
    assert result["per_class"]["milk"] == {"AP": pytest.approx(1.0), "AP50": pytest.approx(1.0)}
    assert result["per_class"]["tea"] == {"AP": None, "AP50": None}
    json.dumps(result)


def test_hand_computed_average_precision():
    truth = _truth()
    found = _perfect(truth)[:1] + [
        {"image_id": 2, "category_id": 5, "bbox": [0, 0, 5, 5], "score": 0.95}  # false, first
    ]
    result = coco_average_precision(truth, found)
    # milk: one of two found, at precision 1/2: 51 of 101 recall points; juice: nothing.
    assert result["AP50"] == pytest.approx(0.5 * 51 / 101 / 2)
    assert result["per_class"]["juice"]["AP50"] == 0.0


def test_equals_pycocotools(rng, capsys):
    truth = _truth()
    truth["images"] = [{"id": i, "width": 300, "height": 300} for i in range(1, 9)]
    detections = _random_detections(truth, rng)
    result = coco_average_precision(truth, detections)
    assert capsys.readouterr().out == ""
    stats = _pycocotools(truth, detections)
    found = [result[key] for key in ("AP", "AP50", "AP75", "AR100")]
    np.testing.assert_allclose(found, stats[[0, 1, 2, 8]], atol=1e-9)


def test_ignore_regions_equal_explicit_crowd_boxes(rng):
    truth = json.loads(REAL.read_text(encoding="utf-8"))
    assert any(image.get("ignore_regions") for image in truth["images"])
    explicit = _explicit_crowd(truth)
    detections = _random_detections(truth, rng)
    result = coco_average_precision(REAL, detections)
    stats = _pycocotools(explicit, detections)
    found = [result[key] for key in ("AP", "AP50", "AP75", "AR100")]
    np.testing.assert_allclose(found, stats[[0, 1, 2, 8]], atol=1e-9)
    assert coco_average_precision(explicit, detections) == result
    punished = coco_average_precision(truth, detections, expand_ignore_regions=False)
    assert punished["AP50"] < result["AP50"]


def test_nothing_found_scores_zero():
    result = coco_average_precision(_truth(), [])
    assert [result[key] for key in ("AP", "AP50", "AP75", "AR100")] == [0, 0, 0, 0]
    assert result["per_class"]["milk"] == {"AP": 0.0, "AP50": 0.0}
    assert result["per_class"]["tea"]["AP"] is None


def test_subset_of_the_images():
    truth = _truth()
    found = [row for row in _perfect(truth) if row["image_id"] == 1]
    assert coco_average_precision(truth, found, image_ids=[1])["AP50"] == pytest.approx(1.0)
    assert coco_average_precision(truth, found)["AP50"] < 1
    with pytest.raises(RefinezooError, match="image_ids"):
        coco_average_precision(truth, found, image_ids=[1, 99])


def test_inputs_are_left_alone(rng):
    truth = _truth()
    detections = _random_detections(truth, rng)
    before = copy.deepcopy((truth, detections))
    coco_average_precision(truth, detections)
    assert (truth, detections) == before


@pytest.mark.parametrize(
    "change, words",
    [
        ({"image_id": 99}, "image_id 99.*another split"),
        ({"category_id": 0}, "received 0 in row 0.*category|expected category ids.*received 0"),
        ({"score": float("nan")}, "finite bbox.*score=nan"),
        ({"bbox": [0, 0, float("inf"), 4]}, "finite bbox"),
        ({"bbox": None}, "expected detections with .* in row 0"),
        ({"bbox": ["a", 0, 1, 1]}, "expected detections with .* in row 0"),
        ({"score": None}, "expected detections with .* in row 0"),
        ({"image_id": None}, "expected detections with .* in row 0"),
    ],
)
def test_bad_detections_are_refused(change, words):
    truth = _truth()
    found = _perfect(truth)
    found[0].update(change)
    with pytest.raises(RefinezooError, match=words):
        coco_average_precision(truth, found)


def test_bad_annotations_are_refused(tmp_path):
    with pytest.raises(RefinezooError, match="no file there"):
        coco_average_precision(tmp_path / "none.json", [])
    (tmp_path / "broken.json").write_text("{", encoding="utf-8")
    with pytest.raises(RefinezooError, match="broken.json"):
        coco_average_precision(tmp_path / "broken.json", [])
    with pytest.raises(RefinezooError, match="images, annotations, categories"):
        coco_average_precision({"images": []}, [])


@pytest.mark.parametrize("rows", ["results.json", {"annotations": []}, [None], [{"score": 1}]])
def test_what_is_no_list_of_detections_is_refused(rows):
    with pytest.raises(RefinezooError, match="expected detections with .* in row 0"):
        coco_average_precision(_truth(), rows)


def test_text_for_numbers_in_detections_counts_the_same():
    truth = _truth()
    found = [{**row, "bbox": [*map(str, row["bbox"])], "score": "0.9"} for row in _perfect(truth)]
    assert coco_average_precision(truth, found)["AP"] == pytest.approx(1.0)


@pytest.mark.parametrize(
    "change, words",
    [
        ({"category_id": 9}, "annotations .id 1.: has category_id 9"),
        ({"image_id": 9}, "annotations .id 1.: belongs to image_id 9"),
        ({"bbox": [0, 0, float("nan"), 4]}, "annotations .id 1.: expected bbox"),
        ({"bbox": None}, "annotations .id 1.: expected bbox"),
        ({"bbox": [0, 0, 4]}, "annotations .id 1.: expected bbox"),
    ],
)
def test_broken_annotations_are_refused(change, words):
    truth = _truth()
    truth["annotations"][0].update(change)
    with pytest.raises(RefinezooError, match=words):
        coco_average_precision(truth, [])


def test_boxes_outside_or_without_area_count_as_cocos_tools_count_them(rng):
    truth = _truth()
    truth["annotations"][1]["bbox"] = [45, 40, 30, 30]
    truth["annotations"][2] = {**truth["annotations"][2], "bbox": [5, 5, 0, 30], "area": 0}
    detections = _perfect(truth) + _random_detections(truth, rng)
    detections[0] = {**detections[0], "bbox": [-5, -5, 15, 15]}
    detections.append({"image_id": 1, "category_id": 5, "bbox": [3, 3, 0, 0], "score": 0.99})
    result = coco_average_precision(truth, detections)
    stats = _pycocotools(truth, detections)
    found = [result[key] for key in ("AP", "AP50", "AP75", "AR100")]
    np.testing.assert_allclose(found, stats[[0, 1, 2, 8]], atol=1e-9)
    assert 0 < result["AP50"] < 1


def test_annotations_without_area_and_crowd_are_those_of_their_boxes():
    truth = _truth()
    detections = _perfect(truth)
    for row in truth["annotations"]:
        del row["area"], row["iscrowd"]
    assert coco_average_precision(truth, detections)["AP"] == pytest.approx(1.0)


def _ids(truth, key, values):
    for row, value in zip(truth["annotations"], values, strict=True):
        row[key] = value


@pytest.mark.parametrize(
    "change",
    [
        lambda truth: _ids(truth, "id", [0, 1, 2]),
        lambda truth: _ids(truth, "id", [1, 1, 1]),
        lambda truth: _ids(truth, "id", [None, None, None]),
        lambda truth: _ids(truth, "id", ["a", "b", "b"]),
        lambda truth: [row.pop("id") for row in truth["annotations"]],
        lambda truth: _ids(truth, "area", [None, "7", -1]),
        lambda truth: _ids(truth, "iscrowd", ["0", None, False]),
        lambda truth: (
            _ids(truth, "bbox", [["0", "0", "10", "10"], [20, 20, 10, 20], None])
            or truth["annotations"][2].update(segmentation=[[5, 5, 45, 5, 45, 35, 5, 35]])
        ),
        lambda truth: [row.update(ignore_regions=None) for row in truth["images"]],
        lambda truth: [
            row.update({key: str(row[key])})
            for rows, key in (("images", "id"), ("annotations", "image_id"))
            for row in truth[rows]
        ],
        lambda truth: [
            row.update({key: f"c-{row[key]}"})
            for rows, key in (("categories", "id"), ("annotations", "category_id"))
            for row in truth[rows]
        ],
    ],
    ids=[
        "ids from 0",
        "doubled ids",
        "null ids",
        "text ids",
        "no ids",
        "areas",
        "crowd",
        "boxes",
        "no regions",
        "text image ids",
        "text categories",
    ],
)
def test_perfect_detections_score_one_whatever_the_ids(change):
    truth = _truth()
    change(truth)
    boxes = [[0, 0, 10, 10], [20, 20, 10, 20], [5, 5, 40, 30]]
    found = [
        {"image_id": row["image_id"], "category_id": row["category_id"], "bbox": box, "score": 0.9}
        for row, box in zip(truth["annotations"], boxes, strict=True)
    ]
    result = coco_average_precision(truth, found)
    assert result["AP"] == pytest.approx(1.0) and result["AR100"] == pytest.approx(1.0)


def test_truth_with_a_byte_order_mark(tmp_path):
    path = tmp_path / "a.json"
    path.write_bytes(b"\xef\xbb\xbf" + json.dumps(_truth()).encode())
    assert coco_average_precision(path, _perfect(_truth()))["AP"] == pytest.approx(1.0)
