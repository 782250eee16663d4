"""BOP: scenes of BlenderProc and others for 6D pose."""

from refinezoo.config import read_json
from refinezoo.data.formats.base import Paired, dataset_format
from refinezoo.data.tree import Tree
from refinezoo.errors import RefinezooError

_MOST_BYTES = 256 << 20  # of a scene's cameras: a million frames


@dataset_format
class Bop(Paired):
    """`SPLIT/SCENE/rgb/NNNNNN.jpg` with `depth/`, `mask/`, `mask_visib/` and scene files.

    Masks are one file an object (`NNNNNN_OOOOOO.png`). A step of depth is `depth_scale`
    millimetres, says `scene_camera.json`. Reference: https://github.com/thodan/bop_toolkit
    """

    name = "bop"
    title = "BOP"
    example = "train_pbr/000000/rgb/000000.jpg, train_pbr/000000/depth/000000.png"
    image = r"(?P<scene>(.*/)?\d{6}/)(rgb|gray)/(?P<n>\d{6})\.(png|jpe?g|tif)"
    labels = {
        "depth": ("{scene}depth/{n}.png", "{scene}depth/{n}.tif"),
        "first_mask": ("{scene}mask_visib/{n}_000000.png", "{scene}mask/{n}_000000.png"),
        "scene_gt": ("{scene}scene_gt.json",),
    }


def depth_unit_m(tree: Tree) -> float | None:
    """Metres per step of depth, as the scenes' cameras say; None where they say nothing.

    Raises:
        RefinezooError: different ones, or none that can be understood.
    """
    scales: set[float] = set()
    for name in tree.files:
        if name.rsplit("/", 1)[-1] != "scene_camera.json":
            continue
        cameras = read_json(tree.root / name, _MOST_BYTES, any_number=True)
        for camera in cameras.values() if isinstance(cameras, dict) else ():
            scale = camera.get("depth_scale", 1.0) if isinstance(camera, dict) else None
            if isinstance(scale, (int, float)) and 0 < scale < 1e6:
                scales.add(float(scale))
            else:
                raise RefinezooError(f"{name}: expected a depth_scale above 0, received {scale!r}.")
    if len(scales) > 1:
        raise RefinezooError(
            f"expected one depth_scale in all scene_camera.json, received {sorted(scales)[:5]}."
        )
    return 0.001 * scales.pop() if scales else None
