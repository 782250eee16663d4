"""Cityscapes, and what is converted to it (GTA5, Synscapes, IDD)."""

from refinezoo.data.formats.base import Paired, dataset_format


@dataset_format
class Cityscapes(Paired):
    """`leftImg8bit/SPLIT/CITY/*_leftImg8bit.png` with `gtFine/` or `gtCoarse/`.

    Reference: https://github.com/mcordts/cityscapesScripts
    """

    name = "cityscapes"
    title = "Cityscapes"
    example = (
        "leftImg8bit/train/aachen/aachen_000000_000019_leftImg8bit.png, "
        "gtFine/train/aachen/aachen_000000_000019_gtFine_labelIds.png"
    )
    image = r"(?P<top>(.*/)?)leftImg8bit/(?P<place>(.*/)?)(?P<frame>[^/]+)_leftImg8bit\.(png|jpe?g)"
    labels = {
        "class_ids": (
            "{top}gtFine/{place}{frame}_gtFine_labelIds.png",
            "{top}gtCoarse/{place}{frame}_gtCoarse_labelIds.png",
            "{top}gtFine/{place}{frame}_gtFine_labelTrainIds.png",
        ),
        "train_ids": ("{top}gtFine/{place}{frame}_gtFine_labelTrainIds.png",),
        "instance_ids": ("{top}gtFine/{place}{frame}_gtFine_instanceIds.png",),
        "class_colours": ("{top}gtFine/{place}{frame}_gtFine_color.png",),
        "polygons": (
            "{top}gtFine/{place}{frame}_gtFine_polygons.json",
            "{top}gtCoarse/{place}{frame}_gtCoarse_polygons.json",
        ),
        "disparity": ("{top}disparity/{place}{frame}_disparity.png",),
    }
