"""Plots of a study as PNG files: mean and spread per arm, the seeds as dots."""

from __future__ import annotations

import os
import statistics
from pathlib import Path
from typing import Any

from refinezoo.files import atomic_path


def write_plots(results: dict[str, Any], folder: str | os.PathLike) -> list[Path]:
    """Writes one PNG per metric of results.json's rows and returns their paths."""
    from matplotlib.figure import Figure

    written = []
    for metric in dict.fromkeys(row["metric"] for row in results["rows"]):
        rows = [row for row in results["rows"] if row["metric"] == metric]
        figure = Figure(figsize=(7.2, 0.48 * len(rows) + 1.3), dpi=150, layout="constrained")
        axes = figure.subplots()
        for height, row in enumerate(rows):
            values = row["values"]
            mean = statistics.fmean(values)
            axes.barh(height, mean, height=0.55, color="#0b6e8f", alpha=0.22)
            axes.plot([min(values), max(values)], [height, height], color="#0b6e8f", linewidth=1.5)
            axes.plot(values, [height] * len(values), "o", color="#0b6e8f", markersize=5)
            axes.annotate(
                f"{mean:.3f}",
                (max(values), height),
                (8, 0),
                textcoords="offset points",
                va="center",
                fontsize=9,
            )
        axes.set_yticks(range(len(rows)), [row["arm"] for row in rows])
        axes.invert_yaxis()
        axes.set_xlim(0, max([value for row in rows for value in row["values"]] + [0.05]) * 1.15)
        axes.set_xlabel(f"{metric} on real test photos (bar: mean, dots: seeds)")
        axes.spines[["top", "right", "left"]].set_visible(False)
        axes.tick_params(axis="y", length=0)
        path = Path(folder) / f"{metric}.png"
        with atomic_path(path) as temporary:
            figure.savefig(temporary)
        written.append(path)
    return written
