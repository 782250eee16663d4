"""What the demo says in the terminal."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from refinezoo.demo.page import METRICS, by_arm


class Steps:
    """Says what happens, how long each step took, and the table at the end."""

    def __init__(self, progress: bool) -> None:
        from rich.console import Console

        self.console = Console(quiet=not progress, highlight=False)
        self.seconds: dict[str, float] = {}
        self.started = time.monotonic()

    def say(self, line: str) -> None:
        """Prints a line as it is."""
        self.console.print(line, markup=False)

    @contextmanager
    def __call__(self, what: str) -> Iterator[None]:
        """Around a step: says what it does, and how long it took."""
        started = time.monotonic()
        self.console.print(f"{len(self.seconds) + 1}. {what} ...", end=" ", markup=False)
        yield
        self.seconds[what] = round(time.monotonic() - started, 1)
        self.console.print(f"{self.seconds[what]:.1f} s", markup=False)

    def total(self) -> float:
        """Seconds since the first."""
        return time.monotonic() - self.started

    def table(self, results: dict[str, Any]) -> None:
        """The detectors' scores."""
        from rich.table import Table

        table = Table(title=f"On {results['recipe']['test']['photos']} real photos")
        table.add_column("detector")
        table.add_column("trained on")
        for metric in METRICS:
            table.add_column(metric, justify="right")
        for model, arm, *values in by_arm(results["rows"]):
            table.add_row(model, arm, *(f"{value:.3f}" for value in values))
        self.console.print(table)
