"""What lies beside a render and is read, not refined: boxes, masks, depth."""

import numpy as np

from refinezoo.data.boxes import misfit
from refinezoo.data.depth_files import read_depth
from refinezoo.data.formats import Layout
from refinezoo.data.mask_files import read_foreground_mask as read_mask_file
from refinezoo.errors import RefinezooError

_SAMPLES = 300
MASKS = ("foreground_mask", "class_ids", "instance_ids")


def read_boxes(layout: Layout, name: str, width: int, height: int) -> np.ndarray:
    """The labelled boxes of a render.

    Returns:
        `boxes_xyxy`: float32 `[N, 4]`, pixels, clipped to the image; boxes without area left out.
        Empty where there are no labels, or none that can be read.
    """
    return layout.boxes(name, width, height)


def check_boxes(layout: Layout) -> None:
    """Looks at the annotations, and at the boxes of a few hundred renders: a gate judges by them.

    Raises:
        RefinezooError: rows without a meaning, or boxes that are not in pixels of their renders.
    """
    if problems := layout.format.problems(layout):
        more = f" ({len(problems) - 1} more like it)" if problems[1:] else ""
        raise RefinezooError(
            f"expected annotations that the gate can judge by, but {problems[0]}{more} --gate off "
            "refines without."
        )
    rows = []
    for name in layout.renders[:: max(1, len(layout.renders) // _SAMPLES)]:
        try:
            size = layout.read_size(name)
        except RefinezooError:  # said when it is refined
            continue
        for x1, y1, x2, y2 in layout.format.boxes(layout, name, *size):
            rows.append(([x1, y1, x2 - x1, y2 - y1], size))
    if words := misfit(rows):
        raise RefinezooError(
            f"expected boxes in pixels, since the gate judges by them; but {words} `refinezoo "
            "check` lists them; --gate off refines without."
        )


def read_foreground_mask(
    layout: Layout, name: str, width: int, height: int, *, resize: bool = False
) -> np.ndarray | None:
    """The foreground mask beside a render, else its class or instance ids, of which 0 is none.

    Returns:
        float32 `[H, W]`, 1 = object, 0 = background; None where there is none.

    Raises:
        RefinezooError: the mask cannot be read or has another size than its render.
    """
    file = next(filter(None, (layout.label(kind, name) for kind in MASKS)), None)
    if file is None:
        return None
    return read_mask_file(file, height, width, resize=resize)[..., 0]


def read_render_depth(layout: Layout, name: str, width: int, height: int) -> np.ndarray:
    """The depth of a render; see `refinezoo.data.depth_files.read_depth`.

    Returns:
        float32 `[H, W, 1]`, metres, 0 = no surface.

    Raises:
        RefinezooError: there is none, it cannot be read or has another size than its render.
    """
    path = layout.label("depth", name)
    if path is None:
        raise RefinezooError(
            f"expected depth beside {name} for a refiner of RGB and depth, received none. Put "
            "depth/NAME.png (16-bit, millimetres) or .npy (metres) beside images/."
        )
    depth = read_depth(path, layout.depth_unit_m)
    if depth.shape[:2] != (height, width):
        raise RefinezooError(
            f"expected the depth {path} to have the size of its image, {width}x{height}, received "
            f"{depth.shape[1]}x{depth.shape[0]}."
        )
    return depth
