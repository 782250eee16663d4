"""One self-contained HTML page: sliders, detections on photos, tables, charts, provenance."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from string import Template
from typing import Any

import numpy as np

from refinezoo.errors import RefinezooError
from refinezoo.files import atomic_path
from refinezoo.report.chart import dot_plot
from refinezoo.report.pictures import data_uri, shown_at

TEMPLATE = Path(__file__).with_name("page.html")


@dataclass(frozen=True)
class Pair:
    """Two images of the same size, the one before and the one after, and what they show."""

    before: np.ndarray
    after: np.ndarray
    caption: str


@dataclass(frozen=True)
class DetectionView:
    """What one detector found in a photo: boxes_xywh in pixels, and whether each is right."""

    detector: str
    boxes_xywh: Sequence[Sequence[float]]
    labels: Sequence[str]
    scores: Sequence[float]
    right: Sequence[bool]


@dataclass
class Page:
    """A page that is put together section by section and written as one file.

    Args:
        title: the heading.
        lead: one sentence under it.
    """

    title: str
    lead: str
    parts: list[str] = field(default_factory=list)

    def heading(self, text: str) -> None:
        """Starts a section."""
        self.parts.append(f"<h2>{escape(text)}</h2>")

    def text(self, text: str, *, note: bool = False) -> None:
        """Adds a paragraph; a note is smaller and paler."""
        self.parts.append(f"<p{' class=note' if note else ''}>{escape(text)}</p>")

    def sentences(self, texts: Sequence[str]) -> None:
        """Adds a list of sentences."""
        items = "".join(f"<li>{escape(text)}</li>" for text in texts)
        self.parts.append(f'<ul class="plain">{items}</ul>')

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """Adds a table; numbers stand right, and a float shows three digits."""
        head = "".join(
            f'<th scope="col"{_number_class(_column(rows, place))}>{escape(name)}</th>'
            for place, name in enumerate(columns)
        )
        body = "".join(
            "<tr>"
            + "".join(f"<td{_number_class([value])}>{escape(_shown(value))}</td>" for value in row)
            + "</tr>"
            for row in rows
        )
        self.parts.append(
            f'<div class="scroll"><table><thead><tr>{head}</tr></thead>'
            f"<tbody>{body}</tbody></table></div>"
        )

    def chart(self, metric: str, arms: Sequence[tuple[str, Sequence[float]]]) -> None:
        """Adds a dot plot of one metric."""
        self.parts.append(dot_plot(metric, arms))

    def before_after(
        self,
        pairs: Sequence[Pair],
        names: tuple[str, str] = ("synthetic", "refined"),
        side: int = 320,
    ) -> None:
        """Adds sliders that wipe from the image before to the image after.

        Raises:
            RefinezooError: the two images of a pair differ in size.
        """
        figures = []
        for pair in pairs:
            if pair.before.shape != pair.after.shape:
                raise RefinezooError(
                    f"expected two images of one size, received {pair.before.shape} and "
                    f"{pair.after.shape} for {pair.caption!r}."
                )
            caption, (first, second) = escape(pair.caption), (escape(name) for name in names)
            before, after = (data_uri(shown_at(image, side)) for image in (pair.before, pair.after))
            figures.append(
                f'<figure class="compare"><div class="frame">'
                f'<img src="{before}" alt="{first}: {caption}">'
                f'<img class="after" src="{after}" alt="{second}: {caption}">'
                f'<span class="bar"></span><span class="tag left">{first}</span>'
                f'<span class="tag right">{second}</span>'
                f'<input type="range" min="0" max="100" value="50" '
                f'aria-label="{first} to the left, {second} to the right: {caption}">'
                f"</div><figcaption>{caption}</figcaption></figure>"
            )
        self.parts.append(f'<div class="grid">{"".join(figures)}</div>')

    def detections(
        self,
        photo: np.ndarray,
        truth_xywh: Sequence[Sequence[float]],
        truth_label: str,
        views: Sequence[DetectionView],
        *,
        heads: bool = False,
        side: int = 320,
    ) -> None:
        """Adds one photo per detector: dashed boxes are the truth, solid ones were found.

        Args:
            photo: uint8 [H, W, 3] RGB.
            truth_xywh: [N, 4] pixels, top left corner.
            truth_label: what the photo shows, for the caption.
            views: what each detector found.
            heads: whether to write the detectors' names over the columns.
            side: longer side of the embedded photo, pixels.
        """
        source = data_uri(shown_at(photo, side))
        grid = f'<div class="grid fixed" style="--columns:{len(views)}">'
        if heads:
            names = "".join(f"<div>{escape(view.detector)}</div>" for view in views)
            self.parts.append(
                grid.replace("grid fixed", "grid fixed columnheads") + names + "</div>"
            )
        figures = [
            _detection_figure(source, photo.shape, truth_xywh, truth_label, view) for view in views
        ]
        self.parts.append(grid + "".join(figures) + "</div>")

    def facts(self, facts: Mapping[str, Any]) -> None:
        """Adds names with their values."""
        items = "".join(
            f"<dt>{escape(str(name))}</dt><dd>{escape(_shown(value))}</dd>"
            for name, value in facts.items()
        )
        self.parts.append(f"<dl>{items}</dl>")

    def details(self, summary: str, value: Any) -> None:
        """Adds a value as JSON, folded away."""
        text = json.dumps(value, indent=1, ensure_ascii=False, default=str)
        self.parts.append(
            f"<details><summary>{escape(summary)}</summary><pre>{escape(text)}</pre></details>"
        )

    def html(self) -> str:
        """The whole page."""
        template = Template(TEMPLATE.read_text(encoding="utf-8"))
        return template.substitute(
            title=escape(self.title), lead=escape(self.lead), body="\n".join(self.parts)
        )

    def write(self, path: str | os.PathLike) -> Path:
        """Writes the page, atomically."""
        with atomic_path(path) as temporary:
            temporary.write_text(self.html(), encoding="utf-8")
        return Path(path)


def _detection_figure(
    source: str,
    shape: tuple[int, ...],
    truth_xywh: Sequence[Sequence[float]],
    truth_label: str,
    view: DetectionView,
) -> str:
    boxes = []
    for box in truth_xywh:
        boxes.append(_rectangle(box, "truth-under") + _rectangle(box, "truth"))
    notes = []
    for box, label, score, right in zip(
        view.boxes_xywh, view.labels, view.scores, view.right, strict=True
    ):
        boxes.append(_rectangle(box, f"found {'right' if right else 'wrong'}"))
        notes.append(
            f'<span class="mark-{"right" if right else "wrong"}">'
            f"{'✓' if right else '✗'}</span> {escape(label)} {score:.2f}"
        )
    caption = "<br>".join(notes) or "nothing found"
    return (
        f'<figure><div class="frame"><img src="{source}" alt="photo of {escape(truth_label)}">'
        f'<svg viewBox="0 0 {shape[1]} {shape[0]}" preserveAspectRatio="none" aria-hidden="true">'
        f"{''.join(boxes)}</svg></div><figcaption>{caption}"
        f"<br>truth: {escape(truth_label)}</figcaption></figure>"
    )


def _rectangle(box: Sequence[float], style: str) -> str:
    x, y, width, height = (round(float(value), 1) for value in box)
    return f'<rect class="{style}" x="{x}" y="{y}" width="{width}" height="{height}"/>'


def _column(rows: Sequence[Sequence[Any]], place: int) -> list[Any]:
    return [row[place] for row in rows]


def _number_class(values: Sequence[Any]) -> str:
    numeric = values and all(
        isinstance(v, (int, float)) and not isinstance(v, bool) for v in values
    )
    return ' class="number"' if numeric else ""


def _shown(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.3f}"
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_shown(inner)}" for name, inner in value.items())
    if isinstance(value, (list, tuple)):
        return ", ".join(_shown(inner) for inner in value)
    return str(value)
