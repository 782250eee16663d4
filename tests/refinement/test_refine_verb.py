"""`refinezoo refine`: shows, refuses, skips, resumes and prunes."""

import json

import numpy as np
import pytest
from PIL import Image
from small_sets import H, W, coco, colours, ids, photo, put, put_coco
from typer.testing import CliRunner

from refinezoo.cli import refine_verb
from refinezoo.cli.app import app
from refinezoo.data import read_image


@pytest.fixture
def refine(tmp_path, brighter, monkeypatch):
    """Runs the verb on `tmp_path / set`: exit code and all that it printed."""
    monkeypatch.setattr(refine_verb, "load", lambda name: brighter)
    out = tmp_path / "out"

    def run(*options, source=tmp_path / "set"):
        done = CliRunner().invoke(
            app, ["refine", str(source), str(out), "--model", "reinhard", *options]
        )
        return done.exit_code, done.output

    return run


@pytest.fixture
def root(tmp_path):
    return tmp_path / "set"


def coco_set(root, count=2):
    for number in range(count):
        put(root / f"images/{number}.png", photo(number))
    put_coco(root / "annotations.json", coco([f"{number}.png" for number in range(count)]))


def test_shows_what_it_will_do_and_dry_run_does_nothing(root, tmp_path, refine):
    coco_set(root)
    put(root / "images/spare.png", photo(9))
    code, said = refine("--dry-run")
    assert code == 0 and not (tmp_path / "out").exists()
    assert "COCO: 2 images to refine\n  images/*.png: 2" in said
    assert "not known, carried as they are: 1 images" in said
    code, said = refine()
    assert code == 0 and "COCO: 2 images" in said and "2 of 2 images refined" in said


def test_variants_are_datasets_of_their_own(root, tmp_path, refine, monkeypatch):
    class Draws:
        def refine(self, images, strength=1.0, seed=None):
            return np.full_like(images, 10 * seed)

        def get_config(self):
            return {}

    monkeypatch.setattr(refine_verb, "load", lambda name: Draws())
    coco_set(root)
    code, said = refine("--variants", "3", "--seed", "4")
    assert code == 0 and said.count("2 of 2 images refined") == 3
    for k in range(3):
        folder = tmp_path / f"out/variant_{k}"
        assert (read_image(folder / "images/1.png") == 10 * (4 + k)).all()
        assert json.loads((folder / "manifest.json").read_text())["seed"] == 4 + k
        assert (folder / "annotations.json").read_bytes() == (
            root / "annotations.json"
        ).read_bytes()
    code, said = refine("--variants", "3", "--seed", "4", "--json")
    told = json.loads(said[said.index("{") :])
    assert code == 0 and [row["resumed"] for row in told["variants"]] == [2, 2, 2]


def test_refuses_what_may_be_labels(root, tmp_path, refine):
    for number in range(2):
        put(root / f"a/{number}.png", photo(number))
        put(root / f"b/{number}.png", colours())
    code, said = refine()
    assert code == 2 and "--images" in said and not (tmp_path / "out").exists()
    code, said = refine("--images", "a/*.png")
    assert code == 0
    same = tmp_path / "out/b/0.png"
    assert same.read_bytes() == (root / "b/0.png").read_bytes()
    assert (tmp_path / "out/a/0.png").read_bytes() != (root / "a/0.png").read_bytes()


def test_one_bad_file_among_many(root, tmp_path, refine):
    coco_set(root, 3)
    (root / "images/1.png").write_bytes(b"junk")
    code, said = refine()
    assert code == 2 and "1 of 3 images" in said and "--on-error skip" in said
    code, said = refine("--on-error", "skip")
    assert code == 3 and "1 failed" in said and "images/1.png: expected an image" in said
    put(root / "images/1.png", photo(1))
    (root / "images/2.png").unlink()
    code, said = refine("--on-error", "skip")
    assert code == 3 and "missing: 1 images" in said


def test_too_many_errors_end_it(root, refine):
    coco_set(root, 3)
    for number in range(3):
        (root / f"images/{number}.png").write_bytes(b"junk")
    code, said = refine("--on-error", "skip", "--max-errors", "1")
    assert code == 2 and "more than 1 images" in said


def test_advice_can_be_typed(root, tmp_path, refine):
    coco_set(root)
    put(tmp_path / "out/mine.txt", "mine")
    code, said = refine()
    assert code == 2 and "--overwrite" in said
    assert refine("--overwrite")[0] == 0
    code, said = refine("--strength", "0.5")
    assert code == 2 and "--overwrite" in said
    put(root / "manifest.json", "{}")
    code, said = refine("--overwrite")
    assert code == 2 and "--manifest-name" in said
    assert refine("--overwrite", "--manifest-name", "refinement.json")[0] == 0


