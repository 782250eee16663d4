"""CamVid, as Cambridge publishes it and as SegNet rearranged it."""

from refinezoo.data.formats.base import Paired, dataset_format


@dataset_format
class CamVid(Paired):
    """`701_StillsRaw_full/` with `LabeledApproved_full/NAME_L.png`, or `train/`, `trainannot/`.

    Reference: http://mi.eng.cam.ac.uk/research/projects/VideoRec/CamVid/
    """

    name = "camvid"
    title = "CamVid"
    example = "701_StillsRaw_full/0001TP_006690.png, LabeledApproved_full/0001TP_006690_L.png"
    image = r"(?P<top>(.*/)?)(?P<split>[^/]+)/(?P<frame>[^/]+)\.(png|jpe?g)"
    labels = {
        "class_colours": ("{top}LabeledApproved_full/{frame}_L.png",),
        "class_ids": ("{top}{split}annot/{frame}.png",),
    }
    only_labelled = True
