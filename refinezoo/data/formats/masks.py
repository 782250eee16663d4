"""Images with masks of their names in a folder beside them."""

from typing import ClassVar

from refinezoo.data.formats.base import SIBLINGS, dataset_format
from refinezoo.data.formats.folders import Folders
from refinezoo.data.tree import Tree


@dataset_format
class Masks(Folders):
    """`images/NAME.*` with `foreground_masks/NAME.png` (objects) or `masks/NAME.png` (ids)."""

    name = "masks"
    title = "images with masks"
    example = "images/0001.png, masks/0001.png"
    order = 80
    kinds: ClassVar[tuple[str, ...]] = ("foreground_mask", "class_ids")

    def claims(self, tree: Tree) -> bool:
        """Whether there is a folder of such a name beside images."""
        known = {folder for kind in self.kinds for folder in SIBLINGS[kind][0]}
        return any(
            part.lower() in known for folder in tree.folders for part in folder.split("/")
        ) and any(self.read(tree).labels.get(kind) for kind in self.kinds)
