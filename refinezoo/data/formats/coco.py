"""COCO: a JSON file names the images, wherever they lie."""

from collections.abc import Sequence
from typing import Any

from refinezoo.data.coco_file import is_coco, read_coco, read_document, refuse_shared_images
from refinezoo.data.coco_names import doubtful_names, image_folders, locate
from refinezoo.data.coco_rows import CocoFile
from refinezoo.data.formats.base import RENDER_FOLDERS, DatasetFormat, add_siblings, dataset_format
from refinezoo.data.formats.doubt import look_among_annotated
from refinezoo.data.formats.layout import Layout
from refinezoo.data.tree import Tree
from refinezoo.errors import RefinezooError


@dataset_format
class Coco(DatasetFormat):
    """One or more COCO files: of BlenderProc, BOP, Unity's converter, CVAT, Roboflow, ..."""

    name = "coco"
    title = "COCO"
    example = "annotations.json, images/0001.png"
    order = 10
    annotated = True

    def claims(self, tree: Tree) -> bool:
        """Whether a JSON file of the tree is COCO."""
        return bool(_documents(tree))

    def read(self, tree: Tree) -> Layout:
        """The images that the files name, with their boxes and sizes.

        Raises:
            RefinezooError: a name outside of the tree.
        """
        layout = Layout(tree, self)
        boxes: dict[str, list[list[float]]] = {}
        sizes: dict[str, tuple[int, int]] = {}
        missing: dict[str, None] = {}
        files: list[tuple[CocoFile, dict]] = []
        for name, document in _documents(tree).items():
            coco = read_coco(document)
            coco.path = str(tree.root / name)
            folders, found = image_folders(name), {}
            for number, row in coco.images.items():
                try:
                    file = locate(row["file_name"], folders, tree.find, tree.root)
                except RefinezooError as error:
                    raise RefinezooError(f"{coco.path} {error}") from None
                if file is None:
                    missing[row["file_name"]] = None
                    continue
                found[number] = file
                boxes.setdefault(file, [])
                if row["width"] and row["height"]:
                    sizes[file] = row["width"], row["height"]
            refuse_shared_images(coco, found)
            for row in coco.annotations:
                if row["image_id"] in found and not row["iscrowd"]:
                    x, y, w, h = row["bbox"]
                    boxes[found[row["image_id"]]].append([x, y, x + w, y + h])
            names = (row["file_name"] for row in coco.images.values())
            if doubt := doubtful_names(names, folders, tree.find):
                layout.notes.append(f"{name}: {doubt}")
            layout.lost += [f"{coco.path}: {problem}" for problem in coco.lost]
            if coco.problems:
                layout.notes.append(
                    f"{len(coco.problems)} rows of {name} are not understood: {coco.problems[0]}"
                )
            files.append((coco, found))
        layout.renders, layout.missing = sorted(boxes), list(missing)
        layout.details = {"boxes": boxes, "sizes": sizes, "files": files}
        spare = sum(
            name.split("/")[0].lower() in RENDER_FOLDERS and name not in boxes
            for name in tree.images
        )
        if spare:
            layout.notes.append(f"{spare} images that no COCO file names are carried as they are")
        look_among_annotated(tree, layout)
        add_siblings(tree, layout)
        return layout

    def boxes(self, layout: Layout, name: str, width: int, height: int) -> list[list[float]]:
        """Those of the COCO files, but for crowds."""
        return layout.details["boxes"].get(name, [])

    def document(self, layout: Layout) -> dict[str, Any] | None:
        """The tree's only COCO file, its names made paths below the root.

        Raises:
            RefinezooError: several files, or images that are missing.
        """
        files = layout.details["files"]
        if len(files) > 1:
            raise RefinezooError(several(layout.tree, [coco.path for coco, _ in files]))
        coco, found = files[0]
        if layout.missing:
            raise RefinezooError(
                f"{coco.path}: {len(layout.missing)} images are missing: "
                f"{', '.join(layout.missing[:3])}. Restore them, or remove these entries."
            )
        document = coco.checked().document()
        for row in document["images"]:
            row["file_name"] = found[row["id"]]
        return document

    def problems(self, layout: Layout) -> list[str]:
        """The rows of all files that have no meaning."""
        return [
            f"{coco.path}: {problem}"
            for coco, _ in layout.details["files"]
            for problem in coco.problems
        ]


def coco_files(tree: Tree, *, without: str = "") -> dict[str, Any]:
    """The content of the tree's COCO files, but for one."""
    found: dict[str, Any] = {}
    for name in tree.files:
        if not name.lower().endswith(".json") or name == without:
            continue
        content = (tree.root / name).read_bytes()
        if b"file_name" not in content.replace(b"\0", b""):
            continue
        document = read_document(tree.root / name)
        if is_coco(document):
            found[name] = document
    return found


def several(tree: Tree, names: Sequence[str]) -> str:
    """Why several COCO files are refused where one is meant."""
    return (
        f"expected one COCO file in {str(tree.root)!r}, received {len(names)}: "
        f"{', '.join(names[:5])}. Give one of these files instead of the folder."
    )


def _documents(tree: Tree) -> dict[str, Any]:
    """The tree's COCO files, read once."""
    if "_coco" not in tree.__dict__:
        tree.__dict__["_coco"] = coco_files(tree)
    return tree.__dict__["_coco"]
