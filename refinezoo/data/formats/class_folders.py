"""Class folders: the folder's name is the image's class."""

from pathlib import PurePosixPath

from refinezoo.data.formats.base import RENDER_FOLDERS, dataset_format
from refinezoo.data.formats.evidence import names_labels
from refinezoo.data.formats.folders import Folders
from refinezoo.data.formats.layout import Layout
from refinezoo.data.tree import Tree

_SPLITS = frozenset("train training trainval val valid validation test testing dev".split())


@dataset_format
class ClassFolders(Folders):
    """`CLASS/NAME.png` or `SPLIT/CLASS/NAME.png`: nothing but images, two classes or more."""

    name = "class_folders"
    title = "class folders"
    example = "train/cat/0001.png, train/dog/0001.png"
    order = 90

    def claims(self, tree: Tree) -> bool:
        """Whether all images lie in folders of one depth, none of which says what it holds."""
        folders = {PurePosixPath(name).parent for name in tree.images}
        parts = {part for folder in folders for part in folder.parts}
        depths = {len(folder.parts) for folder in folders}
        return (
            len({folder.name for folder in folders}) >= 2
            and len(depths) == 1
            and depths <= {1, 2}
            and not {part.lower() for part in parts} <= _SPLITS
            and not any(part.lower() in RENDER_FOLDERS or names_labels(part) for part in parts)
        )

    def read(self, tree: Tree) -> Layout:
        """All images, each with its class; doubtful where some look like labels."""
        layout = super().read(tree)
        layout.details["classes"] = {
            name: PurePosixPath(name).parent.name for name in layout.renders
        }
        return layout
