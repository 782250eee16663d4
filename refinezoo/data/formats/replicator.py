"""Omniverse Replicator's BasicWriter: files named by annotator, in one folder or one each."""

from refinezoo.data.formats.base import Paired, dataset_format


def _places(name: str, *suffixes: str) -> tuple[str, ...]:
    folders = ("", f"{name}/")
    return tuple(f"{{top}}{f}{name}_{{n}}{s}" for f in folders for s in suffixes)


@dataset_format
class Replicator(Paired):
    """`rgb_NNNN.png` with `semantic_segmentation_NNNN.png` and the other annotators' files.

    Reference: https://docs.omniverse.nvidia.com/extensions/latest/ext_replicator/
    """

    name = "replicator"
    title = "Omniverse Replicator"
    example = "rgb_0000.png, semantic_segmentation_0000.png, distance_to_camera_0000.npy"
    image = r"(?P<top>(.*/)??)(rgb/)?rgb_(?P<n>\d+)\.(png|jpe?g)"
    labels = {
        "class_colours": _places("semantic_segmentation", ".png"),
        "instance_colours": _places("instance_segmentation", ".png"),
        "instance_id_colours": _places("instance_id_segmentation", ".png"),
        "depth": _places("distance_to_image_plane", ".npy", ".exr")
        + _places("distance_to_camera", ".npy", ".exr"),
        "normals": _places("normals", ".png"),
        "flow": _places("motion_vectors", ".png", ".npy"),
        "occlusion": _places("occlusion", ".png", ".npy"),
        "tight_boxes": _places("bounding_box_2d_tight", ".npy"),
        "loose_boxes": _places("bounding_box_2d_loose", ".npy"),
    }
