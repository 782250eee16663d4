"""Two real workers of a Ray cluster that is started for these tests."""

import json
import logging
import os
from pathlib import Path

import pytest

from refinezoo import files
from refinezoo.errors import RefinezooError
from refinezoo.refinement import Gate, refine_dataset
from refinezoo.refinement.engines import refine_on_ray

pytestmark = pytest.mark.once
HERE = Path(__file__).parent


@pytest.fixture(scope="module", autouse=True)
def cluster():
    """Its workers import this folder's refiners."""
    ray = pytest.importorskip("ray")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(HERE))
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        patch.setenv("RAY_BACKEND_LOG_LEVEL", "fatal")
        patch.syspath_prepend(str(HERE))
        options = {"log_to_driver": False, "logging_level": logging.ERROR}
        ray.init("local", num_cpus=2, include_dashboard=False, **options)
        yield ray
        ray.shutdown()


@pytest.fixture
def deadly():
    import deadly

    return deadly


def refine(source, out, refiner, **options):
    return refine_dataset(source, out, refiner, progress=False, batch_size=1, **options)


def tree(root):
    return {
        path.relative_to(root).as_posix(): files.sha256(path)
        for path in root.rglob("*")
        if path.is_file()
    }


def mark(coco, write, read, name="scene_2.png"):
    """Puts the pixel there that `deadly.Deadly` dies of."""
    image = read(coco / "images" / name)
    image[0, 0] = 1, 2, 3
    write(coco / "images" / name, image)


def test_a_worker_is_killed_and_nothing_is_lost(coco, tmp_path, deadly, write, read):
    mark(coco, write, read)
    here = {"gate": Gate(), "sequence": True}
    options = {**here, "engine": "ray", "workers": 2}
    refine(coco, tmp_path / "whole", deadly.Deadly(tmp_path, 0), **here)
    summary = refine(coco, tmp_path / "out", deadly.Deadly(tmp_path, 1), **options)
    assert len(list(tmp_path.glob("killed_*"))) == 1
    assert (summary.images, summary.refined, summary.failed) == (5, 5, {})
    assert tree(tmp_path / "out") == tree(tmp_path / "whole")
    again = refine(coco, tmp_path / "out", deadly.Deadly(tmp_path, 1), **options)
    assert again.resumed == 5


def test_an_image_that_kills_every_worker_ends_the_run_in_words(
    coco, tmp_path, deadly, write, read
):
    mark(coco, write, read)
    killer = deadly.Deadly(tmp_path, 99)
    with pytest.raises(RefinezooError, match="workers of Ray died 4 times over the same images"):
        refine(coco, tmp_path / "out", killer, engine="ray", workers=1)
    assert len(list(tmp_path.glob("killed_*"))) == 4
    (coco / "images/scene_2.png").unlink()
    assert refine(coco, tmp_path / "out", killer, on_error="skip").refined == 4


def test_what_a_worker_cannot_do_is_worded(coco, tmp_path, deadly, write):
    write(coco / "images/scene_1.png", deadly.np.zeros((9, 9, 3), "uint8"))
    ray = {"engine": "ray", "workers": 1}
    with pytest.raises(RefinezooError, match="1 of 5 images could not be refined: .*9 x 9"):
        refine(coco, tmp_path / "out", deadly.Brighter(), **ray)
    rows = json.loads((tmp_path / "out/manifest.json").read_text())["images"]
    assert [row["action"] for row in rows].count("refined") == 4
    with pytest.raises(RefinezooError, match="expected 9 CPUs in the Ray cluster.*has 2"):
        refine(coco, tmp_path / "more", deadly.Brighter(), engine="ray", workers=9)
    with pytest.raises(RefinezooError, match="expected 2 GPUs in the Ray cluster.*has 0"):
        refine(coco, tmp_path / "more", deadly.Brighter(), gpus_per_worker=2, **ray)


def test_folders_that_a_worker_does_not_see_are_named(coco, tmp_path, deadly):
    from refinezoo.refinement.layout import find_renders
    from refinezoo.refinement.run import Run

    run = Run(find_renders(coco), deadly.Brighter(), out=tmp_path / "elsewhere")
    rows = refine_on_ray(run, run.layout.renders, batch_size=1, workers=1, gpus_per_worker=0.0)
    with pytest.raises(RefinezooError, match="elsewhere' on all machines of the cluster"):
        next(rows)


def test_a_refiner_of_the_zoo_is_sent_as_it_is(coco, tmp_path):
    import refinezoo

    refiner = refinezoo.load("simgan_fridge")
    refine(coco, tmp_path / "whole", refiner)
    refine(coco, tmp_path / "out", refiner, engine="ray", workers=1)
    assert tree(tmp_path / "out") == tree(tmp_path / "whole")
    assert os.environ["RAY_USAGE_STATS_ENABLED"] == "0"
