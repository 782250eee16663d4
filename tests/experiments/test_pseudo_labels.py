"""Photos that name themselves: what each kind of model writes, and what it refuses."""

import cv2
import numpy as np
import pytest

import refinezoo
from refinezoo.data import list_images, read_segmentation_folder
from refinezoo.data.class_files import class_folders, read_class_folders
from refinezoo.data.pose_files import read_pose_folder
from refinezoo.errors import RefinezooError
from refinezoo.experiments.pseudo_labels import pseudo_labels
from refinezoo.tasks.classification.kind import CLASSIFIER, Classifies
from refinezoo.tasks.depth.kind import DEPTH
from refinezoo.tasks.pose.kind import POSE
from refinezoo.tasks.segmentation.kind import SEGMENTER

pytestmark = pytest.mark.once


class Segmenter:
    """Says of each pixel, by its grey value g, that it is class 1 with probability g / 255."""

    kind = SEGMENTER
    class_names = ["road", "sky"]
    ignore_id = 11

    def __init__(self, image_size=None):
        self.image_size = image_size

    def predict_probability(self, images, batch_size=8):
        share = images[..., :1] / np.float32(255)
        return np.concatenate([1 - share, share], axis=-1)


class Classifier(Classifies):
    """Says of an image, by its grey value g, that it is a dog with probability g / 255."""

    kind = CLASSIFIER
    class_names = ["cat", "dog"]
    image_size = 8

    def predict(self, images, batch_size=None, verbose=0):
        share = np.stack(images)[:, 0, 0, :1] / np.float32(255)
        return np.concatenate([1 - share, share], axis=-1)


@pytest.fixture
def photos(tmp_path):
    """Left halves of one grey value, right halves of another."""
    for name, left, right in (
        ("a.png", 250, 5),
        ("more/b.bmp", 128, 10),
        ("c.png", 140, 140),
        ("d.png", 140, 140),
    ):
        path = tmp_path / "photos" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        image = np.full((40, 60, 3), left, np.uint8)
        image[:, 30:] = right
        cv2.imwrite(str(path), image)
    return tmp_path / "photos"


def test_a_segmenter_keeps_the_pixels_it_is_sure_of(photos, tmp_path):
    said = pseudo_labels(Segmenter(), photos, tmp_path / "out", score_threshold=0.9)
    # The median score of the sky is that of grey 140, so that class keeps its better half.
    assert said == {"photos": 4, "kept": 4, "pixels": {"road": 2400, "sky": 6000}}
    found = read_segmentation_folder(tmp_path / "out")
    assert found["image"].shape == (4, 40, 60, 3)
    first, *_, last = found["class_ids"]
    assert (first[:, :30] == 1).all() and (first[:, 30:] == 0).all()
    assert (last[:, :25] == 11).all() and (last[:, 30:] == 0).all()  # half sure: void


def test_masks_have_the_size_that_the_segmenter_sees(photos, tmp_path):
    pseudo_labels(Segmenter((20, 30)), photos, tmp_path / "out")
    found = read_segmentation_folder(tmp_path / "out")
    assert found["image"].shape == (4, 20, 30, 3) and found["class_ids"].shape == (4, 20, 30)


def test_a_classifier_keeps_the_photos_it_is_sure_of(photos, tmp_path):
    said = pseudo_labels(Classifier(), photos, tmp_path / "out", progress=True)
    assert said == {"photos": 4, "kept": 1, "images": {"dog": 1}}
    said = pseudo_labels(Classifier(), photos, tmp_path / "out", score_threshold=0.5)
    assert said == {"photos": 4, "kept": 4, "images": {"dog": 4}}
    cv2.imwrite(str(photos / "night.png"), np.zeros((40, 60, 3), np.uint8))
    pseudo_labels(Classifier(), photos, tmp_path / "out")  # takes the place of the earlier one
    numbers = {path.name: row for row, path in enumerate(list_images(photos))}
    found = class_folders(tmp_path / "out")
    assert {name: [path.name for path in paths] for name, paths in found.items()} == {
        "cat": [f"{numbers['night.png']:06d}.png"],
        "dog": [f"{numbers['a.png']:06d}.png"],
    }


def test_a_tower_keeps_the_views_it_is_sure_of_with_their_rotation(photos, tmp_path):
    class Tower(Classifier):
        kind = POSE

        def predict(self, images, batch_size=None, verbose=0):
            probability = super().predict(images)
            turned = np.tile(np.float32([0.6, 0.0, 0.8, 0.0]), (len(probability), 1))
            return {"probability": probability, "quaternion": turned}

    said = pseudo_labels(Tower(), photos, tmp_path / "out", score_threshold=0.53)
    assert said == {"photos": 4, "kept": 3, "images": {"dog": 3}}
    found = read_pose_folder(tmp_path / "out", ["cat", "dog"], 8)
    assert found["image"].shape == (3, 8, 8, 3) and found["label"].tolist() == [1, 1, 1]
    assert found["quaternion"][0] == pytest.approx([0.6, 0.0, 0.8, 0.0])


