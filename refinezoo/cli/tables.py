"""Tables that fit the terminal: what does not fit whole is left out, and said so."""

import shutil
from collections.abc import Sequence
from textwrap import shorten, wrap

LEAST = 24  # columns in which a sentence is worth showing
PIPE = 200  # columns where the output is no terminal


def width() -> int:
    """Columns of the terminal."""
    return shutil.get_terminal_size((PIPE, 24)).columns


def fitted(titles: Sequence[str], rows: Sequence[Sequence[str]], needed: int, more: str) -> str:
    """A table of the columns that fit, in order of their worth.

    Args:
        titles: of the columns; the last holds sentences, which may be shortened.
        rows: a cell a title.
        needed: columns that are shown in any case.
        more: where to find the other columns, in words.
    """
    left, shown = width(), 0
    room = []
    for column, title in enumerate(titles):
        widest = max([len(title), *(len(row[column]) for row in rows)])
        last = column == len(titles) - 1
        if shown >= needed and left < (min(LEAST, widest) if last else widest):
            break
        room.append(min(widest, max(left, LEAST)) if last else widest)
        left -= room[-1] + 2
        shown += 1
    lines = [
        "  ".join(shorten(c, n, placeholder="...").ljust(n) for c, n in zip(r, room, strict=False))
        for r in (titles, *rows)
    ]
    if missing := ", ".join(titles[shown:]):
        lines += ["", *wrap(f"{more} has {missing} too.", max(width(), LEAST))]
    return "\n".join(line.rstrip() for line in lines)
