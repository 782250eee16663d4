"""Copies what is not refined, byte for byte, and refuses trees where that would go wrong."""

import shutil
from collections.abc import Iterable
from pathlib import Path

from refinezoo.data.formats import Layout
from refinezoo.errors import RefinezooError
from refinezoo.files import atomic_path, check_room, sha256


def carry_over(layout: Layout, out: Path) -> list[dict[str, str]]:
    """Copies the files that are no renders, and makes all folders, empty ones too.

    Returns:
        A row `{"file", "sha256"}` per file.
    """
    rows = []
    for name in layout.carried:
        source, target = layout.root / name, out / name
        digest = sha256(source)
        if not (target.is_file() and sha256(target) == digest):
            with atomic_path(target) as temporary:
                shutil.copyfile(source, temporary)
        rows.append({"file": name, "sha256": digest})
    for folder in layout.tree.folders:
        (out / folder).mkdir(parents=True, exist_ok=True)
    return rows


def check_names(layout: Layout, own: Iterable[str]) -> None:
    """Refuses datasets with files that the run itself would write over."""
    for name in own:
        if name in layout.carried or name in layout.renders:
            raise RefinezooError(
                f"the dataset has a file {name!r} of its own, which refining would write over. "
                "Give --manifest-name refinement.json for a manifest (manifest_name= in Python), "
                "rename the file otherwise."
            )


def check_space(layout: Layout, out: Path) -> None:
    """Refuses a disk that could not even take the dataset as it is."""
    needed = 0
    for name in (*layout.renders, *layout.carried):
        if not (out / name).exists():
            needed += (layout.root / name).stat().st_size
    check_room(out, needed, "the refined dataset")


def some(things: Iterable[str], limit: int = 5) -> str:
    """The first few, for a message."""
    things = [thing.rstrip(".") for thing in things]
    rest = len(things) - limit
    return "; ".join(things[:limit]) + (f"; and {rest} more" if rest > 0 else "")
