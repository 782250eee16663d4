"""A dot plot as inline SVG: one line per arm, its mean as a bar, its seeds as dots."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from html import escape

LEFT, WIDTH, LINE, RIGHT = 190, 720, 34, 70


def dot_plot(metric: str, arms: Sequence[tuple[str, Sequence[float]]]) -> str:
    """Draws the values of one metric per arm; colours come from the page's style.

    Args:
        metric: the name under the axis.
        arms: name and the values of its seeds, each at least 0.
    """
    top = max([value for _, values in arms for value in values] + [0.0])
    step = next(
        s for s in (0.01, 0.02, 0.05, 0.1, 0.2, 0.25, 0.5, 1, 2, 5, 10, 100, 1e9) if top / s <= 6
    )
    limit = step * max(1, -(-top // step))
    height = len(arms) * LINE + 52

    def x_of(value: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * value / limit

    words = "; ".join(f"{name} {statistics.fmean(values):.3f}" for name, values in arms if values)
    parts = [
        f'<div class="chart"><svg viewBox="0 0 {WIDTH} {height}" role="img" '
        f'aria-label="{escape(metric)} per arm, means: {escape(words)}">'
    ]
    bottom = len(arms) * LINE + 8
    for number in range(round(limit / step) + 1):
        x = x_of(number * step)
        parts.append(
            f'<line class="rule" x1="{x:.1f}" y1="6" x2="{x:.1f}" y2="{bottom}"/>'
            f'<text class="soft" x="{x:.1f}" y="{bottom + 17}" text-anchor="middle">'
            f"{number * step:g}</text>"
        )
    parts.append(
        f'<text class="soft" x="{x_of(limit / 2):.1f}" y="{bottom + 37}" '
        f'text-anchor="middle">{escape(metric)}</text>'
    )
    for row, (name, values) in enumerate(arms):
        y = row * LINE + 8 + LINE / 2
        parts.append(
            f'<text x="{LEFT - 12}" y="{y + 4.5:.1f}" text-anchor="end">{escape(name)}</text>'
        )
        if not values:
            parts.append(f'<text class="soft" x="{LEFT + 8}" y="{y + 4:.1f}">not measured</text>')
            continue
        mean = statistics.fmean(values)
        parts.append(
            f'<rect class="mean" x="{LEFT}" y="{y - 9:.1f}" '
            f'width="{max(1.0, x_of(mean) - LEFT):.1f}" height="18" rx="2"/>'
        )
        parts.append(
            f'<line class="spread" x1="{x_of(min(values)):.1f}" y1="{y:.1f}" '
            f'x2="{x_of(max(values)):.1f}" y2="{y:.1f}"/>'
        )
        parts += [
            f'<circle class="seed" cx="{x_of(value):.1f}" cy="{y:.1f}" r="4.5"/>'
            for value in values
        ]
        parts.append(
            f'<text class="soft" x="{x_of(max(max(values), mean)) + 11:.1f}" '
            f'y="{y + 4:.1f}">{mean:.3f}</text>'
        )
    return "".join([*parts, "</svg></div>"])
