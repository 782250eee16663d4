"""Images before and after under sliders, with controls to filter, order and wipe them all."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from math import ceil, floor

import numpy as np

from refinezoo.data.drawing import at_most
from refinezoo.errors import RefinezooError
from refinezoo.report.images import enlarging, img


@dataclass(frozen=True)
class Pair:
    """Two images of the same size, the one before and the one after, and what they show.

    Attributes:
        before: uint8 [H, W, 3] RGB.
        after: the same, refined.
        caption: in words; opens with a name.
        classes: names of what is in it, to filter by.
        score: of the gate, 1 is good; to filter by, and to show the worst first.
    """

    before: np.ndarray
    after: np.ndarray
    caption: str
    classes: tuple[str, ...] = ()
    score: float | None = None


def comparison(pairs: Iterable[Pair], names: tuple[str, str], side: int) -> str:
    """A section of sliders, the worst first where there are scores.

    Args:
        pairs: may be made one by one: none is kept.
        names: of the image before and the one after.
        side: longest side of the embedded images, pixels.

    Raises:
        RefinezooError: the two images of a pair differ in size.
    """
    classes, scored = set[str](), list[tuple[float, str]]()
    for pair in pairs:
        classes.update(pair.classes)
        scored.append(
            (float("inf") if pair.score is None else pair.score, _figure(pair, names, side))
        )
    scored.sort(key=lambda row: row[0])
    grid = f'<div class="grid">{"".join(figure for _, figure in scored)}</div>'
    return f"<section>{_controls(classes, [score for score, _ in scored])}{grid}</section>"


def _figure(pair: Pair, names: tuple[str, str], side: int) -> str:
    if pair.before.shape != pair.after.shape:
        raise RefinezooError(
            f"expected two images of one size, received {pair.before.shape} and "
            f"{pair.after.shape} for {pair.caption!r}."
        )
    caption, (first, second) = escape(pair.caption), (escape(name) for name in names)
    shown, score = caption, ""
    if pair.score is not None:
        shown, score = f"{caption} ({pair.score:.2f})", f"{pair.score:.4f}"
    return (
        f'<figure class="compare" data-classes="{escape(json.dumps(pair.classes))}" '
        f'data-score="{score}"><div class="frame">'
        + img(at_most(pair.before, side), f"{names[0]}: {pair.caption}")
        + img(at_most(pair.after, side), f"{names[1]}: {pair.caption}", after=True)
        + f'<span class="bar"></span><span class="tag left">{first}</span>'
        f'<span class="tag right">{second}</span>'
        f'<input type="range" value="50" autocomplete="off" '
        f'aria-label="{first} to the left, {second} to the right: {caption}">'
        f"</div><figcaption>{enlarging(pair.caption)}{shown}</figcaption></figure>"
    )


def _controls(classes: Iterable[str], scores: Sequence[float]) -> str:
    """What the images can be filtered and ordered by; nothing for a single one."""
    if len(scores) < 2:
        return ""
    known = [score for score in scores if score != float("inf")]
    parts = []
    if classes:
        options = "".join(f"<option>{escape(name)}</option>" for name in sorted(classes))
        parts.append(
            f'<label>class <select name="wanted"><option value="">all</option>{options}</select>'
            "</label>"
        )
    if known:
        low, high = floor(min(0.0, *known)), ceil(max(1.0, *known))
        parts.append(
            f'<label>score at most <input type="range" name="most" min="{low}" max="{high}" '
            f'step="0.01" value="{high}"></label><output name="limit" aria-live="off">any</output>'
            '<label>order <select name="order"><option value="worst">worst first</option>'
            '<option value="best">best first</option><option value="name">by name</option></select>'
            "</label>"
        )
    parts.append('<label>search <input type="search" name="words"></label>')
    parts.append('<label>all sliders <input type="range" name="split" value="50"></label>')
    count = f'<output name="count">{len(scores)} of {len(scores)}</output>'
    return f'<form class="controls" aria-label="Images to show">{"".join(parts)}{count}</form>'
