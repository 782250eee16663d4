"""What a dataset's tree holds that is not read: told, so that nobody misses it without a word."""

import os
import re
from contextlib import suppress

from refinezoo.data.formats.base import LISTS
from refinezoo.data.tree import ARCHIVES, UNREAD, Tree

_ANNOTATIONS = (".xml", ".txt")
_TEXTS = (".json", ".xml", ".csv", ".txt")
_FOREIGN = re.compile(
    rb"xmin|x_min|xtl=|bounding_?box|\"(bbox|shapes|regions|coordinates|points|polygon)\"|bbox,"
    rb"|^[a-z_]\w*( -?[\d.]+){14}"  # KITTI
    rb"|^(-?[\d.]+ ){8}[a-z]"  # DOTA
    rb"|\.(jpe?g|png) \d+,\d+,\d+,\d+",  # a list of images with their boxes
    re.I | re.M,
)
_SAMPLES, _SNIFFED = 50, 1 << 14


def unread(tree: Tree, owned: set[str]) -> list[str]:
    """What may be images and is not read, in words."""
    found = []
    for suffixes, words in (
        (UNREAD, "images of formats that are not read"),
        (ARCHIVES, "archives, whose content is not seen: unpack them"),
    ):
        names = [n for n in tree.files if n.lower().endswith(suffixes) and n not in owned]
        if names:
            found.append(f"{len(names)} {words} ({', '.join(names[:3])})")
    return found


def foreign(tree: Tree, owned: set[str]) -> list[str]:
    """What looks like boxes or polygons of LabelMe, CVAT, VIA, CreateML, CSV, ..., in words."""
    names = [name for name in tree.files if name.lower().endswith(_TEXTS) and name not in owned]
    for name in names[:: max(1, len(names) // _SAMPLES)]:
        with suppress(OSError), open(tree.root / name, "rb") as file:
            if _FOREIGN.search(file.read(_SNIFFED)):
                return [f"annotations of a format that is not read: {name}, carried as it is"]
    return []


def unpaired(tree: Tree, owned: set[str]) -> list[str]:
    """Annotations, a file an image, whose image is not there, in words."""
    beside = {os.path.dirname(name) for name in owned if name.lower().endswith(_ANNOTATIONS)}
    names = [
        name
        for name in tree.files
        if name.lower().endswith(_ANNOTATIONS)
        and name not in owned
        and name.rsplit("/", 1)[-1].lower() not in LISTS
        and (os.path.dirname(name) in beside or _in_annotations(name))
    ]
    words = f"{len(names)} annotation files belong to no image ({', '.join(names[:3])})"
    return [words] if names else []


def _in_annotations(name: str) -> bool:
    return not {"labels", "annotations"}.isdisjoint(name.lower().split("/")[:-1])