def test_files_are_taken_in_place_of_a_folder(photos, tmp_path):
    files = [photos / "a.png", photos / "more" / "b.bmp"]
    assert pseudo_labels(Classifier(), files, tmp_path / "out")["photos"] == 2


@pytest.mark.parametrize("labeller", [Segmenter(), Classifier()], ids=["segmenter", "classifier"])
def test_nothing_is_written_where_nothing_is_sure(photos, tmp_path, labeller):
    for path in photos.rglob("*.png"):
        cv2.imwrite(str(path), np.full((40, 60, 3), 140, np.uint8))
    (photos / "more" / "b.bmp").unlink()
    if labeller.kind is CLASSIFIER:
        with pytest.raises(RefinezooError, match="Lower score_threshold"):
            pseudo_labels(labeller, photos, tmp_path / "out")
        assert not (tmp_path / "out").exists()
    with pytest.raises(RefinezooError, match=r"score_threshold in \(0, 1\], received 0"):
        pseudo_labels(labeller, photos, tmp_path / "out", score_threshold=0.0)
    with pytest.raises(RefinezooError, match="apart from the dataset"):
        pseudo_labels(labeller, photos, photos / "labelled")
    with pytest.raises(RefinezooError, match=r"a folder to write.*Give '.*/labelled'"):
        pseudo_labels(labeller, photos, tmp_path / "labelled.json")
    assert not list(tmp_path.glob("labelled*")) and not (photos / "labelled").exists()


def test_what_is_already_there_is_not_replaced(photos, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.txt").write_text("years of work")
    with pytest.raises(RefinezooError):
        pseudo_labels(Classifier(), photos, tmp_path / "out")
    assert (tmp_path / "out" / "thesis.txt").read_text() == "years of work"


def test_models_that_are_not_sure_of_anything_label_nothing(photos, tmp_path):
    class Depth:
        kind = DEPTH

    for model in (Depth(), refinezoo.refiners.Reinhard(photos=3), object()):
        with pytest.raises(RefinezooError, match="classifier, detector, pose, segmenter"):
            pseudo_labels(model, photos, tmp_path / "out")

    class Exported:
        kind, class_names, ignore_id = SEGMENTER, ["road", "sky"], 11

    with pytest.raises(RefinezooError, match="Give the preset"):
        pseudo_labels(Exported(), photos, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_what_lies_in_folders_called_like_labels_is_kept(photos, tmp_path):
    for name in ("labels/a.png", "masks/b_mask.png", "images/images/c.png", "c.jpg"):
        path = tmp_path / "odd" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), np.full((40, 60, 3), 250, np.uint8))
    files = sorted((tmp_path / "odd").rglob("*.*"))
    assert pseudo_labels(Segmenter(), [*files, *files], tmp_path / "out")["kept"] == 4
    assert len(read_segmentation_folder(tmp_path / "out")["image"]) == 4


def test_links_without_suffix_behind_them_are_photos(photos, tmp_path):
    (tmp_path / "blob").write_bytes((photos / "a.png").read_bytes())
    (tmp_path / "linked").mkdir()
    (tmp_path / "linked" / "a.png").symlink_to(tmp_path / "blob")
    pseudo_labels(Classifier(), tmp_path / "linked", tmp_path / "out")
    learnt = read_class_folders(tmp_path / "out", ["cat", "dog"], 8)  # of one class alone
    assert learnt["label"].tolist() == [1]


def test_a_class_that_no_folder_can_be_called_is_refused(photos, tmp_path):
    labeller = Classifier()
    labeller.class_names = ["cat", "dog/wolf"]
    with pytest.raises(RefinezooError, match="Rename the class"):
        pseudo_labels(labeller, photos, tmp_path / "out")
    labeller.class_names = ["cat", "dog (old)"]
    assert pseudo_labels(labeller, photos, tmp_path / "out")["images"] == {"dog (old)": 1}


@pytest.mark.parametrize("odd", ["0.5", None.__class__, True.__class__])
def test_a_threshold_is_a_number(photos, tmp_path, odd):
    with pytest.raises(RefinezooError, match="score_threshold in"):
        pseudo_labels(Classifier(), photos, tmp_path / "out", score_threshold=odd)
    with pytest.raises(RefinezooError, match="an empty list"):
        pseudo_labels(Classifier(), [], tmp_path / "out")
