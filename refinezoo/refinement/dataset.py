"""Refines a labelled dataset: same tree, same sizes, annotations byte for byte the same."""

import logging
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Literal

from refinezoo.data.formats import Layout
from refinezoo.errors import RefinezooError
from refinezoo.files import locked_folder
from refinezoo.refinement.carry import carry_over, check_space, some
from refinezoo.refinement.checks import (
    check_source,
    checked_strength,
    run_settings,
    says_what_it_is,
)
from refinezoo.refinement.engines import refine_here, refine_on_ray
from refinezoo.refinement.fingerprint import model_settings
from refinezoo.refinement.finish import PAGE, finish
from refinezoo.refinement.gate import Gate
from refinezoo.refinement.layout import find_renders
from refinezoo.refinement.manifest import Manifest
from refinezoo.refinement.over import checked_over
from refinezoo.refinement.run import Run, Strength
from refinezoo.refinement.shard import Shard
from refinezoo.refinement.summary import Summary, tally

_log = logging.getLogger(__name__)


def refine_dataset(
    source: str | os.PathLike | Layout,
    out: str | os.PathLike,
    refiner: Any,
    *,
    strength: Strength = 1.0,
    gate: Gate | None = None,
    batch_size: int = 8,
    seed: int = 0,
    workers: int | None = None,
    progress: bool = True,
    on_error: Literal["raise", "skip"] = "raise",
    overwrite: bool = False,
    manifest_name: str = "manifest.json",
    images: str | Sequence[str] | None = None,
    resize_masks: bool = False,
    prune: bool = False,
    max_errors: int | None = None,
    sequence: bool = False,
    over: str | os.PathLike | None = None,
    report: bool = False,
    engine: Literal["local", "ray"] = "local",
    gpus_per_worker: float = 0.0,
    shard: Shard | None = None,
) -> Summary:
    """Refines the renders of a dataset (COCO, VOC, YOLO, masks, depth); carries the rest over.

    The new tree has the files of the old one under the same names. Renders keep name, size and file
    format (JPEG is written at quality 95); every other file is copied byte for byte, so that all
    annotations stay true to the letter. Alpha is carried unchanged; grey becomes RGB and 16 bits
    become 8, both counted in the manifest. A killed run resumes when it is started again.

    Args:
        source: the dataset, or what `find_renders` made of it.
        out: a new folder, or that of an interrupted run with the same settings.
        refiner: a model of refinezoo, or anything with `refine(images, strength=, seed=)` on uint8
            `[B, H, W, 3]` whose draws depend on the image and the seed alone. One with `use_depth`
            sees the renders' `depth/` too, which is carried over as it is; one with `use_mask`
            takes `foreground_mask=`, float32 `[B, H, W, 1]`, from their `foreground_masks/`.
        strength: 0 keeps the render, 1 takes the refined image; or `(foreground, background)`, for
            which each render needs a mask in `foreground_masks/`.
        gate: checks that the labels are still true; see `Gate`. None checks nothing.
        batch_size: images of equal size refined at once.
        seed: of refiners that draw.
        workers: threads that read, the number of processors, at most 4, by default; with Ray the
            processes that refine, by default one a processor of this machine.
        progress: show a progress bar.
        on_error: `"raise"` finishes all other images, then raises; `"skip"` only lists what failed.
        overwrite: refine again where `out` holds a run with other settings.
        manifest_name: for datasets that have a `manifest.json` of their own; one that ends in
            `.jsonl` is written as JSON lines, the run first, then an image a line.
        images: patterns that decide which files are renders; see `find_renders`.
        resize_masks: bring masks of another size to their render's (nearest).
        prune: delete outputs of earlier runs whose source is gone; else they are only reported.
        max_errors: stop when more images than this could not be refined.
        sequence: renders of one folder whose names differ in their numbers only are frames of a
            clip, in that order: refiners that take statistics of an image take those of the clip,
            and the flicker of each frame is measured (`refinement.sequence`).
        over: an earlier refinement of the same dataset, which is painted over in place of the
            renders: where the strength is 0 its pixels stay. With `strength=(0, 1)` objects keep,
            say, the moved colours of `colour_transport` while all around them is refined.
        engine: `"local"` refines in this process, `"ray"` by `workers` of the cluster that
            RAY_ADDRESS names, or of one started here; needs `pip install 'refinezoo[ray]'`.
        gpus_per_worker: with Ray, GPUs or the share of one that each worker has to itself.
        shard: refine only this part of the files, beside other runs with other parts of them into
            the same `out`. When all have ended, the same call without `shard` looks everything
            over, refines what is not there, and writes the manifest.
        report: write `report.html`, a page of the renders beside what became of them: the worst
            judged 1,000, or 100 without a gate. Left out where the dataset has one of its own.

    Returns:
        What was done; also in the manifest, with a row per image. With a gate the worst images are
        shown, before and after, in `gate_worst.png`.

    Raises:
        RefinezooError: bad arguments, nothing to refine, `out` holds other files, or images that
            could not be read (after all others were written).
    """
    strength = checked_strength(strength)
    if on_error not in ("raise", "skip"):
        raise RefinezooError(f"expected on_error 'raise' or 'skip', received {on_error!r}.")
    if engine not in ("local", "ray"):
        raise RefinezooError(f"expected engine 'local' or 'ray', received {engine!r}.")
    for option, number in (
        ("batch_size", batch_size),
        ("workers", 1 if workers is None else workers),
    ):
        if number < 1:
            raise RefinezooError(f"expected {option} >= 1, received {number}.")
    if not callable(getattr(refiner, "refine", None)):
        raise RefinezooError(
            f"expected a refiner with refine(images), received {type(refiner).__name__}. "
            "refinezoo.list_models(kind='refiner') names some."
        )
    out, part = Path(out), shard.name if shard else ""
    layout = source if isinstance(source, Layout) else find_renders(source, images=images)
    check_source(layout, out, manifest_name, gate, refiner, on_error)
    under, renders_under = checked_over(over, out, strength)
    names = shard.take(layout.renders) if shard else layout.renders
    check_space(
        layout.root, out, [*names, *(shard.take(layout.carried) if shard else layout.carried)]
    )
    busy = f"another run is refining into {str(out)!r}. Wait for it, or name another folder."
    with locked_folder(out, busy, part=part):
        started = time.monotonic()
        model = model_settings(refiner)
        settings = run_settings(
            model, strength, seed, gate, resize_masks, sequence, over=under is not None
        )
        manifest = Manifest(
            out,
            manifest_name,
            settings,
            overwrite=overwrite,
            part=part,
            names=names if part else None,
        )
        common = {"model": model["name"], "weights_sha256": model["weights_sha256"], "seed": seed}
        run = Run(
            layout,
            refiner,
            strength,
            seed,
            gate,
            out,
            manifest.rows,
            common,
            resize_masks,
            sequence,
            under,
            renders_under,
        )
        processors = os.cpu_count() or 1
        threads = min(4, processors) if workers is None else workers
        if engine == "ray":
            batches = refine_on_ray(
                run,
                names,
                batch_size=batch_size,
                workers=workers or processors,
                gpus_per_worker=gpus_per_worker,
            )
        else:
            batches = refine_here(run, names, batch_size=batch_size, threads=threads)
        manifest.announce(shard.take(layout.carried) if shard else layout.carried)
        carried = carry_over(layout, out, shard)
        resumed = len(names)
        with _progress(progress, len(names)) as advance, closing(batches):
            failures: list[str] = []
            for rows in batches:
                manifest.add(rows)
                failures += [row["error"] for row in rows if row["action"] == "failed"]
                if max_errors is not None and len(failures) > max_errors:
                    raise RefinezooError(
                        f"more than {max_errors} images could not be refined: {some(failures)}. "
                        "Repair them and run it again (finished images are kept), or allow more."
                    )
                advance(len(rows))
                resumed -= len(rows)
            advance(resumed)
        if resumed and not says_what_it_is(refiner):
            _log.warning(
                "%d finished images are kept, but %s has neither weights nor get_config() to tell "
                "whether it changed; --overwrite refines them again (overwrite=True in Python)",
                resumed,
                run.common["model"],
            )
        orphans, page = [], None
        if not part:
            page = out / PAGE if report and PAGE not in layout.carried else None
            orphans = manifest.orphans([*layout.renders, *layout.carried], prune=prune)
            finish(run, manifest, carried, [] if prune else orphans, page, threads)
        summary = Summary(
            out=out,
            layout=layout.kind,
            part=part,
            resumed=resumed,
            carried=len(carried),
            orphans=orphans,
            pruned=prune,
            seconds=time.monotonic() - started,
            manifest=manifest.journal if part else manifest.path,
            page=page,
            **vars(tally(manifest.rows[name] for name in names)),
        )
    if summary.failed and on_error == "raise":
        raise RefinezooError(
            f"{len(summary.failed)} of {summary.images} images could not be refined: "
            f"{some(summary.failed.values())}. The others are in {str(out)!r}; repair or remove "
            "these and run it again (finished images are kept), or leave them out: --on-error skip "
            "(on_error='skip' in Python)."
        )
    return summary


@contextmanager
def _progress(show: bool, total: int) -> Iterator[Callable[[int], None]]:
    if not show:
        yield lambda count: None
        return
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    columns = (TextColumn("refining"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, transient=True) as bar:
        task = bar.add_task("refining", total=total)
        yield lambda count: bar.advance(task, count)
