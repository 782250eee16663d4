"""Trees that follow no known format: folder and file names tell pictures from labels."""

import re
from pathlib import PurePosixPath

from refinezoo.data.formats.base import RENDER_FOLDERS, DatasetFormat, add_siblings, dataset_format
from refinezoo.data.formats.evidence import (
    in_label_folder,
    names_labels,
    series_is_label_like,
    words,
)
from refinezoo.data.formats.layout import Layout
from refinezoo.data.tree import Tree

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
        """Leaves out series of pictures whose pixels are labels, or says that it is not sure."""
        if named:
            return names
        deep = [name for name in names if _sixteen_bit_grey(tree, name)]
        if deep and len(deep) < len(names):
            layout.notes.append(f"{len(deep)} pictures of 16-bit grey are taken for labels")
            names = [name for name in names if name not in set(deep)]
        if len(names) > 1 and (odd := [name for name in names if _says_label(name)]):
            if len(odd) < len(names):
                layout.notes.append(
                    f"{len(odd)} pictures are called labels and left as they are: {odd[0]}"
                )
                names = [name for name in names if name not in set(odd)]
        series = _series(names)
        like = {
            key: series_is_label_like(tree.root / name for name in members)
            for key, members in series.items()
        }
        if any(like.values()):
            layout.mixed = not all(like.values())
            shown = ", ".join(sorted(key for key, flat in like.items() if flat)[:3])
            photos = ", ".join(sorted(key for key, flat in like.items() if not flat)[:3])
            layout.doubtful = f"few values in flat areas, as in labels: {shown}" + (
                f"; beside pictures: {photos}" if photos else ""
            )
        return names


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
