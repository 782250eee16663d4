import hashlib
import json
import os
import signal
import subprocess
import sys
import time

import cv2
import numpy as np
import pytest

from refinezoo.errors import RefinezooError
from refinezoo.refinement import Gate, refine_dataset


def tree(root):
    return {
        path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in root.rglob("*")
        if path.is_file()
    }


def rows(out):
    return {row["file"]: row for row in json.loads((out / "manifest.json").read_text())["images"]}


def refine(source, out, refiner, **options):
    return refine_dataset(source, out, refiner, progress=False, **options)


def test_coco_keeps_everything_but_the_renders(coco, tmp_path, brighter, read):
    (coco / "empty/folder").mkdir(parents=True)
    summary = refine(coco, tmp_path / "out", brighter, batch_size=2)
    assert (tmp_path / "out/empty/folder").is_dir()
    before, after = tree(coco), tree(tmp_path / "out")
    assert after.keys() - before.keys() == {"manifest.json"}
    changed = {name for name in before if before[name] != after[name]}
    assert changed == {f"images/scene_{i}.png" for i in range(5)}
    assert (summary.images, summary.refined, summary.layout) == (5, 5, "coco")
    assert summary.carried == len(before) - 5
    for name in changed:
        source, refined = read(coco / name), read(tmp_path / "out" / name)
        np.testing.assert_array_equal(refined, np.clip(source.astype(int) + 20, 0, 255))


def test_manifest_has_a_true_row_per_image(coco, tmp_path, brighter):
    out = tmp_path / "out"
    refine(coco, out, brighter, strength=0.5, seed=3, gate=Gate())
    document = json.loads((out / "manifest.json").read_text())
    assert document["model"]["class"] == "Brighter"
    assert [entry["file"] for entry in document["carried"]] == sorted(
        set(tree(coco)) - set(rows(out))
    )
    assert len(rows(out)) == 5
    for name, row in rows(out).items():
        assert row["source_sha256"] == tree(coco)[name]
        assert row["output_sha256"] == tree(out)[name]
        assert row["weights_sha256"] == document["model"]["weights_sha256"]
        assert (row["strength"], row["seed"], row["action"]) == (0.5, 3, "refined")
        assert row["size"] in ([64, 48], [67, 51])
        assert row["gate"]["verdict"] == "keep" and 0.7 < row["gate"]["score"] < 1


def test_strength_blends_per_region(coco, tmp_path, brighter, read):
    refine(coco, tmp_path / "out", brighter, strength=(0.0, 0.5))
    name = "scene_0.png"
    mask = read(coco / "foreground_masks" / name) > 0
    change = read(tmp_path / "out/images" / name).astype(int) - read(coco / "images" / name)
    assert np.all(change[mask] == 0) and np.all(change[~mask] == 10)


def test_strength_per_region_needs_masks(coco, tmp_path, brighter):
    (coco / "foreground_masks/scene_3.png").unlink()
    with pytest.raises(RefinezooError, match="needs a foreground mask.*scene_3"):
        refine(coco, tmp_path / "out", brighter, strength=(1.0, 0.5))


def test_mask_of_another_size_is_named(coco, tmp_path, brighter, write):
    write(coco / "foreground_masks/scene_3.png", np.zeros((9, 9), np.uint8))
    with pytest.raises(RefinezooError, match="received 9 x 9"):
        refine(coco, tmp_path / "out", brighter, gate=Gate())
    assert len(rows(tmp_path / "out")) == 5


@pytest.mark.parametrize("strength", [1.5, -0.1, "strong", (1, 1, 1), (), True, float("nan")])
def test_bad_strength_is_refused(coco, tmp_path, brighter, strength):
    with pytest.raises(RefinezooError, match="expected strength in"):
        refine(coco, tmp_path / "out", brighter, strength=strength)
    assert not (tmp_path / "out").exists()


def test_rerun_refines_nothing_and_a_lost_output_is_made_again(coco, tmp_path, brighter):
    out = tmp_path / "out"
    refine(coco, out, brighter)
    before = tree(out)
    brighter.seen = 0
    assert refine(coco, out, brighter).resumed == 5 and brighter.seen == 0
    (out / "images/scene_2.png").unlink()
    (out / "images/scene_3.png").write_bytes(b"torn")
    assert refine(coco, out, brighter).resumed == 3 and brighter.seen == 2
    assert tree(out) == before


