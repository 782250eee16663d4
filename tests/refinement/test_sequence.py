"""Frames of clips: one mapping for all of them, and the flicker that is left."""

import json

import cv2
import numpy as np
import pytest

from refinezoo import refiners
from refinezoo.refinement import refine_dataset
from refinezoo.refinement.layout import find_renders
from refinezoo.refinement.sequence import Clips, flicker

H, W = 96, 128


def _film(count, step=3, seed=0):
    """A camera that moves along a textured wall, whose colour changes on the way."""
    draw = np.random.default_rng(seed)
    wall = cv2.resize(draw.uniform(30, 200, (12, 60, 3)), (W + step * count, H))
    wall += draw.uniform(-20, 20, (H, W + step * count, 1))
    wall = cv2.GaussianBlur(wall, (0, 0), 1.0) + np.linspace(0, 40, W + step * count)[None, :, None]
    return [np.clip(wall[:, step * k :][:, :W], 0, 255).astype(np.uint8) for k in range(count)]


@pytest.fixture(scope="module")
def photos():
    draw = np.random.default_rng(1)
    low = draw.integers(0, 160, (6, 1, 1, 3))
    return [*(low + draw.integers(0, 90, (6, 24, 24, 3))).astype(np.uint8)]


@pytest.fixture
def clip(tmp_path, write):
    for number, frame in enumerate(_film(12)):
        write(tmp_path / f"clip/images/{number}.png", frame)
    return tmp_path / "clip"


def test_flicker_is_what_motion_does_not_explain():
    first, second = _film(2)
    brighter = np.clip(second.astype(int) + 12, 0, 255).astype(np.uint8)
    same, changed, moved = flicker(
        first, second, [(first, second), (first, brighter), (first, first)]
    )
    assert same < 2 and 9 < changed - same < 13 and moved > 2 * same
    assert flicker(first, second[:48], []) is None


@pytest.mark.parametrize("name", ["Reinhard", "PopulationTransport", "CameraModel", "FDA"])
def test_a_clip_of_one_frame_is_an_image(photos, name):
    refiner = getattr(refiners, name)().adapt(photos, renders=photos)
    frame = _film(1)[0][None]
    found, wanted = refiner.refine_frames(frame, frame, seed=3), refiner.refine(frame, seed=3)
    np.testing.assert_allclose(found.astype(int), wanted, atol=1)


def test_one_mapping_for_all_frames(photos):
    refiner = refiners.Reinhard(photos=6).adapt(photos)
    frames = np.stack(_film(4))
    joined = refiner.refine_frames(frames, frames)
    for k, frame in enumerate(frames):
        alone = refiner.refine_frames(frame[None], frames)
        np.testing.assert_allclose(alone[0].astype(int), joined[k], atol=1)
    same = (frames[0, :, 3:] == frames[1, :, :-3]).all(axis=-1)
    first, second = joined[0, :, 3:][same].astype(int), joined[1, :, :-3][same]
    np.testing.assert_allclose(first, second, atol=1)


def test_statistics_of_the_clip_take_the_flicker_away(clip, tmp_path, photos):
    refiner = refiners.Reinhard(photos=6).adapt(photos)
    options = {"progress": False, "batch_size": 5}
    shared = refine_dataset(clip, tmp_path / "shared", refiner, sequence=True, **options)
    assert shared.flicker < 2 * shared.render_flicker + 1
    assert "flicker" in str(shared)
    refine_dataset(clip, tmp_path / "each", refiner, **options)
    renders = Clips(find_renders(clip), lambda name: _read(clip / name))
    each = [
        flicker(*map(renders.read, pair), [tuple(_read(tmp_path / "each" / n) for n in pair)])[0]
        for pair in renders.pairs()
    ]
    assert np.mean(each) > 3 * shared.flicker
    manifest = json.loads((tmp_path / "shared/manifest.json").read_text())
    assert manifest["sequence"] and manifest["flicker"]["refined"] == shared.flicker
    assert ["flicker" in row for row in manifest["images"]].count(True) == 11


def test_resume_knows_the_frames_that_stand_for_a_clip(clip, tmp_path, photos, write):
    refiner = refiners.Reinhard(photos=6).adapt(photos)
    options = {"progress": False, "sequence": True}
    out = tmp_path / "out"
    first = refine_dataset(clip, out, refiner, batch_size=3, **options)
    (out / "images/5.png").unlink()
    again = refine_dataset(clip, out, refiner, **options)
    assert (again.resumed, again.flicker) == (11, first.flicker)
    write(clip / "images/0.png", _film(1, seed=9)[0])
    assert refine_dataset(clip, out, refiner, **options).resumed == 0


def test_frames_in_the_order_of_their_numbers(clip, write):
    write(clip / "images/b/7.png", _film(1)[0])
    write(clip / "images/b/8.png", _film(1)[0][:50])
    clips = Clips(find_renders(clip), lambda name: _read(clip / name))
    names = [name for _, name in clips.pairs()]
    assert names[:11] == [f"images/{number}.png" for number in range(1, 12)]
    assert names[11:] == ["images/b/8.png"]
    assert clips.reference("images/b/*.png").shape == (1, H, W, 3)


def _read(path):
    return cv2.imread(str(path))[..., ::-1]
