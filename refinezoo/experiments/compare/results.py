"""From the seeds' results to rows, and from rows to differences that may be stated."""

from __future__ import annotations

import statistics
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

# Two-sided 95% quantiles of Student's t for 1 to 30 degrees of freedom.
T_95 = (
    "12.706 4.303 3.182 2.776 2.571 2.447 2.365 2.306 2.262 2.228 "
    "2.201 2.179 2.160 2.145 2.131 2.120 2.110 2.101 2.093 2.086 "
    "2.080 2.074 2.069 2.064 2.060 2.056 2.052 2.048 2.045 2.042"
).split()

Scores = dict[str, dict[int, dict[str, float]]]  # arm -> seed -> metric -> value
DEFAULT_GAINS = (
    ("reinhard", "synthetic"),
    ("refined", "synthetic"),
    ("refined", "reinhard"),
    ("real+synthetic", "real"),
    ("real+refined", "real"),
    ("real+refined", "real+synthetic"),
)


@dataclass(frozen=True)
class Gain:
    """The difference of one metric between two arms, paired by seed."""

    arm: str
    against: str
    metric: str
    differences: tuple[float, ...]
    lower: bool = False  # whether less is better

    @property
    def mean(self) -> float:
        """The mean difference over the seeds."""
        return statistics.fmean(self.differences)

    @property
    def interval(self) -> tuple[float, float] | None:
        """The 95% t interval of the mean difference; None with fewer than two seeds."""
        count = len(self.differences)
        if count < 2:
            return None
        half = float(T_95[min(count - 2, len(T_95) - 1)]) * statistics.stdev(self.differences)
        half /= count**0.5
        return self.mean - half, self.mean + half

    def sentence(self) -> str:
        """The gain in words that claim no more than the seeds show."""
        count = len(self.differences)
        low, high = min(self.differences), max(self.differences)
        text = f"{self.metric}: {self.arm} against {self.against} {self.mean:+.3f}"
        if self.interval is None:
            return f"{text} (one seed: how far seeds scatter is unknown)."
        text += (
            f" (seeds {low:+.3f} to {high:+.3f}; 95% t interval of the mean "
            f"{self.interval[0]:+.3f} to {self.interval[1]:+.3f}, {count} seeds): "
        )
        more, less = ("worse", "better") if self.lower else ("better", "worse")
        if self.interval[0] > 0:
            return text + f"{more}, beyond what the choice of seed explains."
        if self.interval[1] < 0:
            return text + f"{less}, beyond what the choice of seed explains."
        if low > 0:
            return text + f"{more} with every seed, but so few seeds do not settle it."
        if high < 0:
            return text + f"{less} with every seed, but so few seeds do not settle it."
        return text + "no difference shown."


def rows(model: str, arms: list[str], metrics: list[str], scores: Scores) -> list[dict[str, Any]]:
    """The rows of results.json: one per arm and metric, the values in the order of the seeds."""
    return [
        {
            "model": model,
            "arm": arm,
            "metric": metric,
            "values": [scores[arm][seed][metric] for seed in scores[arm]],
        }
        for arm in arms
        if scores.get(arm)
        for metric in metrics
    ]


def class_means(scores: Scores) -> dict[str, dict[str, float]]:
    """Class -> arm -> mean over its seeds, of what occurs in any; the worst classes first."""
    found: dict[str, dict[str, list[float]]] = {}
    for arm, seeds in scores.items():
        for by_class in seeds.values():
            for name, value in by_class.items():
                found.setdefault(name, {}).setdefault(arm, []).append(value)
    means = {
        name: {arm: statistics.fmean(values) for arm, values in arms.items()}
        for name, arms in found.items()
    }
    return dict(sorted(means.items(), key=lambda item: statistics.fmean(item[1].values())))


def gains(
    pairs: list[tuple[str, str]] | None,
    arms: list[str],
    metrics: list[str],
    scores: Scores,
    lower: Collection[str] = (),
    students: Collection[tuple[str, str]] = (),
) -> list[Gain]:
    """The stated differences: the pairs asked for, else the usual ones among the arms there are.

    `students` are pairs of an arm and that which labelled photos for it; they are usual, too.
    """
    if pairs is None:
        pairs = [pair for pair in [*DEFAULT_GAINS, *students] if set(pair) <= set(arms)]
        pairs = pairs or [(arm, arms[0]) for arm in arms[1:]]
    found = []
    for arm, against in pairs:
        shared = [seed for seed in scores.get(arm, {}) if seed in scores.get(against, {})]
        for metric in metrics if shared else []:
            differences = tuple(
                scores[arm][seed][metric] - scores[against][seed][metric] for seed in shared
            )
            found.append(Gain(arm, against, metric, differences, metric in lower))
    return found


def markdown_table(
    model: str, arms: list[str], metrics: list[str], scores: Scores, unit: str = ""
) -> str:
    """A Markdown table: mean, spread and the single seeds per arm and metric."""
    lines = [
        "| model | arm | "
        + " | ".join(f"{metric} mean ± std (each seed)" for metric in metrics)
        + " |",
        "|---|---|" + "---|" * len(metrics),
    ]
    for arm in arms:
        cells = []
        for metric in metrics:
            values = [by_metric[metric] for by_metric in scores.get(arm, {}).values()]
            cells.append(cell(values) + unit)
        lines.append(f"| {model} | {arm} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def cell(values: list[float]) -> str:
    """Mean, sample standard deviation and the single values of one arm and metric."""
    if not values:
        return "not measured"
    singles = ", ".join(f"{value:.3f}" for value in values)
    if len(values) == 1:
        return singles
    return f"{statistics.fmean(values):.3f} ± {statistics.stdev(values):.3f} ({singles})"
