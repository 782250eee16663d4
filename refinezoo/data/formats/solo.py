"""Unity Perception's SOLO: labels carry the frame's name and what they are."""

from refinezoo.data.formats.base import Paired, dataset_format


@dataset_format
class Solo(Paired):
    """`sequence.N/stepM.CAMERA.png` with one file a labeler beside it.

    Reference: https://docs.unity3d.com/Packages/com.unity.perception@1.0/manual/Schema/SoloSchema.html
    """

    name = "solo"
    title = "Unity Perception SOLO"
    example = "sequence.0/step0.camera.png, sequence.0/step0.camera.semantic segmentation.png"
    image = r"(?P<frame>(.*/)?sequence\.\d+/step\d+\.(?P<camera>[^./]+))\.(png|jpe?g)"
    labels = {
        "class_colours": ("{frame}.semantic segmentation.png", "{frame}.SemanticSegmentation.png"),
        "instance_colours": (
            "{frame}.instance segmentation.png",
            "{frame}.InstanceSegmentation.png",
        ),
        "depth": ("{frame}.depth.exr", "{frame}.depth.png"),
        "normals": ("{frame}.normal.exr", "{frame}.normal.png"),
        "frame_data": ("{frame}.frame_data.json",),
    }
