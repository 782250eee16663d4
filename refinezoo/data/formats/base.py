"""What a dataset format is, and the registry that all verbs recognise datasets by."""

import itertools
import logging
import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path, PurePath
from typing import Any, ClassVar, TypeVar

from refinezoo.data.coco_file import read_coco
from refinezoo.data.decode import IMAGE_SUFFIXES
from refinezoo.data.depth_files import DEPTH_SUFFIXES
from refinezoo.data.formats.layout import Layout
from refinezoo.data.tree import RENDER_FOLDERS, Tree, read_tree
from refinezoo.errors import RefinezooError
from refinezoo.renames import old_name_used

_log = logging.getLogger(__name__)
Name = TypeVar("Name", str, Path)

# How the file of an image may be called in a folder of labels.
_FORMS = ("{}", "{}_mask", "{}_seg", "{}_label", "{}_depth", "mask_{}", "depth_{}")
FORMATS: dict[str, "DatasetFormat"] = {}

# Text files that are no annotations of one image.
LISTS = frozenset("classes.txt obj.names notes.txt readme.txt train.txt val.txt test.txt".split())

# Folders beside the images' and what a file of the image's name in them is.
_MASK_SUFFIXES = (*IMAGE_SUFFIXES, ".gif")
SIBLINGS = {
    "foreground_mask": (("foreground_masks", "foreground_mask"), _MASK_SUFFIXES),
    "class_ids": (("masks", "mask", "segmentationclass"), _MASK_SUFFIXES),
    "depth": (("depth", "depths"), DEPTH_SUFFIXES),
}


class DatasetFormat(ABC):
    """One way to lay out a dataset. Registered by `@dataset_format`, found by `recognise`.

    Attributes:
        name: one word, e.g. "coco".
        title: for the table of layouts.
        example: paths of one image and its labels, for the table.
        order: formats are asked in this order; the surest signs come first.
        annotated: has boxes of classes.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    example: ClassVar[str]
    order: ClassVar[int] = 50
    annotated: ClassVar[bool] = False

    @abstractmethod
    def claims(self, tree: Tree) -> bool:
        """Whether the tree is laid out this way."""

    @abstractmethod
    def read(self, tree: Tree) -> Layout:
        """The tree's images and labels; `recognise` fills in what is carried."""

    def boxes(self, layout: Layout, name: str, width: int, height: int) -> list[list[float]]:
        """The labelled boxes of an image, [x1, y1, x2, y2] in pixels."""
        return []

    def document(self, layout: Layout) -> dict[str, Any] | None:
        """The labelled boxes of all images as COCO has them; None where there are none."""
        return None

    def problems(self, layout: Layout) -> list[str]:
        """What of the annotations has no meaning, in words."""
        try:
            document = self.document(layout)
            return read_coco(document).problems if document else []
        except RefinezooError as error:
            return [str(error)]


def dataset_format(cls: type[DatasetFormat]) -> type[DatasetFormat]:
    """Registers a dataset format under its `name`."""
    FORMATS[cls.name] = cls()
    return cls


class Paired(DatasetFormat):
    """A format whose paths alone say which label belongs to which image.

    Attributes:
        image: pattern of an image's path, with named groups.
        labels: per kind of label the paths that it may have, with those groups in braces.
        depth_unit_m: metres per step of an integer depth file.
        only_labelled: a path is an image's only if there is a label for it.
    """

    image: ClassVar[str]
    labels: ClassVar[dict[str, tuple[str, ...]]]
    depth_unit_m: ClassVar[float] = 0.001
    only_labelled: ClassVar[bool] = False
    order = 20

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if "picture" in cls.__dict__:
            old_name_used(f"{cls.__name__}.picture", "image")
            cls.image = cls.__dict__["picture"]

    def claims(self, tree: Tree) -> bool:
        """Whether an image with one of its labels is there."""
        return any(any(self._labels(tree, match)) for match in self._matches(tree))

    def read(self, tree: Tree) -> Layout:
        """The images that match, with their labels, and those of folders beside them."""
        layout = Layout(tree, self, depth_unit_m=self.depth_unit_m)
        for match in self._matches(tree):
            name, found = match.string, dict(self._labels(tree, match))
            if found or not self.only_labelled:
                layout.renders.append(name)
            for kind, file in found.items():
                layout.labels.setdefault(kind, {})[name] = file
        add_siblings(tree, layout)
        return layout

    def _matches(self, tree: Tree) -> Iterator[re.Match[str]]:
        pattern = re.compile(self.image, re.IGNORECASE)
        return filter(None, map(pattern.fullmatch, tree.images))

    def _labels(self, tree: Tree, match: re.Match[str]) -> Iterator[tuple[str, str]]:
        groups = {key: value or "" for key, value in match.groupdict().items()}
        for kind, templates in self.labels.items():
            found = (tree.find(template.format(**groups)) for template in templates)
            if file := next(filter(None, found), None):
                yield kind, file


