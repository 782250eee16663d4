"""`select`: which of a run's kept steps serves the task best, on validation photos."""

from __future__ import annotations

import os
import statistics
from pathlib import Path
from typing import Any

from refinezoo.config import read_yaml, yaml_text
from refinezoo.errors import RefinezooError
from refinezoo.experiments.compare import compare_downstream
from refinezoo.experiments.compare.schema import Study, read_study
from refinezoo.experiments.compare.tasks import task_named
from refinezoo.experiments.train.run_folder import kept_presets
from refinezoo.files import atomic_path, write_json


def select(
    run: str | os.PathLike, study_yaml: str | os.PathLike, *, jobs: int = 1, progress: bool = True
) -> dict[str, Any]:
    """Ranks the presets that a training kept (`keep_every`) by a study's first metric.

    Each preset refines the study's renders, a downstream model trains on them, and the study's
    *validation* photos (`real.val`) measure it, with every seed of the study; its test photos are
    not read. Beside them stands an arm on plain renders: a refiner that does not beat it is none.
    Neither the losses nor the features of a judge choose (arXiv 2203.06026).

    Args:
        run: folder of a finished or unfinished run of `refinezoo train`.
        study_yaml: as for `compare_downstream`; its arms and refiners are not used.
        jobs: trainings at a time.
        progress: whether to print what happens.

    Returns:
        What `run/select/selected.json` says: `selected` (the preset's path), `metric`, `lower`
        (whether less is better), and `scores`, per step (and `synthetic`) the mean over seeds and
        the `values`, best first. The study lies beside it. Run again to resume.

    Raises:
        RefinezooError: no preset was kept, the study names no validation photos, or trainings
            failed.
    """
    run = Path(run)
    presets = kept_presets(run)
    if not presets:
        raise RefinezooError(
            f"expected presets of several steps in {run / 'presets'}, found none. Train with "
            "keep_every=1000, say, then select."
        )
    study = read_study(study_yaml)
    out = run / "select"
    with atomic_path(out / "study.yaml") as path:
        path.write_text(_arms(read_yaml(study_yaml), study, presets), encoding="utf-8")
    results = compare_downstream(
        out / "study.yaml", jobs=jobs, data=study.data.root, out=out, progress=progress
    )
    task = task_named(study.model.task, study.settings)
    metric = (study.metrics or list(task.metrics))[0]
    lower = metric in task.lower
    scores = {
        row["arm"]: {"mean": statistics.fmean(row["values"]), "values": row["values"]}
        for row in results["rows"]
        if row["metric"] == metric
    }
    ranked = dict(sorted(scores.items(), key=lambda one: one[1]["mean"], reverse=not lower))
    best = next(name for name in ranked if name in presets)
    told = {
        "selected": str(presets[best]),
        "metric": f"{metric} on validation photos",
        "lower": lower,
        "scores": ranked,
    }
    write_json(out / "selected.json", told)
    return told


def _arms(content: Any, study: Study, presets: dict[str, Path]) -> str:
    """The study with an arm per preset, measured on its validation photos."""
    real = dict(content["real"])
    splits = next((real[key] for key in ("masks", "folders") if real.get(key)), real)
    if real.get("digits"):
        real["digits"] = {**real["digits"], "measured_on": "validation"}
    elif splits.get("val"):
        splits["test"] = splits.pop("val")
    else:
        raise RefinezooError(
            "expected validation photos in the study, labelled ones that choose and are not the "
            "test; received none. Split some off, and name them as real.val (or val: under "
            "real.masks or real.folders)."
        )
    made = {
        **content,
        "study": f"{study.study}_select",
        "real": real,
        "refiners": {name: {"preset": str(path.resolve())} for name, path in presets.items()},
        "arms": {"synthetic": ["synthetic"], **{name: [name] for name in presets}},
        "gains": None,
        "measure_images": 0,
    }
    for key in ("out", "pseudo_labels", "measure_pictures"):  # the last: an old name
        made.pop(key, None)
    return yaml_text({key: value for key, value in made.items() if value is not None})
