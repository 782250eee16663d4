"""The page of refined renders: each beside its render, the worst judged first."""

import heapq
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor
from pathlib import Path
from typing import Any

import numpy as np

from refinezoo.data.drawing import at_most
from refinezoo.data.formats import Layout
from refinezoo.data.images import read_image_file
from refinezoo.errors import RefinezooError
from refinezoo.refinement.job import Job
from refinezoo.refinement.labels import read_foreground_mask, read_render_depth
from refinezoo.refinement.rows import Rows
from refinezoo.refinement.run import Run
from refinezoo.report import Page, Pair

# Images of a page with a gate, of one without; the longest side of each, of few, pixels.
MOST, SAMPLE, SIDE, LARGE, FEW = 1000, 100, 240, 480, 200
_AT_ONCE = 32


def write_run_page(run: Run, rows: Rows, out: Path, path: Path, pool: Executor) -> None:
    """Writes what a run made of the renders: the worst `MOST`, without a gate an even `SAMPLE`.

    Args:
        run: what refined them.
        rows: of the manifest.
        out: the refined dataset.
        path: of the page.
        pool: reads the images.
    """
    counts, made, refused, asked = Counter[str](), [], 0, least_agreement(run)
    for name in run.layout.renders:
        row = rows[name]
        counts[row["action"]] += 1
        refused += row.get("gate", {}).get("teacher", 1.0) < asked
        if row["action"] != "failed":
            made.append(name)
    step = 1 if run.gate else -(-len(made) // SAMPLE) or 1
    sample = (rows[name] for name in made[::step])
    chosen = worst(run, sample, MOST) if run.gate else list(sample)
    by, names = ranking(run), class_names(run.layout)
    side = LARGE if len(chosen) <= FEW else SIDE

    def pair(row: dict[str, Any]) -> Pair:
        name = row["file"]
        dropped = row["action"] == "dropped"
        after = again(run, row) if dropped else read_image_file(out / name).rgb
        if "gate" not in row:
            return _pair(run.image(name).rgb, after, side, name, names.get(name))
        said = "dropped; this was refused" if dropped else row["action"]
        caption = f"{name}: {said}"
        if "teacher" in row["gate"]:
            caption += f"; the teacher sees {row['gate']['teacher']:.0%} again"
        score = row["gate"][by]
        return _pair(run.image(name).rgb, after, side, caption, names.get(name), score)

    page = Page(
        f"{counts.total()} renders refined by {run.common['model']}",
        ", ".join(f"{count} {what}" for what, count in counts.items()) + ".",
    )
    if run.gate:
        least = run.gate.calibration.threshold if run.gate.calibration else run.gate.keep
        page.text(
            f"{len(chosen)} of them, the lowest {by} first. The gate takes labels for true from "
            f"{least:.2f} on."
        )
        if asked:
            page.text(
                f"The teacher refused {refused}: it asks for {asked:.0%}. Search for: refused."
            )
    else:
        page.text(f"{len(chosen)} of them, evenly drawn; no gate has judged them.")
    page.before_after(_in_turn(pool, pair, chosen), side=side)
    page.facts({"renders": run.layout.root, "refined": out, **run.common})
    page.write(path)


def write_gate_page(
    path: Path,
    pairs: Iterable[tuple[float, str, np.ndarray, np.ndarray]],
    layout: Layout,
    lead: str,
) -> None:
    """Writes what a gate was calibrated on, from the rarest to the most usual."""
    names = class_names(layout)
    page = Page("What the gate takes for good", lead)
    page.text(
        "These refinements were taken to keep their labels. Where one of the first does not, leave "
        "it out and calibrate again."
    )
    page.before_after(
        (
            _pair(before, after, SIDE, name, names.get(name), rarity)
            for rarity, name, before, after in pairs
        ),
        side=SIDE,
    )
    page.write(path)


def worst(run: Run, rows: Iterable[dict[str, Any]], most: int) -> list[dict[str, Any]]:
    """Of the rows that the gate has judged the worst `most`, the worst first."""
    by, least = ranking(run), least_agreement(run)

    def rank(row: dict[str, Any]) -> tuple[bool, float]:
        return row["gate"].get("teacher", 1.0) >= least, row["gate"][by]

    return heapq.nsmallest(most, (row for row in rows if "gate" in row), key=rank)


def least_agreement(run: Run) -> float:
    """What the gate's teacher asks for; 0 without one."""
    teacher = run.gate.teacher if run.gate else None
    return teacher.agreement if teacher else 0.0


def ranking(run: Run) -> str:
    """What the gate decides by: a key of its rows."""
    return "score" if run.gate is None or run.gate.calibration is None else "rarity"


def again(run: Run, row: dict[str, Any]) -> np.ndarray:
    """A render refined once more, before the gate: a dropped one left no refined file."""
    job = Job(row["file"], row["source_sha256"], render=run.image(row["file"]))
    height, width = job.rgb.shape[:2]
    if isinstance(run.strength, tuple) or run.needs_mask:
        job.mask = read_foreground_mask(
            run.layout, job.name, width, height, resize=run.resize_masks
        )
    if run.needs_depth:
        job.depth_m = read_render_depth(run.layout, job.name, width, height)
    return run.refine_batch([job])[0]


def class_names(layout: Layout) -> dict[str, tuple[str, ...]]:
    """Per image the names of the classes of its boxes; empty where none can be read."""
    try:
        document = layout.format.document(layout)
    except RefinezooError:  # several COCO files, or missing images: refined nonetheless
        document = None
    if not document:
        return {}
    names = {row["id"]: row["name"] for row in document["categories"]}
    seen: dict[Any, set[str]] = {}
    for row in document["annotations"]:
        seen.setdefault(row["image_id"], set()).add(names[row["category_id"]])
    return {row["file_name"]: tuple(sorted(seen.get(row["id"], ()))) for row in document["images"]}


def _in_turn(
    pool: Executor, make: Callable[[dict[str, Any]], Pair], rows: list[dict[str, Any]]
) -> Iterator[Pair]:
    """Made by the pool, a few at a time: images of a thousand renders fit no memory."""
    for start in range(0, len(rows), _AT_ONCE):
        yield from pool.map(make, rows[start : start + _AT_ONCE])


def _pair(
    before: np.ndarray,
    after: np.ndarray,
    side: int,
    caption: str,
    classes: tuple[str, ...] | None,
    score: float | None = None,
) -> Pair:
    return Pair(at_most(before, side), at_most(after, side), caption, classes or (), score)
