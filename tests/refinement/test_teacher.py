"""A model of the user's own judges: what it saw on the render must be there, and nothing new."""

import json

import numpy as np
import pytest
from small_sets import coco, photo, put, put_coco

from refinezoo.errors import RefinezooError
from refinezoo.refinement import Gate, Teacher, refine_dataset
from refinezoo.tasks.detection.kind import DETECTOR


def answer(*objects):
    """A detector's answer: of each object the left upper corner, score and class; sides of 10."""
    boxes = np.array([(x, y, x + 10, y + 10) for x, y, _, _ in objects], "float32").reshape(-1, 4)
    scores, classes = ([each[k] for each in objects] for k in (2, 3))
    return {
        "boxes": boxes,
        "scores": np.array(scores, "float32"),
        "classes": np.array(classes, "int32"),
        "count": np.int32(len(objects)),
    }


class Named:
    class_names = ("milk", "juice")


MILK, JUICE = (0, 0, 0.9, 0), (30, 0, 0.9, 1)


@pytest.mark.parametrize(
    ("before", "after", "boxes", "kept"),
    [
        ([MILK, JUICE], [MILK, JUICE], None, 1.0),
        ([MILK], [], None, 0.0),  # gone
        ([MILK], [(0, 0, 0.9, 1)], None, 0.0),  # taken for another
        ([MILK], [(7, 7, 0.9, 0)], None, 0.0),  # moved
        ([MILK], [MILK, JUICE], None, 2 / 3),  # new
        ([MILK], [MILK, JUICE], [(30, 0, 40, 10)], 1.0),  # a label explains it
        ([], [JUICE], [(30, 0, 40, 10)], 1.0),
        ([], [JUICE], [(0, 0, 10, 10)], 0.0),
        ([(0, 0, 0.2, 0)], [], None, 1.0),  # was not sure of it
        ([], [], None, 1.0),
    ],
)
def test_of_a_detector(before, after, boxes, kept):
    boxes = None if boxes is None else np.array(boxes, float)
    assert DETECTOR.kept(Named, answer(*before), answer(*after), boxes) == pytest.approx(kept)


class Eye:
    """Finds a bright square wherever it is: a detector of one class, without a network."""

    kind, class_names, name = DETECTOR, ("square",), "eye"
    weights_sha256 = "0" * 64

    def predict(self, images, verbose=0):
        found = []
        for image in images:
            rows, columns = np.nonzero(image.min(2) > 240)
            square = (columns.min(), rows.min(), 0.9, 0) if len(rows) else None
            found.append(answer(*[square] if square else []))
        return {
            "boxes": [each["boxes"] for each in found],
            "scores": [each["scores"] for each in found],
            "classes": [each["classes"] for each in found],
            "count": [each["count"] for each in found],
        }


class Forgets:
    """A refiner that paints over what is in the left half."""

    name = "forgets"

    def refine(self, images, strength=1.0, seed=0):
        refined = images.copy()
        refined[:, :, : images.shape[2] // 2] = 100
        return refined


@pytest.fixture
def renders(tmp_path):
    names = ["left.png", "right.png"]
    put_coco(tmp_path / "renders/annotations.json", coco(names, width=64, height=64))
    for name, x in zip(names, (8, 40), strict=True):
        image = photo(0, 64, 64) // 2
        image[8:18, x : x + 10] = 255
        put(tmp_path / "renders/images" / name, image)
    return tmp_path / "renders"


@pytest.mark.parametrize(
    ("action", "done"), [("drop", "dropped"), ("blend", "dropped"), ("keep", "flagged")]
)
def test_it_has_the_last_word(renders, tmp_path, action, done):
    gate = Gate(keep=0.0, drop=0.0, action=action, teacher=Teacher(Eye()))
    refine_dataset(renders, tmp_path / "out", Forgets(), gate=gate, progress=False, report=True)
    manifest = json.loads((tmp_path / "out/manifest.json").read_text())
    rows = {row["file"]: row for row in manifest["images"]}
    assert rows["images/left.png"]["action"] == done
    assert rows["images/right.png"]["action"] == "refined"
    assert rows["images/left.png"]["gate"]["teacher"] == 0.0
    assert rows["images/right.png"]["gate"]["teacher"] == 1.0
    same = (tmp_path / "out/images/left.png").read_bytes() == (
        renders / "images/left.png"
    ).read_bytes()
    assert same == (done == "dropped")
    assert "The teacher refused 1" in (tmp_path / "out/report.html").read_text(encoding="utf-8")


def test_another_teacher_judges_anew(renders, tmp_path):
    gate = Gate(keep=0.0, drop=0.0, teacher=Teacher(Eye()))
    refine_dataset(renders, tmp_path / "out", Forgets(), gate=gate, progress=False)
    gate = Gate(keep=0.0, drop=0.0, teacher=Teacher(Eye(), 0.9))
    with pytest.raises(RefinezooError, match="other settings"):
        refine_dataset(renders, tmp_path / "out", Forgets(), gate=gate, progress=False)
    assert "teacher" not in Gate().settings()


def test_what_cannot_teach_is_refused():
    with pytest.raises(RefinezooError, match="expected a teacher that answers.*forgets"):
        Teacher(Forgets())
    with pytest.raises(RefinezooError, match="expected an agreement"):
        Teacher(Eye(), 0.0)


def test_a_teacher_that_fails_is_told_for_each_image(renders, tmp_path):
    class Blind(Eye):
        def predict(self, images, verbose=0):
            raise ValueError("no light")

    gate = Gate(teacher=Teacher(Blind()))
    with pytest.raises(RefinezooError, match="2 of 2 images.*no light"):
        refine_dataset(renders, tmp_path / "out", Forgets(), gate=gate, progress=False)