def add_siblings(tree: Tree, layout: Layout) -> None:
    """Finds masks and depth of the images in folders beside theirs; see `SIBLINGS`."""
    for kind, (folders, suffixes) in SIBLINGS.items():
        known = layout.labels.setdefault(kind, {})
        for name in layout.renders:
            if name not in known and (file := sibling(tree, name, folders, suffixes)):
                known[name] = file
        for file, names in shared(known).items():
            layout.notes.append(belongs_to_several(file, names) + " It is not used.")
            for name in names:
                del known[name]
        there = [folder for folder in tree.folders if folder.rsplit("/", 1)[-1].lower() in folders]
        held = sum(name.startswith(tuple(f"{f}/" for f in there)) for name in tree.files)
        if there and held and not known:
            layout.notes.append(
                f"{there[0]}/ has no label of the name of an image that can be read"
            )
    layout.labels = {kind: files for kind, files in layout.labels.items() if files}


def sibling(
    tree: Tree, name: str, folders: tuple[str, ...], suffixes: tuple[str, ...]
) -> str | None:
    """The file of an image's name in a folder beside that of the images, or inside it."""
    *parents, file = name.split("/")
    renders = [i for i, part in enumerate(parents) if part.lower() in RENDER_FOLDERS]
    for folder in folders:
        if folder not in tree.folder_names:
            continue
        candidates = [[*parents, folder]]
        if parents:
            candidates.append([*parents[:-1], folder])
        if renders:
            head, tail = parents[: renders[-1]], parents[renders[-1] + 1 :]
            candidates = [[*head, folder, *tail], [*head, folder], *candidates]
        for parts, label in itertools.product(candidates, _label_stems(file)):
            found = tree.with_stem("/".join([*parts, label]), suffixes)
            if found and found != name:
                return found
    return None


def _label_stems(file: str) -> list[str]:
    """How the label of an image's file may be called; `a.jpg.png` too is one of `a.jpg`."""
    return [*(form.format(file.rsplit(".", 1)[0]) for form in _FORMS), file]


def shared(files: Mapping[Name, Any]) -> dict[Any, list[Name]]:
    """The label files that images of several folders would have, with these images."""
    owners: dict[Any, list[Name]] = {}
    for name, file in files.items():
        owners.setdefault(file, []).append(name)
    return {
        file: names
        for file, names in owners.items()
        if len({PurePath(name).parent for name in names}) > 1
    }


def belongs_to_several(file: Any, names: Sequence[Any]) -> str:
    """Why a shared label file is nobody's."""
    return (
        f"{file} would belong to {len(names)} images, {names[0]} and {names[1]}: give each a "
        "file of its own, in a folder like its image's."
    )


def beside(paths: Iterable[Path]) -> dict[str, dict[Path, Path]]:
    """Per kind of `SIBLINGS` the label file of each image that has one, wherever images lie."""
    trees: dict[Path, Tree | None] = {}
    found: dict[str, dict[Path, Path]] = {kind: {} for kind in SIBLINGS}
    for path in paths:
        renders = [p for p in path.parents if p.name.lower() in RENDER_FOLDERS][:1]
        below = [(p.parent, path.relative_to(p)) for p in renders]
        candidates = [*below, (path.parent, Path(path.name)), (path.parent.parent, Path(path.name))]
        for kind, (folders, suffixes) in SIBLINGS.items():
            for folder, (parent, name) in itertools.product(folders, candidates):
                where = parent / folder
                if where not in trees:
                    trees[where] = read_tree(where) if where.is_dir() else None
                tree = trees[where]
                for label in _label_stems(name.name) if tree else ():
                    file = tree and tree.with_stem(name.with_name(label).as_posix(), suffixes)
                    if tree and file:
                        found[kind].setdefault(path, tree.root / file)
    for files in found.values():
        for file, names in shared(files).items():
            _log.warning("%s It is not used.", belongs_to_several(file, names))
            for name in names:
                del files[name]
    return found
