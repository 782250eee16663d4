"""`refinezoo export`: writes a model in several formats, and EXPORT.md with what each one reached.

Every row is measured on the file just written: parity with the Keras model on real photos, size,
and speed and memory in a process of its own.
"""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from refinezoo.disk import of_disk
from refinezoo.errors import RefinezooError, did_you_mean
from refinezoo.export.checks.measure import Measured, measure
from refinezoo.export.checks.parity import PARITY_FRAMES, parity
from refinezoo.export.checks.photos import fitted, real_frames
from refinezoo.export.formats.edge_graph import image_sizes
from refinezoo.export.formats.through_tensorflow import one_process
from refinezoo.export.registry import FULL, Format, chosen_formats
from refinezoo.export.runtimes.exported import open_exported
from refinezoo.files import atomic_path
from refinezoo.paths import contained, plain_name
from refinezoo.refinement.fingerprint import weights_sha256
from refinezoo.renames import renamed

THREADS = (1, 2)


@dataclass
class Row:
    """One file: what it is, what it reached; `refused` says why there is none."""

    format: Format
    precision: str
    path: Path
    refused: str = ""
    megabytes: float = 0.0
    parity: dict[str, float] = field(default_factory=dict)
    speed: dict[int, Measured] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """Format, and precision unless it is full."""
        name = self.format.name
        return name if self.precision == FULL else f"{name} {self.precision}"

    def as_json(self) -> dict[str, Any]:
        """What it says, of JSON's types."""
        speed = {f"{threads}_threads": vars(found) for threads, found in self.speed.items()}
        told = {"title": self.title, "format": self.format.name, "path": str(self.path)}
        return {**vars(self), **told, "speed": speed}


@renamed(variants="precisions")
def export_formats(
    model: Any,
    name: str,
    out: str | os.PathLike,
    formats: Iterable[str] = ("all",),
    *,
    precisions: Iterable[str] | None = None,
    image_size: Any = None,
    calibration: Sequence[np.ndarray] | None = None,
    evaluation: Any = None,
    force: bool = False,
    overwrite: bool = False,
    max_image_pixels: int | None = None,
    runs: int = 20,
) -> list[Row]:
    """Writes `OUT/NAME/1/`, `OUT/NAME/NAME.tflite`, ... and `OUT/NAME/EXPORT.md`.

    Args:
        model: a model of refinezoo.
        name: its name in the folder.
        out: folder of all models.
        formats: names of `refinezoo.export.registry.formats()`, or "all".
        precisions: of these formats only those precisions ("float32", "float16", "dynamic",
            "int8", "bf16"); None is all.
        image_size: of the edge formats; see `export.litert`.
        calibration: uint8 `[H, W, 3]` each; None takes the packaged real photos.
        evaluation: `CocoDataset`, or its folder, for a detector.
        force: write quantised files that fall below the quality gate too.
        overwrite: replace files of another model. Files of the same weights are replaced anyway,
            but version 1 of a SavedModel, which may be served already, stays.
        max_image_pixels: of a SavedModel; None is its default.
        runs: timed runs of each file; 0 measures no speed.

    Returns:
        One row a file. A precision that was refused has the reason; if nothing else was asked for,
        that is raised.

    Raises:
        RefinezooError: unknown formats or precisions, a name that is none, a place where the
            files of another model lie, or a disk that takes no more.
    """
    chosen = chosen_formats(formats)
    has = sorted({each for format_ in chosen for each in format_.precisions})
    wanted = has if precisions is None else list(precisions)
    unknown = [each for each in wanted if each not in has]
    if unknown or not wanted:
        raise RefinezooError(
            f"expected a precision of {', '.join(each.name for each in chosen)}: "
            f"{', '.join(has)}; received {', '.join(map(repr, unknown)) or 'none'}."
            + did_you_mean(" ".join(unknown), has)
        )
    folder = contained(plain_name(name, "the name of an export (--name)"), out)
    rows = [
        Row(format_, precision, format_.path(folder, name, precision))
        for format_ in chosen
        for precision in format_.precisions
        if precision in wanted
    ]
    if not overwrite:
        _check_same(rows, model)
    given = {
        "image_size": image_size,
        "calibration": calibration,
        "evaluation": evaluation,
        "force": force,
        "overwrite": overwrite,
    }
    if max_image_pixels is not None:
        given["max_image_pixels"] = max_image_pixels
    with one_process():
        for row in rows:
            if row.format.marker and not overwrite and row.path.exists():
                continue  # a version that may be served already, of the same weights
            options = row.format.options({**given, "precision": row.precision})
            try:
                row.format.write(model, row.path, **options)
            except RefinezooError as error:
                if of_disk(error):  # the others would end so too
                    raise
                row.refused = str(error)
    if all(row.refused for row in rows):
        raise RefinezooError(rows[0].refused)
    frames = real_frames(calibration)
    labelled = model.kind.labelled(model, evaluation)
    size = image_sizes(model, image_size, several=True)[0]
    for row in rows:
        if not row.refused:
            _fill(row, model, frames, labelled, size, runs)
    text = as_markdown(name, model, rows, size, len(frames), labelled)
    with atomic_path(folder / "EXPORT.md") as temporary:
        temporary.write_text(text, encoding="utf-8")
    return rows


