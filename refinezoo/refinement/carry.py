"""Copies what is not refined, byte for byte, and refuses trees where that would go wrong."""

import shutil
from collections.abc import Iterable
from pathlib import Path

from refinezoo.data.formats import Layout
from refinezoo.disk import check_room
from refinezoo.errors import RefinezooError
from refinezoo.files import atomic_paths, sha256
from refinezoo.refinement.shard import Shard


def carry_over(layout: Layout, out: Path, shard: Shard | None = None) -> list[dict[str, str]]:
    """Copies the files that are no renders, or a part of them, and makes all folders.

    Returns:
        A row `{"file", "sha256"}` per file.
    """
    rows = []
    with atomic_paths(out) as path_of:
        for name in shard.take(layout.carried) if shard else layout.carried:
            source, target = layout.root / name, out / name
            digest = sha256(source)
            if not (target.is_file() and sha256(target) == digest):
                with path_of(target) as temporary:
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


def check_space(root: Path, out: Path, names: Iterable[str]) -> None:
    """Refuses a disk that could not even take these files of the dataset as they are."""
    missing = (name for name in names if not (out / name).exists())
    check_room(out, sum((root / name).stat().st_size for name in missing), "the refined dataset")


def some(things: Iterable[str], limit: int = 5) -> str:
    """The first few, for a message."""
    things = [thing.rstrip(".") for thing in things]
    rest = len(things) - limit
    return "; ".join(things[:limit]) + (f"; and {rest} more" if rest > 0 else "")
