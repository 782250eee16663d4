"""CARLA recordings: one folder a sensor."""

from refinezoo.data.formats.base import Paired, dataset_format

_SEGMENTATION = ("CameraSeg", "CameraSemSeg", "CameraSemanticSegmentation", "SemanticSegmentation")


@dataset_format
class Carla(Paired):
    """`CameraRGB/FRAME.png` with `CameraSeg/`, `CameraDepth/` and the like beside it.

    CARLA's depth is 24 bits in three colours: carried, and refused as depth in metres.
    """

    name = "carla"
    title = "CARLA"
    example = "CameraRGB/F0.png, CameraSeg/F0.png, CameraDepth/F0.png"
    image = (
        r"(?P<top>(.*/)?)(CameraRGB|CameraRgb|RGB_?Camera)(?P<n>\d*)/(?P<frame>[^/]+)\.(png|jpe?g)"
    )
    labels = {
        "class_colours": tuple(f"{{top}}{name}{{n}}/{{frame}}.png" for name in _SEGMENTATION),
        "instance_colours": ("{top}CameraInstanceSegmentation{n}/{frame}.png",),
        "depth_colours": ("{top}CameraDepth{n}/{frame}.png", "{top}Depth{n}/{frame}.png"),
    }