def as_markdown(
    name: str, model: Any, rows: Sequence[Row], size: Any, frames: int, labelled: Any
) -> str:
    """The text of EXPORT.md."""
    unit = model.kind.error_unit
    measures = sorted({key for row in rows for key in row.parity} - {"max_abs_error"})
    titles = ["format", "file", "MB", f"max abs error ({unit})", *measures]
    for threads in THREADS:
        titles += [f"p50 / p95 ms, {threads} thr.", f"peak MB, {threads} thr."]
    lines = [" | ".join(titles), " | ".join("---" for _ in titles)]
    for row in rows:
        if row.refused:
            continue
        cells = [row.title, row.path.name, f"{row.megabytes:.2f}"]
        cells += [f"{row.parity[key]:.4g}" for key in ("max_abs_error", *measures)]
        for threads in THREADS:
            speed = row.speed.get(threads)
            cells += [f"{speed.p50_ms:.0f} / {speed.p95_ms:.0f}" if speed else "-"]
            cells += [f"{speed.peak_mb:.0f}" if speed else "-"]
        lines.append(" | ".join(cells))
    text = [
        f"# {name}",
        "",
        f"{type(model).__name__}, {model.kind.name}. Every file was run in its own runtime and "
        f"compared with the Keras model on {min(frames, PARITY_FRAMES)} photos of "
        f"{size[0]} x {size[1]} pixels (height x width); latency of one image; "
        "peak resident memory of a process that only loads and runs the file.",
        "",
        *(f"| {line} |" for line in lines),
    ]
    if labelled is not None:
        own = model.kind.score(model, labelled)
        text += [
            "",
            f"{model.kind.label_score} on {len(labelled)} labelled images; the Keras model: "
            f"{own:.4g}.",
        ]
    refused = [row for row in rows if row.refused]
    if refused:
        text += ["", "Not written:", ""]
        text += [f"- {row.title}: {row.refused}" for row in refused]
    return "\n".join(text) + "\n"


def _fill(row: Row, model: Any, frames: Any, labelled: Any, size: Any, runs: int) -> None:
    files = row.format.files(row.path)
    row.megabytes = sum(path.stat().st_size for path in files) / 1e6
    row.parity = parity(model, open_exported(row.path), frames, labelled, size)
    if runs:
        image = fitted(model, frames[0], size)
        row.speed = {n: measure(row.path, image, threads=n, runs=runs) for n in THREADS}


def _check_same(rows: Sequence[Row], model: Any) -> None:
    """Refuses to replace the files of another model."""
    for row in rows:
        if row.path.exists() and not _same(row.path, model):
            raise RefinezooError(
                f"{str(row.path)!r} holds another model. Export under another name (--name), or "
                "pass overwrite=True (--overwrite) to replace its files."
            )


def _same(path: Path, model: Any) -> bool:
    """Whether an exported file holds these weights."""
    try:
        return open_exported(path).weights_sha256 == weights_sha256(model)
    except RefinezooError:
        return False
