"""PASCAL VOC: an XML file an image."""

import xml.etree.ElementTree as ElementTree
from pathlib import Path, PurePosixPath
from typing import Any

from refinezoo.data.boxes import FARTHEST
from refinezoo.data.formats.base import (
    DatasetFormat,
    add_siblings,
    belongs_to_several,
    dataset_format,
    shared,
    sibling,
)
from refinezoo.data.formats.doubt import look_among_annotated
from refinezoo.data.formats.evidence import in_label_folder
from refinezoo.data.formats.layout import Layout, coco_document
from refinezoo.data.tree import Tree, is_image
from refinezoo.errors import RefinezooError
from refinezoo.files import small_file

_MOST_BYTES = 4 << 20  # of an XML file: some 10,000 objects
_CORNERS = ("xmin", "ymin", "xmax", "ymax")


@dataset_format
class Voc(DatasetFormat):
    """`JPEGImages/NAME.jpg` with `Annotations/NAME.xml`, or both in one folder (Roboflow).

    An XML file belongs to the image of its own name; one that no image is called like, to the
    image that its `<filename>` says. Corners are taken as written, from 0; files that count from
    1 are half a pixel off. Difficult objects are ignored in training and measuring, as VOC's own
    evaluation does.
    """

    name = "voc"
    title = "PASCAL VOC"
    example = "JPEGImages/0001.jpg, Annotations/0001.xml"
    order = 30
    annotated = True

    def claims(self, tree: Tree) -> bool:
        """Whether images have XML files of their name."""
        return any(PurePosixPath(name).suffix.lower() == ".xml" for name in tree.files) and bool(
            self._annotated(tree)
        )

    def read(self, tree: Tree) -> Layout:
        """The annotated images, and all others of the same folders."""
        layout = Layout(tree, self)
        annotations = self._annotated(tree)
        folders = {PurePosixPath(name).parent for name in annotations}
        layout.renders = [
            name
            for name in tree.images
            if PurePosixPath(name).parent in folders and not in_label_folder(name)
        ]
        layout.labels["annotations"] = annotations
        sizes: dict[str, tuple[int, int]] = {}
        stems = {_stem(name) for name in tree.images}
        elsewhere = []
        for name, file in annotations.items():
            try:
                root = _parsed(tree.root / file)
            except RefinezooError as error:
                layout.notes.append(str(error))
                continue
            size = [_whole(root.findtext(f"size/{side}", "0")) for side in ("width", "height")]
            if all(size):
                sizes[name] = size[0], size[1]
            if (said := _stem(root.findtext("filename", ""))) != _stem(name) and said in stems:
                elsewhere.append(f"{file} of {name}: {said}")
        if elsewhere:
            layout.notes.append(
                f"{len(elsewhere)} annotations say another image in <filename> than the one they "
                f"are called like, which they are taken for ({elsewhere[0]})"
            )
        layout.details["sizes"] = sizes
        look_among_annotated(tree, layout)
        add_siblings(tree, layout)
        return layout

    def boxes(self, layout: Layout, name: str, width: int, height: int) -> list[list[float]]:
        """Those of the image's XML file."""
        file = layout.label("annotations", name)
        try:
            return [box for _, box, _ in _objects(file)] if file else []
        except RefinezooError:
            return []

    def document(self, layout: Layout) -> dict[str, Any] | None:
        """All boxes; classes are numbered by their sorted names, from 1.

        Raises:
            RefinezooError: an XML file that cannot be read, or that would be of several images.
        """
        for several in shared(layout.labels["annotations"]).items():
            raise RefinezooError(belongs_to_several(*several))
        found = {name: layout.label("annotations", name) for name in layout.renders}
        rows = {name: _objects(file) if file else [] for name, file in found.items()}
        classes = sorted({label for objects in rows.values() for label, _, _ in objects})
        if "" in classes and classes[1:]:
            file = next(found[name] for name in rows if any(not label for label, *_ in rows[name]))
            raise RefinezooError(f"{file}: expected a name in each object, received one without.")
        return coco_document(
            layout,
            {
                name: [
                    {"category": classes.index(label), "xyxy": box, **more}
                    for label, box, more in objects
                ]
                for name, objects in rows.items()
            },
            {number: name or "object" for number, name in enumerate(classes)},
        )

    def _annotated(self, tree: Tree) -> dict[str, str]:
        found = {}
        images = [name for name in tree.images if not in_label_folder(name)]
        for name in images:
            file = sibling(tree, name, ("annotations",), (".xml",)) or tree.with_stem(
                name.rsplit(".", 1)[0], (".xml",)
            )
            if file:
                found[name] = file
        lone: dict[str, list[str]] = {}
        for name in images:
            lone.setdefault(_stem(name), []).extend([name] if name not in found else [])
        taken = set(found.values())
        for file in tree.files:
            if file.lower().endswith(".xml") and file not in taken:
                names = lone.get(_said(tree.root / file), [])
                if len(names) == 1:
                    found.setdefault(names[0], file)
        return found


def _said(path: Path) -> str:
    """The stem of the image that an XML file names; nothing where it names none."""
    try:
        return _stem(_parsed(path).findtext("filename", ""))
    except RefinezooError:
        return ""


def _stem(name: str) -> str:
    """The name of an image's file, also of a path of another machine, without its suffix."""
    name = PurePosixPath(name.strip().replace("\\", "/")).name.casefold()
    return name.rsplit(".", 1)[0] if is_image(name) else name


def _objects(path: Path) -> list[tuple[str, list[float], dict[str, Any]]]:
    """Name, corners and flags of each object of an XML file."""
    found = []
    for place, item in enumerate(_parsed(path).iter("object")):
        box, name = item.find("bndbox"), (item.findtext("name") or "").strip()
        try:
            corners = [float(box.findtext(corner, "")) for corner in _CORNERS]  # type: ignore
            if not all(abs(corner) <= FARTHEST for corner in corners):
                raise ValueError
        except (AttributeError, ValueError):
            raise RefinezooError(
                f"{path}: expected bndbox with {', '.join(_CORNERS)} in object {place}, received "
                "none or no numbers. Correct or remove it."
            ) from None
        flags = {
            "iscrowd": int(_yes(item.findtext("difficult"))),
            "truncated": _yes(item.findtext("truncated")),
        }
        found.append((name, corners, flags))
    return found


def _whole(text: str) -> int:
    """A number of pixels, also of `640.0`; 0 where there is none."""
    try:
        number = float(text)
    except ValueError:
        return 0
    return int(number) if 0 < number <= FARTHEST and number.is_integer() else 0


def _yes(text: str | None) -> bool:
    return (text or "").strip().lower() in ("1", "1.0", "true", "yes")


def _parsed(path: Path) -> ElementTree.Element:
    try:
        root = ElementTree.fromstring(small_file(path, _MOST_BYTES))
        for element in root.iter():
            element.tag = element.tag.rpartition("}")[2]  # without its namespace
        return root
    except RefinezooError:
        raise
    except (ElementTree.ParseError, OSError, ValueError, LookupError) as error:
        raise RefinezooError(f"{path}: expected a VOC annotation, but {error}.") from None
