"""One self-contained HTML page: sliders, rows of pictures, tables, charts, provenance."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from math import ceil, floor
from pathlib import Path
from string import Template
from typing import Any

import numpy as np

from refinezoo.data.drawing import shown_at
from refinezoo.errors import RefinezooError
from refinezoo.files import atomic_path
from refinezoo.report.chart import dot_plot
from refinezoo.report.pictures import data_uri

TEMPLATE = Path(__file__).with_name("page.html")


@dataclass(frozen=True)
class Pair:
    """Two images of the same size, the one before and the one after, and what they show.

    Attributes:
        before: uint8 [H, W, 3] RGB.
        after: the same, refined.
        caption: in words.
        classes: names of what is in it, to filter by.
        score: of the gate, 1 is good; to filter by, and to show the worst first.
    """

    before: np.ndarray
    after: np.ndarray
    caption: str
    classes: tuple[str, ...] = ()
    score: float | None = None


@dataclass(frozen=True)
class Panel:
    """A picture among others of its row, and what it says in words."""

    image: np.ndarray
    caption: str


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
        pairs: Iterable[Pair],
        names: tuple[str, str] = ("synthetic", "refined"),
        side: int = 320,
    ) -> None:
        """Adds sliders that wipe from the image before to the image after.

        Where pairs have classes or scores, controls above them filter by these. Pairs may be made
        one by one: none is kept.

        Raises:
            RefinezooError: the two images of a pair differ in size.
        """
        figures, classes, scores = [], set[str](), list[float | None]()
        for pair in pairs:
            classes.update(pair.classes)
            scores.append(pair.score)
            if pair.before.shape != pair.after.shape:
                raise RefinezooError(
                    f"expected two images of one size, received {pair.before.shape} and "
                    f"{pair.after.shape} for {pair.caption!r}."
                )
            caption, (first, second) = escape(pair.caption), (escape(name) for name in names)
            before, after = (data_uri(shown_at(image, side)) for image in (pair.before, pair.after))
            lazy = 'loading="lazy" decoding="async"'
            shown = caption if pair.score is None else f"{caption} ({pair.score:.2f})"
            about = escape(json.dumps(pair.classes), quote=True)
            score = "" if pair.score is None else f"{pair.score:.4f}"
            figures.append(
                f'<figure class="compare" data-classes="{about}" data-score="{score}">'
                f'<div class="frame">'
                f'<img {lazy} src="{before}" alt="{first}: {caption}">'
                f'<img {lazy} class="after" src="{after}" alt="{second}: {caption}">'
                f'<span class="bar"></span><span class="tag left">{first}</span>'
                f'<span class="tag right">{second}</span>'
                f'<input type="range" min="0" max="100" value="50" '
                f'aria-label="{first} to the left, {second} to the right: {caption}">'
                f"</div><figcaption>{shown}</figcaption></figure>"
            )
        grid = f'<div class="grid">{"".join(figures)}</div>'
        self.parts.append(f"<section>{_controls(classes, scores)}{grid}</section>")

    def panels(self, panels: Sequence[Panel], heads: Sequence[str] = (), side: int = 320) -> None:
        """Adds pictures side by side, such as one photo with what each model says of it.

        Args:
            panels: a row of them.
            heads: the words over the columns, where this is their first row.
            side: longer side of the embedded pictures, pixels.
        """
        grid = f'<div class="grid fixed" style="--columns:{len(panels)}">'
        if heads:
            names = "".join(f"<div>{escape(head)}</div>" for head in heads)
            self.parts.append(
                grid.replace("grid fixed", "grid fixed columnheads") + names + "</div>"
            )
        figures = "".join(
            f'<figure><div class="frame"><img src="{data_uri(shown_at(panel.image, side))}" '
            f'alt="{escape(panel.caption)}"></div><figcaption>{escape(panel.caption)}</figcaption>'
            "</figure>"
            for panel in panels
        )
        self.parts.append(grid + figures + "</div>")

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
        """Writes the page, atomically; bytes of file names that are no UTF-8 are escaped."""
        with atomic_path(path) as temporary:
            temporary.write_text(self.html(), encoding="utf-8", errors="backslashreplace")
        return Path(path)


def _controls(classes: Iterable[str], scores: Sequence[float | None]) -> str:
    """Choices of a class and a score, where the pairs have some."""
    known = [score for score in scores if score is not None]
    parts = []
    if classes:
        options = "".join(f"<option>{escape(name)}</option>" for name in sorted(classes))
        parts.append(
            f'<label>class <select><option value="">all</option>{options}</select></label>'
        )
    if known:
        low, high = floor(min(0.0, *known)), ceil(max(1.0, *known))
        parts.append(
            f'<label>score at most <input type="range" name="most" min="{low}" max="{high}" '
            f'step="0.01" value="{high}"></label>'
            '<label><input type="checkbox" name="worst"> worst first</label>'
        )
    if not parts:
        return ""
    count = f'<output aria-live="polite">{len(scores)} of {len(scores)}</output>'
    return f'<form class="controls">{"".join(parts)}{count}</form>'


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