def test_changed_source_is_refined_again(coco, tmp_path, brighter, write, scene):
    refine(coco, tmp_path / "out", brighter)
    write(coco / "images/scene_1.png", scene(77)[0])
    assert refine(coco, tmp_path / "out", brighter).resumed == 4


def test_other_settings_are_refused_unless_overwrite(coco, tmp_path, brighter):
    out = tmp_path / "out"
    refine(coco, out, brighter)
    with pytest.raises(RefinezooError, match="strength was 1.0, is 0.5"):
        refine(coco, out, brighter, strength=0.5)
    with pytest.raises(RefinezooError, match="model was"):
        refine(coco, out, type(brighter)(levels=5))
    assert refine(coco, out, brighter, strength=0.5, overwrite=True).refined == 5
    assert {row["strength"] for row in rows(out).values()} == {0.5}


class Dies:
    """Refines like `Brighter`, and kills its process at the third batch."""

    def __init__(self, inner, after):
        self.inner, self.left = inner, after
        self.get_config = inner.get_config

    def refine(self, images, strength=1.0, seed=None):
        self.left -= 1
        if self.left < 0:
            raise KeyboardInterrupt
        return self.inner.refine(images)


def test_interrupted_run_resumes_to_the_same_tree(coco, tmp_path, brighter):
    refine(coco, tmp_path / "whole", brighter)
    out, kind = tmp_path / "out", type(brighter)
    broken = Dies(kind(), 2)
    broken.__class__.__name__ = kind.__name__
    with pytest.raises(KeyboardInterrupt):
        refine(coco, out, broken, batch_size=1)
    assert not (out / "manifest.json").exists()
    (out / "images/.refinezoo-0123456789ab-0").mkdir()
    (out / "images/.refinezoo-0123456789ab-0/scene_4.png").write_bytes(b"half")
    with open(out / ".refinement.jsonl", "a") as journal:
        journal.write('{"file": "images/scene_4.p')
    fresh = kind()
    assert refine(coco, out, fresh).resumed == 2 and fresh.seen == 3
    assert tree(out) == tree(tmp_path / "whole")


SCRIPT = """
import sys, time
sys.path.insert(0, {folder!r})
from conftest import Brighter
from refinezoo.refinement import refine_dataset
class Slow(Brighter):
    def refine(self, *a, **k):
        time.sleep(0.3)
        return super().refine(*a, **k)
Slow.__name__ = "Brighter"
refine_dataset({source!r}, {out!r}, Slow(), batch_size=1, progress=False)
"""


def test_killed_process_resumes(coco, tmp_path, brighter):
    out = tmp_path / "out"
    script = SCRIPT.format(folder=os.path.dirname(__file__), source=str(coco), out=str(out))
    process = subprocess.Popen([sys.executable, "-c", script])
    deadline = time.time() + 60
    while len(list(out.glob("images/scene*.png"))) < 2 and time.time() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert refine(coco, out, brighter).resumed >= 1 and brighter.seen <= 4
    refine(coco, tmp_path / "whole", brighter)
    assert tree(out) == tree(tmp_path / "whole")


