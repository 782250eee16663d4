import json

import cv2
import numpy as np
import pytest

from refinezoo import doctor
from refinezoo.errors import RefinezooError


def write(folder, count, *, colour=(120, 130, 140), size=(72, 96), seed=0, noise=20):
    """`count` noisy images around an RGB colour, size (height, width)."""
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    for index in range(count):
        image = rng.normal(colour, noise, (*size, 3)).clip(0, 255).astype(np.uint8)
        cv2.imwrite(str(folder / f"{index:03d}.png"), image[..., ::-1])
    return folder


def codes(report):
    return {(finding["domain"], finding["code"]) for finding in report["findings"]}


@pytest.fixture
def folders(tmp_path):
    return write(tmp_path / "synthetic", 4), write(tmp_path / "real", 4, seed=1)


def test_two_alike_folders_lack_only_images(folders):
    report = doctor.diagnose(*folders)
    assert codes(report) == {("synthetic", "few"), ("real", "few")}
    assert report["ok"]
    assert report["real"]["width"] == [96, 96, 96] and report["real"]["height"] == [72, 72, 72]
    assert 120 < report["real"]["brightness"] < 140


def test_enough_images_give_no_finding(tmp_path):
    synthetic = write(tmp_path / "synthetic", 100, size=(64, 64))
    real = write(tmp_path / "real", 100, size=(64, 64), seed=1)
    report = doctor.diagnose(synthetic, real)
    assert report["findings"] == []
    assert "Nothing found" in doctor.as_text(report)


def test_corrupt_and_truncated_files_are_errors(folders):
    synthetic, real = folders
    (real / "zero.png").write_bytes(b"")
    (real / "text.jpg").write_text("no image")
    content = (real / "000.png").read_bytes()
    (real / "half.png").write_bytes(content[: len(content) // 2])
    report = doctor.diagnose(synthetic, real)
    assert not report["ok"]
    (finding,) = [f for f in report["findings"] if f["code"] == "corrupt"]
    assert finding["files"] == ["half.png", "text.jpg", "zero.png"]
    assert report["findings"][0] is finding
    assert report["real"]["readable"] == 4 and report["real"]["images"] == 7


def test_kinds_of_images(folders):
    synthetic, real = folders
    image = cv2.imread(str(real / "000.png"))
    cv2.imwrite(str(real / "grey.png"), image[..., 0])
    cv2.imwrite(str(real / "rgba.png"), cv2.cvtColor(image, cv2.COLOR_BGR2BGRA))
    cv2.imwrite(str(real / "deep.png"), image.astype(np.uint16) * 257)
    cv2.imwrite(str(real / "deep_grey.png"), image[..., 0].astype(np.uint16) * 257)
    report = doctor.diagnose(synthetic, real)
    assert codes(report) >= {("real", "grey"), ("real", "alpha"), ("real", "16-bit")}
    assert report["real"]["kinds"] == {"16-bit": 1, "RGB": 4, "alpha": 1, "grey": 1}


def test_duplicates_within_and_across(folders):
    synthetic, real = folders
    content = (real / "000.png").read_bytes()
    (real / "copy.png").write_bytes(content)
    (synthetic / "stray.png").write_bytes(content)
    report = doctor.diagnose(synthetic, real)
    assert codes(report) >= {("real", "duplicates"), ("both", "same files")}
    (finding,) = [f for f in report["findings"] if f["code"] == "duplicates"]
    assert finding["files"] == ["000.png = copy.png"]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"colour": (200, 210, 220)}, "brightness gap"),
        ({"colour": (220, 60, 60)}, "saturation gap"),
        ({"colour": (140, 130, 120)}, "hue gap"),
        ({"noise": 2}, "detail gap"),
        ({"size": (96, 72)}, "aspect"),
        ({"size": (180, 240)}, "size"),
        ({"count": 20}, "imbalance"),
    ],
)
def test_each_gap_is_found(tmp_path, change, code):
    settings = {"noise": 8, "count": 4, **change}
    synthetic = write(tmp_path / "synthetic", 4, noise=8)
    real = write(tmp_path / "real", settings.pop("count"), seed=1, **settings)
    report = doctor.diagnose(synthetic, real)
    assert ("both", code) in codes(report)
    (finding,) = [f for f in report["findings"] if f["code"] == code]
    assert finding["advice"] and finding["level"] == "warning"


def test_coco_folder_and_masks_are_told_apart(tmp_path):
    write(tmp_path / "scenes" / "images", 3)
    write(tmp_path / "scenes" / "foreground_masks", 3)
    write(tmp_path / "real", 3)
    write(tmp_path / "real" / "masks", 3)
    report = doctor.diagnose(tmp_path / "scenes", tmp_path / "real")
    assert report["synthetic"]["images"] == 3 and report["real"]["images"] == 3


def test_missing_and_empty_folders(tmp_path):
    write(tmp_path / "real", 1)
    with pytest.raises(RefinezooError, match="expected a folder of synthetic images"):
        doctor.diagnose(tmp_path / "none", tmp_path / "real")
    (tmp_path / "empty").mkdir()
    with pytest.raises(RefinezooError, match="found no renders"):
        doctor.diagnose(tmp_path / "real", tmp_path / "empty")


def test_report_is_json_and_text(folders):
    report = doctor.diagnose(*folders)
    assert json.loads(json.dumps(report)) == report
    text = doctor.as_text(report)
    assert "real: 4 of 4 images readable" in text and "WARNING few" in text and "-> " in text


def test_looks_at_what_training_sees(tmp_path):
    """Opaque renders saved with alpha 0, nested photos, masks and hidden files."""
    real = write(tmp_path / "real", 4, seed=1)
    for index in range(4):
        image = cv2.imread(str(real / f"00{index}.png"))
        folder = tmp_path / "synthetic/images/cam0"
        folder.mkdir(parents=True, exist_ok=True)
        (tmp_path / "synthetic/masks/cam0").mkdir(parents=True, exist_ok=True)
        flat = np.full(image.shape[:2], 0 if index else 255, np.uint8)
        cv2.imwrite(str(folder / f"{index}.png"), np.dstack([image, flat]))
        cv2.imwrite(str(tmp_path / f"synthetic/masks/cam0/{index}.png"), flat)
        (folder / f"._{index}.png").write_bytes(b"\0\5\x16\7")
    report = doctor.diagnose(tmp_path / "synthetic", real)
    assert report["synthetic"]["images"] == report["synthetic"]["readable"] == 4
    assert abs(report["synthetic"]["contrast"] - report["real"]["contrast"]) < 1
    hole = np.full(image.shape[:2], 255, np.uint8)
    hole[: len(hole) * 2 // 3] = 0
    cv2.imwrite(str(folder / "0.png"), np.dstack([image, hole]))
    assert ("synthetic", "mostly transparent") in codes(
        doctor.diagnose(tmp_path / "synthetic", real)
    )


def test_labels_that_do_not_fit_are_found(folders):
    synthetic, real = folders
    (synthetic / "masks").mkdir()
    for index in range(4):
        mask = np.full((72, 96 - index // 3), 255, np.uint8)
        cv2.imwrite(str(synthetic / f"masks/00{index}.png"), mask)
    report = doctor.diagnose(synthetic, real)
    (finding,) = [f for f in report["findings"] if f["code"] == "labels: size"]
    assert finding["level"] == "error" and "masks/003.png" in finding["files"][0]
    assert not report["ok"]