def test_masks_of_another_size(root, tmp_path, refine):
    coco_set(root)
    for number in range(2):
        put(root / f"foreground_masks/{number}.png", ids(255)[::2, ::2])
    code, said = refine("--foreground-strength", "0")
    assert code == 2 and "--resize-masks" in said
    assert refine("--foreground-strength", "0", "--resize-masks", "--overwrite")[0] == 0
    before, after = (read_image(tree / "images/0.png") for tree in (root, tmp_path / "out"))
    np.testing.assert_array_equal(before[8:14, 12:20], after[8:14, 12:20])
    assert (before[:3] != after[:3]).any()


@pytest.mark.parametrize("change", ["boxes", "mask", "depth"])
def test_resume_knows_all_that_an_output_depends_on(root, tmp_path, refine, brighter, change):
    coco_set(root)
    for number in range(2):
        put(root / f"foreground_masks/{number}.png", ids(255))
        put(root / f"depth/{number}.png", np.full((H, W), 900, np.uint16))
    if change == "depth":
        brighter.use_depth = True
        brighter.refine_rgbd = lambda images, depth, seed=None: (brighter.refine(images), depth)
    assert refine("--gate", "keep")[0] == 0
    assert "2 resumed" in refine("--gate", "keep")[1]
    if change == "boxes":
        document = json.loads((root / "annotations.json").read_text())
        document["annotations"][0]["bbox"] = [1, 1, 5, 5]
        put_coco(root / "annotations.json", document)
    elif change == "mask":
        put(root / "foreground_masks/0.png", ids(0))
    else:
        put(root / "depth/0.png", np.full((H, W), 901, np.uint16))
    assert "1 resumed" in refine("--gate", "keep")[1]


def test_outputs_of_deleted_renders(root, tmp_path, refine):
    coco_set(root, 3)
    put(root / "notes.txt", "ours")
    refine()
    coco_set(root, 2)
    (root / "images/2.png").unlink()
    (root / "notes.txt").unlink()
    for _ in range(2):
        code, said = refine()
        assert code == 0 and "2 files whose source is gone left (--prune" in said
    assert (tmp_path / "out/images/2.png").exists()
    assert "2 files whose source is gone deleted" in refine("--prune")[1]
    assert not (tmp_path / "out/images/2.png").exists()
    assert "source is gone" not in refine()[1]


@pytest.mark.parametrize("says", ["stored", "upright"])
def test_output_lies_as_its_annotations_say(root, tmp_path, refine, says):
    exif = Image.Exif()
    exif[0x0112] = 6
    (root / "images").mkdir(parents=True)
    Image.fromarray(photo()).save(root / "images/a.png", exif=exif)
    size = (W, H) if says == "stored" else (H, W)
    put_coco(root / "annotations.json", coco(["a.png"], width=size[0], height=size[1]))
    assert refine()[0] == 0
    with Image.open(tmp_path / "out/images/a.png") as image:
        assert image.size == size and image.getexif().get(0x0112, 1) == 1
        refined = np.asarray(image)
    expected = photo() if says == "stored" else np.rot90(photo(), -1)
    np.testing.assert_array_equal(refined, np.minimum(expected.astype(int) + 20, 255))


def test_odd_names_and_formats(root, tmp_path, refine):
    (root / "images").mkdir(parents=True)
    image = Image.fromarray(photo())
    names = {"a.jfif": "JPEG", "b": "PNG", "c.tga": "TGA", "caf\udce9.png": "PNG"}
    for name, kind in names.items():
        with open(root / "images" / name, "wb") as file:
            image.save(file, format=kind)
    document = coco(list(names))
    (root / "annotations.json").write_text(json.dumps(document))
    for _ in range(2):
        code, said = refine()
        assert code == 0, said
    for name, kind in names.items():
        with Image.open(tmp_path / "out/images" / name) as written:
            assert written.format == kind and written.size == (W, H)


def test_one_odd_format_does_not_stop_the_others(root, tmp_path, refine):
    coco_set(root, 1)
    Image.fromarray(photo()).save(root / "images/r.gif")
    Image.fromarray(photo()[..., 0].astype(np.float32)).save(root / "images/f.tif")
    put_coco(root / "annotations.json", coco(["0.png", "r.gif", "f.tif"]))
    code, said = refine("--on-error", "skip")
    assert code == 3 and "1 of 3 images refined, 2 failed" in said
    assert "received 'GIF'" in said or "received '.gif'" in said
    assert "8 or 16 bits" in said
