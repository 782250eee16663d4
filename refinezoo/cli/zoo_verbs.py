"""`list` and `info`: what is in the zoo."""

from typing import Annotated, Any

import typer

from refinezoo.cli.app import answer, verb
from refinezoo.cli.tables import fitted, width


@verb("list")
def list_(
    pattern: Annotated[str, typer.Argument(help="Shell pattern, quoted: 'cyclegan*'.")] = "*",
    kind: Annotated[str | None, typer.Option(help="refiner, detector, ...")] = None,
) -> None:
    """List the models of the zoo; with --quiet their names alone.

    Example: refinezoo list 'ssd300*' --kind detector
    """
    from refinezoo import zoo

    models = zoo.list_models(pattern, kind)
    titles = ["name", "kind", "licence", "measured", "baseline", "MB", "summary"]
    rows = [
        (row["name"], row["kind"], _terms(row["licence"]), *_measured(row["results"]))
        + (f"{row['weights_bytes'] / 1e6:.1f}", row["summary"])
        for row in models
    ]
    table = fitted(titles, rows, needed=3, more="refinezoo info NAME, or a wider terminal,")
    answer(models, table, brief="\n".join(row["name"] for row in models))


@verb()
def info(
    name: Annotated[str, typer.Argument(help="Zoo name (refinezoo list) or preset folder.")],
) -> None:
    """Show what a model is: config, training data, recipe, measured numbers, limits.

    Example: refinezoo info cyclegan_fgbg
    """
    from refinezoo import zoo
    from refinezoo.config import yaml_text

    entry = zoo.info(name)
    answer(entry, yaml_text(entry, width=min(width(), 100)).rstrip())


def _terms(licence: str) -> str:
    """A licence in a word or two; `info` has the whole of it."""
    head = licence.split(":")[0].split(". ")[0]
    return "research only" if "research" in head.lower() else head


def _measured(results: list[dict[str, Any]]) -> tuple[str, str]:
    """The first measured number of an entry, and the baseline's."""
    if not results:
        return "-", "-"
    first = results[0]
    baseline = first.get("baseline_value")
    return f"{first['metric']} {first['value']:.3f}", f"{baseline:.3f}" if baseline else "-"
