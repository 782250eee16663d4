"""Images with depth maps of their names in a folder beside them."""

from refinezoo.data.formats.base import dataset_format
from refinezoo.data.formats.masks import Masks


@dataset_format
class Depth(Masks):
    """`images/NAME.*` with `depth/NAME.png` (16-bit, millimetres), `.npy`, `.exr` or `.tiff`."""

    name = "depth"
    title = "images with depth"
    example = "images/0001.png, depth/0001.png"
    order = 85
    kinds = ("depth",)
