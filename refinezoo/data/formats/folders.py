"""Trees that follow no known format: folder and file names tell images from labels."""

from pathlib import PurePosixPath

from refinezoo.data.formats.base import RENDER_FOLDERS, DatasetFormat, add_siblings, dataset_format
from refinezoo.data.formats.doubt import look_for_labels
from refinezoo.data.formats.evidence import (
    CLASS_WORDS,
    Evidence,
    in_label_folder,
    names_labels,
    words,
)
from refinezoo.data.formats.layout import Layout
from refinezoo.data.tree import Tree

_RENDER_WORDS = RENDER_FOLDERS | {"rgba", "photo", "photos", "camera", "left", "right"}


@dataset_format
class Folders(DatasetFormat):
    """Images in folders, labels beside them in folders or under names that say so."""

    name = "folders"
    title = "folders of images"
    example = "images/0001.png, foreground_masks/0001.png, depth/0001.png"
    order = 100

    def claims(self, tree: Tree) -> bool:
        """Always: it is asked last."""
        return True

    def read(self, tree: Tree) -> Layout:
        """Images in folders called images/, rgb/ and the like, else all that no name calls label.

        Where neither names nor pixels tell images from labels, the layout is doubtful.
        """
        layout = Layout(tree, self)
        unlabelled = [name for name in tree.images if not in_label_folder(name)]
        named = [name for name in unlabelled if _in_render_folder(name)]
        candidates = named or unlabelled
        beside = {_series_key(name, drop=False) for name in candidates if not _says_label(name)}
        renders = [
            name
            for name in candidates
            if not _says_label(name) or _series_key(name, drop=True) not in beside
        ]
        layout.renders = self._sorted_out(tree, layout, renders, named=bool(named))
        if not named:
            self._doubt_names(tree, layout)
        add_siblings(tree, layout)
        return layout

    def _sorted_out(
        self, tree: Tree, layout: Layout, names: list[str], *, named: bool
    ) -> list[str]:
        """Leaves out images that are called labels, and says where pixels leave a doubt."""
        odd = {name for name in names if _says_label(name) or _sixteen_bit_grey(tree, name)}
        if named:  # a product may be called mask; a folder full of such names holds labels
            plain = {PurePosixPath(name).parent for name in names if name not in odd}
            odd = {name for name in odd if PurePosixPath(name).parent not in plain}
        if 0 < len(odd) < len(names):
            layout.notes.append(f"{len(odd)} images are taken for labels, as {min(odd)}")
            names = [name for name in names if name not in odd]
        look_for_labels(tree, layout, names, named=named)
        return names

    def _doubt_names(self, tree: Tree, layout: Layout) -> None:
        """Of folders whose names may be of a label or of a class, pixels decide.

        What is no label, and does not show what the images show, leaves a doubt.
        """
        folders: dict[str, list[str]] = {}
        for name in tree.images:
            folder = str(PurePosixPath(name).parent)
            if in_label_folder(name) and not CLASS_WORDS.isdisjoint(words(folder)):
                folders.setdefault(folder, []).append(name)
        evidence = tree.__dict__.setdefault("_evidence", Evidence(tree.root))
        photos = [key for key, names in folders.items() if _are_photos(evidence, key, names)]
        kept: dict[str, list[str]] = {}
        for name in layout.renders:
            kept.setdefault(str(PurePosixPath(name).parent), []).append(name)
        photos = [
            key
            for key in photos
            if not any(evidence.same_scenes(some, folders[key]) for some in kept.values())
        ]
        if photos:
            layout.mixed, layout.photos = True, []
            layout.doubtful = (
                f"photos in folders whose names say label: {', '.join(sorted(photos)[:3])}"
            )
            layout.renders = layout.renders or [n for key in photos for n in folders[key]]


def _are_photos(evidence: Evidence, folder: str, names: list[str]) -> bool:
    """Whether a folder's images are no labels; X-rays called normal have no colour."""
    votes = evidence.seen(names)
    coloured = "normal" in words(folder) or not evidence.grey(names)
    return coloured and 2 * sum(votes) < len(votes)


def _in_render_folder(name: str) -> bool:
    return any(part.lower() in RENDER_FOLDERS for part in PurePosixPath(name).parts[:-1])


def _says_label(name: str) -> bool:
    return names_labels(PurePosixPath(name).stem)


def _series_key(name: str, *, drop: bool) -> tuple[str, str]:
    """An image's folder and name without digits, words of renders and, to drop, of labels.

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


def _sixteen_bit_grey(tree: Tree, name: str) -> bool:
    if not name.lower().endswith(".png"):
        return False
    with open(tree.root / name, "rb") as file:
        head = file.read(26)
    return head.startswith(b"\x89PNG") and len(head) == 26 and head[24] == 16 and head[25] == 0
