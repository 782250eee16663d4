"""`list` and `info`: what is in the zoo."""

from textwrap import shorten
from typing import Annotated, Any

import typer

from refinezoo.cli.app import WIDE, JsonFlag, app, print_json, worded


@app.command("list")
def list_(
    pattern: Annotated[str, typer.Argument(help="Shell pattern, quoted: 'cyclegan*'.")] = "*",
    kind: Annotated[str | None, typer.Option(help="refiner, detector, ...")] = None,
    as_json: JsonFlag = False,
) -> None:
    """List the models of the zoo."""
    with worded():
        from refinezoo import zoo

        rows = zoo.list_models(pattern, kind)
        if as_json:
            print_json(rows)
            return
        from rich.console import Console
        from rich.table import Table

        console, table = Console(), Table(box=None)
        titles = ["name", "kind", "MB", "measured (baseline)", "licence", "summary"]
        cells = [
            (
                row["name"],
                row["kind"],
                f"{row['weights_bytes'] / 1e6:.1f}",
                _measured(row["results"]),
                shorten(row["licence"].split(":")[0], 24, placeholder="..."),
                row["summary"],
            )
            for row in rows
        ]
        shown = len(titles) - (console.width < WIDE)
        left = console.width - 1
        for place, title in enumerate(titles[:shown]):
            # Names and numbers are for copying: only the last column gives way.
            widest = max([len(title), *(len(row[place]) for row in cells)])
            room = widest if place < shown - 1 else max(8, min(widest, left - 2))
            table.add_column(
                title, no_wrap=True, overflow="ellipsis", min_width=room, max_width=room
            )
            left -= room + 2
        for row in cells:
            table.add_row(*row[:shown])
        console.print(table)


@app.command()
def info(
    name: Annotated[str, typer.Argument(help="Zoo name (refinezoo list) or preset folder.")],
    as_json: JsonFlag = False,
) -> None:
    """Show what a model is: config, training data, recipe, measured numbers, limits."""
    with worded():
        from refinezoo import zoo

        entry = zoo.info(name)
        if as_json:
            print_json(entry)
            return
        import yaml

        print(yaml.safe_dump(entry, sort_keys=False, allow_unicode=True, width=100), end="")


def _measured(results: list[dict[str, Any]]) -> str:
    """The first measured number of an entry, and the baseline's."""
    if not results:
        return "-"
    first = results[0]
    baseline = first.get("baseline_value")
    beside = "" if baseline is None else f" ({baseline:.3f})"
    return f"{first['metric']} {first['value']:.3f}{beside}"
