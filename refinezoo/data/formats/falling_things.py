"""Falling Things and other output of NDDS: the frame's name, the camera, the kind."""

from refinezoo.data.formats.base import Paired, dataset_format


@dataset_format
class FallingThings(Paired):
    """`NNNNNN.left.jpg` with `.seg.png`, `.depth.png` and `.json` of the same name.

    Depth is in tenths of a millimetre. Reference: https://research.nvidia.com/publication/2018-06_falling-things
    """

    name = "falling_things"
    title = "Falling Things (NDDS)"
    example = "000000.left.jpg, 000000.left.seg.png, 000000.left.depth.png"
    image = r"(?P<frame>(.*/)?\d+(\.(left|right))?)\.(jpe?g|png)"
    labels = {
        "instance_ids": ("{frame}.seg.png", "{frame}.cs.png", "{frame}.is.png"),
        "depth": ("{frame}.depth.png", "{frame}.depth.16.png"),
        "frame_data": ("{frame}.json",),
    }
    depth_unit_m = 0.0001

    def claims(self, tree) -> bool:
        """Whether a frame has a segmentation or depth of its name, not only a JSON file."""
        return any(
            kind != "frame_data"
            for match in self._matches(tree)
            for kind, _ in self._labels(tree, match)
        )
