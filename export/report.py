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

from refinezoo.errors import RefinezooError, did_you_mean
from refinezoo.export.checks.measure import Measured, measure
from refinezoo.export.checks.photos import fitted, real_frames
from refinezoo.export.formats.edge_graph import image_sizes
from refinezoo.export.registry import FORMATS
from refinezoo.export.runtimes.exported import Exported, load_exported
from refinezoo.export.runtimes.opening import is_saved_model
from refinezoo.files import atomic_path
from refinezoo.refinement.fingerprint import weights_sha256

THREADS = (1, 2)
_PARITY_FRAMES = 8


@dataclass
class Row:
    """One file: what it is, what it reached; `refused` says why there is none."""

    format: str
    variant: str
    path: Path
    refused: str = ""
    megabytes: float = 0.0
    parity: dict[str, float] = field(default_factory=dict)
    speed: dict[int, Measured] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """Format and variant."""
        return f"{self.format} {self.variant}".strip()


def export_formats(
    model: Any,
    name: str,
    out: str | os.PathLike,
    formats: Iterable[str] = tuple(FORMATS),
    *,
    variants: Iterable[str] | None = None,
    image_size: Any = None,
    calibration: Sequence[np.ndarray] | None = None,
    evaluation: Any = None,
    force: bool = False,
    runs: int = 20,
) -> list[Row]:
    """Writes `OUT/NAME/1/`, `OUT/NAME/NAME.tflite`, ... and `OUT/NAME/EXPORT.md`.

    Args:
        model: a model of refinezoo.
        name: its name in the folder.
        out: folder of all models.
        formats: names of `refinezoo.export.registry.FORMATS`.
        variants: of these only those variants ("float32", "float16", "dynamic", "int8", "bf16");
            None is all.
        image_size: of the edge formats; see `export.litert`.
        calibration: uint8 `[H, W, 3]` each; None takes the packaged real photos.
        evaluation: `CocoDataset`, or its folder, for a detector.
        force: write quantised files that fall below the quality gate too.
        runs: timed runs of each file; 0 measures no speed.

    Files are replaced, but version 1 of a SavedModel only stays: with other weights in it, it is
    refused.

    Returns:
        One row a file. A variant that was refused has the reason; if nothing else was asked for,
        that is raised.
    """
    folder = Path(out) / name
    formats = list(formats)
    has = sorted({each or "float32" for name in formats for each in FORMATS[name].variants})
    wanted = has if variants is None else list(variants)
    unknown = [each for each in wanted if each not in has]
    if unknown or not wanted:
        raise RefinezooError(
            f"expected a variant of {', '.join(formats)}: {', '.join(has)}; received "
            f"{', '.join(map(repr, unknown)) or 'none'}.{did_you_mean(' '.join(unknown), has)}"
        )
    rows = []
    for format_name in formats:
        format_ = FORMATS[format_name]
        for variant, options in format_.variants.items():
            if (variant or "float32") not in wanted:
                continue
            if format_name == "saved_model":
                path, arguments = folder / "1", {}
            else:
                stem = f"{name}_{variant}" if variant else name
                path = folder / f"{stem}{format_.suffix.split()[0]}"
                arguments = {"image_size": _first(image_size, format_name), **options}
                if options:
                    key = "calibration" if format_name == "litert" else "frames"
                    arguments |= {key: calibration, "evaluation": evaluation, "force": force}
            rows.append(Row(format_name, variant, path))
            if format_name == "saved_model" and _holds(path, model):
                continue  # a version that may be served already is never replaced
            try:
                _function(format_name)(model, path, **arguments)
            except RefinezooError as error:
                rows[-1].refused = str(error)
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


def parity(
    model: Any, exported: Exported, frames: Sequence[np.ndarray], labelled: Any, size: Any
) -> dict[str, float]:
    """Differences of an exported file's `predict` from its Keras model's on real frames.

    See `Kind.difference`; with labelled images also the file's own score, see `Kind.label_score`.
    """
    images: Any = np.stack([fitted(model, frame, size) for frame in frames[:_PARITY_FRAMES]])
    if model.kind.saved_model_only:
        images = {"images": images, "depth_m": np.ones((*images.shape[:3], 1), np.float32)}
    found = model.kind.difference(model.predict(images, verbose=0), exported.predict(images))
    if labelled is not None:
        found[model.kind.label_score] = model.kind.score(exported, labelled)
    return found


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
        f"compared with the Keras model on {min(frames, _PARITY_FRAMES)} photos of "
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
    files = [row.path]
    if row.path.is_dir():
        files = [path for path in row.path.rglob("*") if path.is_file()]
    elif row.path.suffix == ".xml":
        files.append(row.path.with_suffix(".bin"))
    row.megabytes = sum(path.stat().st_size for path in files) / 1e6
    row.parity = parity(model, load_exported(row.path), frames, labelled, size)
    if runs:
        image = fitted(model, frames[0], size)
        row.speed = {n: measure(row.path, image, threads=n, runs=runs) for n in THREADS}


def _holds(version: Path, model: Any) -> bool:
    """Whether a SavedModel of these weights lies there already."""
    return is_saved_model(version) and (
        load_exported(version).weights_sha256 == weights_sha256(model)
    )


def _first(image_size: Any, format_name: str) -> Any:
    """Only LiteRT files hold several sizes."""
    if isinstance(image_size, list) and format_name != "litert":
        return image_size[0]
    return image_size


def _function(name: str) -> Any:
    import refinezoo.export

    return getattr(refinezoo.export, name)