def test_corrupt_image_is_named_after_the_others_are_done(coco, tmp_path, brighter, scene, write):
    out, bad = tmp_path / "out", coco / "images/scene_1.png"
    whole = bad.read_bytes()
    bad.write_bytes(whole[: len(whole) // 2])
    (coco / "images/scene_2.png").write_bytes(b"")
    with pytest.raises(RefinezooError, match="2 of 5 images.*scene_1.png.*scene_2.png"):
        refine(coco, out, brighter)
    assert sorted(path.name for path in (out / "images").iterdir()) == [
        "scene_0.png",
        "scene_3.png",
        "scene_4.png",
        "spare.png",
    ]
    document = json.loads((out / "manifest.json").read_text())
    assert document["failed"] == ["images/scene_1.png", "images/scene_2.png"]
    summary = refine(coco, out, brighter, on_error="skip")
    assert (summary.refined, summary.resumed, len(summary.failed)) == (3, 3, 2)
    bad.write_bytes(whole)
    write(coco / "images/scene_2.png", scene(2, 51, 67)[0])
    assert refine(coco, out, brighter).refined == 5


def test_truncated_jpeg_is_not_half_used(tmp_path, brighter, scene, write):
    path = tmp_path / "synthetic/images/a.jpg"
    write(path, scene(0, 200, 300)[0])
    write(path.with_name("b.jpg"), scene(1)[0])
    path.write_bytes(path.read_bytes()[:-2000])
    summary = refine(tmp_path / "synthetic", tmp_path / "out", brighter, on_error="skip")
    assert list(summary.failed) == ["images/a.jpg"] and summary.refined == 1


def test_missing_coco_image_is_named_before_anything_is_written(coco, tmp_path, brighter):
    (coco / "images/scene_4.png").unlink()
    with pytest.raises(RefinezooError, match="1 images that are not there: scene_4.png"):
        refine(coco, tmp_path / "out", brighter)
    assert not (tmp_path / "out").exists()
    refine(coco, tmp_path / "out", brighter, on_error="skip")
    assert json.loads((tmp_path / "out/manifest.json").read_text())["missing"] == ["scene_4.png"]


def test_pixel_formats_keep_file_format_and_size(tmp_path, brighter, scene, write, read):
    image, root = scene(0)[0], tmp_path / "synthetic"
    grey = image[..., 0]
    write(root / "images/rgba.png", np.dstack([image[..., ::-1], grey]))
    write(root / "images/grey.png", grey)
    write(root / "images/deep.png", image.astype(np.uint16) * 257)
    write(root / "images/deep_grey.png", grey.astype(np.uint16) * 257)
    write(root / "images/photo.jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 100])
    write(root / "images/odd.bmp", image[:31, :17])
    summary = refine(root, tmp_path / "out", brighter)
    out = tmp_path / "out/images"
    rgba = cv2.imread(str(out / "rgba.png"), cv2.IMREAD_UNCHANGED)
    np.testing.assert_array_equal(rgba[..., 3], grey)
    np.testing.assert_array_equal(rgba[..., 2::-1], np.minimum(image.astype(int) + 20, 255))
    for name in ("deep", "grey", "deep_grey"):
        wanted = image if name == "deep" else np.dstack([grey] * 3)
        received = cv2.imread(str(out / f"{name}.png"), cv2.IMREAD_UNCHANGED)[..., ::-1]
        assert received.dtype == np.uint8
        np.testing.assert_array_equal(received, np.minimum(wanted.astype(int) + 20, 255))
    assert (out / "photo.jpg").read_bytes().startswith(b"\xff\xd8")
    assert np.abs(read(out / "photo.jpg").astype(int) - image - 20)[image < 200].mean() < 6
    assert read(out / "odd.bmp").shape == (31, 17, 3)
    assert summary.conversions == {
        "alpha carried unchanged": 1,
        "16-bit to 8-bit": 2,
        "grey to RGB": 2,
    }


def test_refiner_that_changes_the_size_is_refused(coco, tmp_path):
    class Crops:
        def refine(self, images, strength=1.0, seed=None):
            return images[:, 1:]

    with pytest.raises(RefinezooError, match="expected the refiner to return"):
        refine(coco, tmp_path / "out", Crops())


@pytest.mark.parametrize("out", ["synthetic", "synthetic/refined", "."])
def test_source_is_never_written_into(coco, tmp_path, brighter, out):
    before = tree(tmp_path)
    with pytest.raises(RefinezooError, match="apart from the dataset"):
        refine(coco, tmp_path / out, brighter)
    assert tree(tmp_path) == before


def test_foreign_files_are_not_touched(coco, tmp_path, brighter):
    (tmp_path / "out").mkdir()
    (tmp_path / "out/thesis.txt").write_text("mine")
    with pytest.raises(RefinezooError, match="new or empty folder"):
        refine(coco, tmp_path / "out", brighter)
    (coco / "manifest.json").write_text("{}")
    with pytest.raises(RefinezooError, match="manifest_name"):
        refine(coco, tmp_path / "new", brighter)
    refine(coco, tmp_path / "new", brighter, manifest_name="refinement.json")
    assert (tmp_path / "new/manifest.json").read_text() == "{}"


def test_something_that_cannot_refine_is_refused(coco, tmp_path):
    with pytest.raises(RefinezooError, match="received str"):
        refine(coco, tmp_path / "out", "cyclegan")


def test_results_do_not_depend_on_batches(coco, tmp_path, brighter):
    refine(coco, tmp_path / "one", brighter, batch_size=1, workers=1)
    refine(coco, tmp_path / "many", brighter, batch_size=8, workers=4)
    assert tree(tmp_path / "one") == tree(tmp_path / "many")


class SeesDepth:
    """Red says how far away the surface is; the first row is left alone."""

    use_depth = True

    def refine_rgbd(self, images, depth_m, seed=None):
        refined = images.copy()
        refined[:, 1:, :, 0] = np.rint(depth_m[:, 1:, :, 0] * 100)
        return refined, depth_m

    def refine(self, images, strength=1.0, seed=None):
        raise AssertionError("called without depth")

    def get_config(self):
        return {}


def test_a_refiner_of_rgb_and_depth_sees_the_depth_beside_the_renders(coco, tmp_path, read):
    for index in range(5):
        height, width = read(coco / f"images/scene_{index}.png").shape[:2]
        depth = np.full((height, width), 1000 + 100 * index, np.uint16)
        (coco / "depth").mkdir(exist_ok=True)
        cv2.imwrite(str(coco / f"depth/scene_{index}.png"), depth)
    summary = refine(coco, tmp_path / "out", SeesDepth(), batch_size=2)
    assert summary.refined == 5
    before, after = tree(coco), tree(tmp_path / "out")
    assert all(before[name] == after[name] for name in before if name.startswith("depth/"))
    refined = read(tmp_path / "out/images/scene_3.png")
    assert (refined[1:, :, 0] == 130).all()
    (coco / "depth/scene_2.png").unlink()
    cv2.imwrite(str(coco / "depth/scene_4.png"), np.ones((8, 8), np.uint16))
    with pytest.raises(RefinezooError, match="2 of 5 .*expected depth beside"):
        refine(coco, tmp_path / "again", SeesDepth())
    failed = {name for name, row in rows(tmp_path / "again").items() if row["action"] == "failed"}
    assert failed == {"images/scene_2.png", "images/scene_4.png"}


class SeesMasks:
    """Darkens what is no object."""

    use_mask = True

    def refine(self, images, strength=1.0, seed=None, *, foreground_mask):
        return np.where(foreground_mask > 0.5, images, images // 2)

    def get_config(self):
        return {}


def test_a_refiner_that_takes_masks_gets_those_beside_the_renders(coco, tmp_path, read):
    out = tmp_path / "out"
    summary = refine(coco, out, SeesMasks(), batch_size=2, gate=Gate(action="keep"), report=True)
    assert summary.refined == 5
    mask = read(coco / "foreground_masks/scene_3.png") > 127
    before, after = (read(root / "images/scene_3.png") for root in (coco, out))
    np.testing.assert_array_equal(after, np.where(mask, before, before // 2))
    assert refine(coco, out, SeesMasks(), gate=Gate(action="keep"), report=True).resumed == 5
    cv2.imwrite(str(coco / "foreground_masks/scene_3.png"), 255 - mask[..., 0] * np.uint8(255))
    assert refine(coco, out, SeesMasks(), gate=Gate(action="keep"), report=True).resumed == 4
    np.testing.assert_array_equal(
        read(out / "images/scene_3.png"), np.where(mask, before // 2, before)
    )
    (coco / "foreground_masks/scene_2.png").unlink()
    with pytest.raises(RefinezooError, match="1 of 5 .*expected a foreground mask beside"):
        refine(coco, tmp_path / "again", SeesMasks())


def test_boxes_that_are_not_in_pixels_stop_the_gate(coco, tmp_path, brighter):
    document = json.loads((coco / "annotations.json").read_text())
    for row in document["annotations"]:
        row["bbox"] = [0.1, 0.2, 0.3, 0.4]
    (coco / "annotations.json").write_text(json.dumps(document))
    with pytest.raises(RefinezooError, match="look normalised.*--gate off"):
        refine(coco, tmp_path / "out", brighter, gate=Gate())
    assert not (tmp_path / "out").exists()
    assert refine(coco, tmp_path / "out", brighter).refined == 5


def test_images_that_are_all_missing_are_refused(coco, tmp_path, brighter):
    document = json.loads((coco / "annotations.json").read_text())
    for row in document["images"]:
        row["file_name"] = f"elsewhere_{row['file_name']}"
    (coco / "annotations.json").write_text(json.dumps(document))
    with pytest.raises(RefinezooError, match="none that annotations name is there"):
        refine(coco, tmp_path / "out", brighter, on_error="skip")


def test_a_refiner_that_does_not_say_what_it_is(coco, tmp_path, caplog):
    class Unknown:
        def refine(self, images, strength=1.0, seed=None):
            return 255 - images

    for _ in range(2):
        refine(coco, tmp_path / "out", Unknown())
    assert "to tell whether it changed" in caplog.text
