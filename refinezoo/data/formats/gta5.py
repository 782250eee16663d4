"""GTA5 (Playing for Data): renders of a game with class ids as palette files."""

from refinezoo.data.formats.base import Paired, dataset_format


@dataset_format
class Gta5(Paired):
    """`images/NAME.png` with `labels/NAME.png`, also in parts (`01_images/`, `01_labels/`).

    Reference: Richter, Vineet, Roth, Koltun, Playing for Data: Ground Truth from Computer Games,
    ECCV 2016.
    """

    name = "gta5"
    title = "GTA5"
    example = "images/00001.png, labels/00001.png"
    order = 45  # after YOLO, whose labels are text
    image = r"(?P<before>(?:.*/)?(?:\d+_)?)images/(?P<name>.+)\.(?:png|jpe?g)"
    labels = {"class_ids": ("{before}labels/{name}.png",)}
