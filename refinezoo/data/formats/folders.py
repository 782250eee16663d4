"""Trees that follow no known format: folder and file names tell pictures from labels."""

import re
from pathlib import PurePosixPath

from refinezoo.data.formats.base import RENDER_FOLDERS, DatasetFormat, add_siblings, dataset_format
from refinezoo.data.formats.evidence import Evidence, in_label_folder, names_labels, words
from refinezoo.data.formats.layout import Layout
from refinezoo.data.tree import Tree

_MOST_SERIES = 24  # that are looked at
_RENDER_WORDS = RENDER_FOLDERS | {"rgba", "photo", "photos", "camera", "left", "right"}


@dataset_format
class Folders(DatasetFormat):
    """Pictures in folders, labels beside them in folders or under names that say so."""

    name = "folders"
    title = "folders of pictures"
    example = "images/0001.png, foreground_masks/0001.png, depth/0001.png"
    order = 100

    def claims(self, tree: Tree) -> bool:
        """Always: it is asked last."""
        return True

    def read(self, tree: Tree) -> Layout:
        """Pictures in folders called images/, rgb/ and the like, else all that no name calls label.

        Where neither names nor pixels tell pictures from labels, the layout is doubtful.
        """
        layout = Layout(tree, self)
        unlabelled = [name for name in tree.pictures if not in_label_folder(name)]
        named = [name for name in unlabelled if _in_render_folder(name)]
        candidates = named or unlabelled
        beside = {_series_key(name, drop=False) for name in candidates if not _says_label(name)}
        renders = [
            name
            for name in candidates
            if not _says_label(name) or _series_key(name, drop=True) not in beside
        ]
        layout.renders = self._sorted_out(tree, layout, renders, named=bool(named))
        add_siblings(tree, layout)
        return layout

    def _sorted_out(
        self, tree: Tree, layout: Layout, names: list[str], *, named: bool
    ) -> list[str]:
        """Leaves out pictures that are called labels, and says where pixels leave a doubt."""
        odd = {name for name in names if _says_label(name) or _sixteen_bit_grey(tree, name)}
        if not named and 0 < len(odd) < len(names):
            layout.notes.append(f"{len(odd)} pictures are taken for labels, as {min(odd)}")
            names = [name for name in names if name not in odd]
        evidence = tree.__dict__.setdefault("_evidence", Evidence(tree.root))
        series = dict(list(_series(names).items())[:_MOST_SERIES])
        seen = {key: evidence.seen(members) for key, members in series.items()}
        like = [key for key, votes in seen.items() if 2 * sum(votes) > len(votes)]
        photos = [key for key in seen if key not in like]
        within = [
            key
            for key, votes in seen.items()
            if len(votes) >= 4 and 0.2 < sum(votes) / len(votes) < 0.8
        ]
        alike = [] if named else _pairs_of_one_scene(evidence, series)
        layout.mixed = bool((like and photos) or within)
        if named and like and not layout.mixed:
            layout.notes.append("the pictures have few values in flat areas: are they renders?")
        elif like or within:
            layout.doubtful = (
                f"few values in flat areas, as in labels: {', '.join(sorted(like + within)[:3])}"
            )
            if photos:
                layout.doubtful += f"; beside pictures: {', '.join(sorted(photos)[:3])}"
        elif alike:
            layout.doubtful = f"the same scenes under equal names: {', '.join(alike[:4])}"
        return names


def _pairs_of_one_scene(evidence: Evidence, series: dict[str, list[str]]) -> list[str]:
    """Two folders whose pictures of equal names have their edges in common."""
    keys = sorted(series)
    for place, key in enumerate(keys):
        for other in keys[place + 1 :]:
            if PurePosixPath(key).parent == PurePosixPath(other).parent:
                continue
            if evidence.same_scenes(series[key], series[other]):
                return [key, other]
    return []


def _in_render_folder(name: str) -> bool:
    return any(part.lower() in RENDER_FOLDERS for part in PurePosixPath(name).parts[:-1])


def _says_label(name: str) -> bool:
    return names_labels(PurePosixPath(name).stem)


def _series_key(name: str, *, drop: bool) -> tuple[str, str]:
    """A picture's folder and name without digits, words of renders and, to drop, of labels.

    Equal for `0001_mask` and `0001`, `depth_0001` and `rgb_0001`, `0.camera.semantic segmentation`
    and `0.camera`; a product called face_mask has no such neighbour.
    """
    path = PurePosixPath(name)
    rest = [
        word
        for word in words(path.stem)
        if word not in _RENDER_WORDS and not (drop and names_labels(word))
    ]
    return str(path.parent), " ".join(rest)


def _series(names: list[str]) -> dict[str, list[str]]:
    """Pictures by folder and by name with digits taken out; single names go by folder alone."""
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


def _sixteen_bit_grey(tree: Tree, name: str) -> bool:
    if not name.lower().endswith(".png"):
        return False
    with open(tree.root / name, "rb") as file:
        head = file.read(26)
    return head.startswith(b"\x89PNG") and len(head) == 26 and head[24] == 16 and head[25] == 0
