"""Whether labels may be among the images of a layout, as their pixels say."""

import itertools
import re
from pathlib import PurePosixPath

from refinezoo.data.formats.evidence import Evidence, in_label_folder
from refinezoo.data.formats.layout import Layout
from refinezoo.data.tree import RENDER_FOLDERS, Tree

_MOST_SERIES = 24  # that are looked at


def look_for_labels(
    tree: Tree, layout: Layout, names: list[str], *, named: bool, apart: bool = True
) -> None:
    """Makes a layout doubtful where pixels leave a doubt, and says why.

    Args:
        tree: of the dataset.
        layout: whose `doubtful`, `mixed`, `photos` and `notes` are set.
        names: the images.
        named: whether annotations or folder names say that they are images; they may all be
            flat then, but not some of them.
        apart: whether no two of the series may show the same scenes.
    """
    evidence = tree.__dict__.setdefault("_evidence", Evidence(tree.root))
    series = dict(list(_series(names).items())[:_MOST_SERIES])
    seen = {key: evidence.seen(members) for key, members in series.items()}
    like = [key for key, votes in seen.items() if 2 * sum(votes) > len(votes)]
    within = [
        key
        for key, votes in seen.items()
        if len(votes) >= 4 and 0.2 < sum(votes) / len(votes) < 0.8
    ]
    photos = [key for key in seen if key not in like]
    layout.photos = [key for key in photos if key not in within]
    alike = _of_one_scene(evidence, series, named=named) if apart else []
    layout.mixed = bool((like and photos) or within)
    if named and like and not layout.mixed:
        layout.notes.append("the images have few values in flat areas: are they renders?")
    elif like or within:
        layout.doubtful = (
            f"few values in flat areas, as in labels: {', '.join(sorted(like + within)[:3])}"
        )
        if layout.photos:
            layout.doubtful += f"; beside images: {', '.join(sorted(layout.photos)[:3])}"
    elif alike:
        coloured = [key for key in alike if not evidence.grey(series[key])]
        layout.mixed, layout.photos = True, coloured if len(coloured) == 1 else []
        layout.doubtful = f"the same scenes under equal names: {', '.join(alike)}"


def look_among_annotated(tree: Tree, layout: Layout) -> None:
    """As `look_for_labels`, for images that annotations name; some may lie in label folders."""
    look_for_labels(tree, layout, layout.renders, named=True, apart=False)
    odd = [name for name in layout.renders if in_label_folder(name)]
    if odd and len(odd) < len(layout.renders) and not layout.doubtful:
        layout.mixed = True
        layout.doubtful = f"annotations name images in a folder of labels: {odd[0]}"
        layout.photos = [key for key in layout.photos if not in_label_folder(key)]


def _of_one_scene(evidence: Evidence, series: dict[str, list[str]], *, named: bool) -> list[str]:
    """Two series that show the same; of named folders only such as differ in nothing else."""
    for key, other in itertools.combinations(sorted(series), 2):
        apart = named and _unnamed(key) != _unnamed(other)
        if not apart and evidence.same_scenes(series[key], series[other]):
            return [key, other]
    return []


def _unnamed(key: str) -> tuple[str, ...]:
    """A series' path with the names of folders of images taken out."""
    parts = PurePosixPath(key).parts
    return tuple("" if part.lower() in RENDER_FOLDERS else part for part in parts)


def _series(names: list[str]) -> dict[str, list[str]]:
    """Images by folder and by name with digits taken out; single names go by folder alone."""
    found: dict[str, list[str]] = {}
    for name in names:
        path = PurePosixPath(name)
        found.setdefault(f"{path.parent}/{re.sub(r'[0-9]+', '*', path.name)}", []).append(name)
    series: dict[str, list[str]] = {}
    for key, members in found.items():
        lone = len(members) == 1
        key = f"{PurePosixPath(key).parent}/*" if lone else key
        series.setdefault(key.removeprefix("./"), []).extend(members)
    return series
