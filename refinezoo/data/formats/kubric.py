"""Kubric: files named by what they are, in one folder a scene."""

from refinezoo.data.formats.base import Paired, dataset_format


@dataset_format
class Kubric(Paired):
    """`rgba_NNNNN.png` with `segmentation_NNNNN.png`, `depth_NNNNN.tiff` and more beside it.

    Reference: https://github.com/google-research/kubric
    """

    name = "kubric"
    title = "Kubric"
    example = "rgba_00000.png, segmentation_00000.png, depth_00000.tiff"
    image = r"(?P<top>(.*/)?)rgba_(?P<n>\d+)\.png"
    labels = {
        "instance_ids": ("{top}segmentation_{n}.png",),
        "depth": ("{top}depth_{n}.tiff", "{top}depth_{n}.exr"),
        "flow": ("{top}forward_flow_{n}.png",),
        "backward_flow": ("{top}backward_flow_{n}.png",),
        "normals": ("{top}normal_{n}.png",),
        "object_coordinates": ("{top}object_coordinates_{n}.png",),
    }
