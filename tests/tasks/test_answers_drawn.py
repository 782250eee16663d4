"""Every kind draws its answer and says it in words, whatever the size of the image."""

from types import SimpleNamespace

import numpy as np
import pytest

from refinezoo.data.drawing import RIGHT, WRONG, class_colours, depth_colours
from refinezoo.models.registry import kinds

pytestmark = pytest.mark.once
H, W = 24, 40
MODEL = SimpleNamespace(class_names=["milk", "juice"], max_depth=8.0, r_max=20.0, ignore_id=255)
BOXES = np.array([[4, 4, 20, 20], [2, 2, 8, 8], [0, 0, 0, 0]], "float32")
ANSWERS = {
    "classifier": (np.array([0.2, 0.8], "float32"), "juice 0.80"),
    "depth": (np.full((H, W, 1), 2.0, "float32"), "2.0 to 2.0 m, median 2.0 m"),
    "detector": (
        {
            "boxes": BOXES,
            "scores": np.array([0.9, 0.1, 0.0], "float32"),
            "classes": np.array([1, 0, -1], "int32"),
            "count": np.array(2),
        },
        "juice 0.90",
    ),
    "masked": (np.full((H, W, 3), 9, "uint8"), "before and after"),
    "pose": (
        {"probability": np.array([0.9, 0.1], "float32"), "quaternion": np.float32([1, 0, 0, 0])},
        "milk 0.90",
    ),
    "range": (np.array([4.0, 2.5, 20.0, 9.0], "float32"), "nearest 2.5 m, sector 2 of 4"),
    "refiner": (np.full((H, W, 3), 9, "uint8"), "before and after"),
    "rgbd": (
        {"refined": np.full((H, W, 3), 9, "uint8"), "depth_m": np.ones((H, W, 1), "float32")},
        "before and after",
    ),
    "segmenter": (np.eye(H, W, dtype="uint8"), "milk 98%, juice 2%"),
}


@pytest.mark.parametrize("name", sorted(kinds()))
def test_answers_are_drawn_and_said(name):
    kind, (answer, words) = kinds()[name], ANSWERS[name]
    image = np.full((H, W, 3), 120, "uint8")
    drawn = kind.draw(MODEL, image, answer)
    assert drawn.dtype == np.uint8 and drawn.ndim == 3 and drawn.shape[2] == 3
    assert len(np.unique(drawn.reshape(-1, 3), axis=0)) > 1 or name == "depth"
    assert kind.words(MODEL, answer) == words
    if kind.task:  # what is studied has a truth, drawn alone and beside an answer
        for shown in (None, answer):
            assert kind.draw(MODEL, image, shown, answer).shape == drawn.shape
    np.testing.assert_array_equal(image, 120)  # and is left alone


WRONG_ANSWERS = {
    "classifier": np.array([0.9, 0.1], "float32"),
    "depth": np.full((H, W, 1), 4.0, "float32"),
    "detector": {**ANSWERS["detector"][0], "classes": np.array([0, 0, -1], "int32")},
    "pose": {**ANSWERS["pose"][0], "quaternion": np.float32([0, 1, 0, 0])},
    "range": np.array([8.0, 2.5, 20.0, 9.0], "float32"),
    "segmenter": np.ones((H, W), "uint8"),
}
# The truth itself, and the wrong answer: a share of a row of ones on the diagonal, say.
AGREEMENTS = {
    "classifier": (0.8, 0.1),
    "depth": (1.0, 0.0),
    "detector": (1.0, 0.0),
    "pose": (1.0, 0.0),
    "range": (1.0, 0.75),
    "segmenter": (1.0, 1 / W),
}


@pytest.mark.parametrize("name", sorted(name for name, kind in kinds().items() if kind.task))
def test_an_answer_is_as_right_as_it_agrees_with_the_truth(name):
    kind, truth = kinds()[name], ANSWERS[name][0]
    found = [kind.agreement(MODEL, answer, truth) for answer in (truth, WRONG_ANSWERS[name])]
    assert found == pytest.approx(AGREEMENTS[name]) and kind.agreement_by
    assert set(kind.classes_in(MODEL, truth)) <= set(MODEL.class_names)


def test_each_object_is_found_once_and_what_is_unknown_does_not_count():
    kind, truth = kinds()["detector"], ANSWERS["detector"][0]
    twice = {**truth, "boxes": BOXES[[0, 0, 2]], "scores": np.float32([0.9, 0.8, 0])}
    twice["classes"] = np.array([1, 1, -1])
    assert kind.agreement(MODEL, twice, truth) == pytest.approx(2 / 3)
    nothing = {**truth, "count": np.array(0)}
    assert kind.agreement(MODEL, nothing, nothing) == 1.0
    assert kind.agreement(MODEL, truth, nothing) == kind.agreement(MODEL, nothing, truth) == 0.0
    void = np.full((H, W), 255, "uint8")
    assert kinds()["segmenter"].agreement(MODEL, void, void) == 1.0
    assert kinds()["segmenter"].classes_in(MODEL, void) == ()
    small, holes = np.full((H // 2, W // 2, 1), 2.0, "float32"), np.full((H, W, 1), 2.0, "float32")
    holes[:, ::2] = 0
    assert kinds()["depth"].agreement(MODEL, small, holes) == 1.0


def has(image, colour):
    return bool((np.abs(image.astype(int) - colour).max(axis=-1) <= 10).any())


def test_right_and_wrong_are_told_apart():
    image = np.full((64, 64, 3), 120, "uint8")
    for name, wrong in (("classifier", np.float32([0.6, 0.4])), ("detector", None)):
        kind, answer = kinds()[name], ANSWERS[name][0]
        wrong = {**answer, "classes": 1 - answer["classes"]} if wrong is None else wrong
        right = kind.draw(MODEL, image, answer, answer)
        assert has(right, RIGHT) and not has(right, WRONG)
        other = kind.draw(MODEL, image, wrong, answer)
        assert has(other, WRONG) and not has(other, RIGHT)


def test_a_detector_shows_its_best_box_where_none_is_sure():
    answer = {**ANSWERS["detector"][0], "scores": np.array([0.2, 0.1, 0.0], "float32")}
    assert kinds()["detector"].words(MODEL, answer) == "juice 0.20"
    nothing = {**answer, "count": np.array(0)}
    assert kinds()["detector"].words(MODEL, nothing) == "nothing"


def test_a_true_box_has_no_score_to_say():
    truth = {**ANSWERS["detector"][0], "names": ["cheese", "milk", "milk"], "count": np.array(3)}
    truth["scores"] = np.ones(3, "float32")
    assert kinds()["detector"].words(MODEL, truth) == "cheese; milk; milk"
    empty = {**truth, "names": [], "count": np.array(0)}
    assert kinds()["detector"].words(MODEL, empty) == "nothing"


def test_colours_of_classes_differ_and_missing_depth_is_black():
    assert len({tuple(colour) for colour in class_colours(20).tolist()}) == 20
    depth = np.array([[[0.0], [np.nan], [1.0], [7.0]]], "float32")
    colours = depth_colours(depth, 8.0)[0].astype(int)
    assert (colours[:2] == 0).all() and colours[2, 0] > colours[3, 0]  # near is red
