"""One self-contained HTML page: sliders, rows of images, tables, charts, provenance."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from string import Template
from typing import Any

import numpy as np

from refinezoo.data.drawing import at_most
from refinezoo.files import atomic_path
from refinezoo.report.chart import dot_plot
from refinezoo.report.comparison import Pair, comparison
from refinezoo.report.images import enlarging, img

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Panel:
    """An image among others of its row, and what it says in words."""

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
            f'<th scope="col"{_number_class(_column(rows, column))}>{escape(name)}</th>'
            for column, name in enumerate(columns)
        )
        body = "".join(
            "<tr>" + "".join(_cell(value, column) for column, value in enumerate(row)) + "</tr>"
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

        Controls above them filter by words, and by classes and scores where the pairs have some;
        those with scores stand the worst first. Pairs may be made one by one: none is kept.

        Raises:
            RefinezooError: the two images of a pair differ in size.
        """
        self.parts.append(comparison(pairs, names, side))

    def panels(
        self, rows: Sequence[Sequence[Panel]], heads: Sequence[str], side: int = 320
    ) -> None:
        """Adds rows of images, such as a photo each with what several models say of it.

        Args:
            rows: as many panels in each as there are heads.
            heads: the words over the columns.
            side: longest side of the embedded images, pixels.
        """
        names = "".join(f'<div class="head">{escape(head)}</div>' for head in heads)
        figures = "".join(_panel(panel, side) for row in rows for panel in row)
        self.parts.append(
            f'<div class="grid fixed" style="--columns:{len(heads)}">{names}{figures}</div>'
        )

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
        template, style, script = (
            (HERE / f"page.{kind}").read_text(encoding="utf-8") for kind in ("html", "css", "js")
        )
        return Template(template).substitute(
            title=escape(self.title),
            lead=escape(self.lead),
            body="\n".join(self.parts),
            style=style,
            script=script,
        )

    def write(self, path: str | os.PathLike) -> Path:
        """Writes the page, atomically; bytes of file names that are no UTF-8 are escaped."""
        with atomic_path(path) as temporary:
            temporary.write_text(self.html(), encoding="utf-8", errors="backslashreplace")
        return Path(path)


def _panel(panel: Panel, side: int) -> str:
    image = img(at_most(panel.image, side), panel.caption)
    return (
        f'<figure><div class="frame">{image}</div>'
        f"<figcaption>{enlarging(panel.caption)}{escape(panel.caption)}</figcaption></figure>"
    )


def _cell(value: Any, column: int) -> str:
    """A cell of a table; words in the first column are the name of their row."""
    if column == 0 and isinstance(value, str):
        return f'<th scope="row">{escape(value)}</th>'
    return f"<td{_number_class([value])}>{escape(_shown(value))}</td>"


def _column(rows: Sequence[Sequence[Any]], column: int) -> list[Any]:
    return [row[column] for row in rows]


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
