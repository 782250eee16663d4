"""BOP: scenes of BlenderProc and others for 6D pose."""

from refinezoo.data.formats.base import Paired, dataset_format


@dataset_format
class Bop(Paired):
    """`SPLIT/SCENE/rgb/NNNNNN.jpg` with `depth/`, `mask/`, `mask_visib/` and scene files.

    Masks are one file an object (`NNNNNN_OOOOOO.png`). Reference: https://github.com/thodan/bop_toolkit
    """

    name = "bop"
    title = "BOP"
    example = "train_pbr/000000/rgb/000000.jpg, train_pbr/000000/depth/000000.png"
    picture = r"(?P<scene>(.*/)?\d{6}/)(rgb|gray)/(?P<n>\d{6})\.(png|jpe?g|tif)"
    labels = {
        "depth": ("{scene}depth/{n}.png", "{scene}depth/{n}.tif"),
        "first_mask": ("{scene}mask_visib/{n}_000000.png", "{scene}mask/{n}_000000.png"),
        "scene_gt": ("{scene}scene_gt.json",),
    }
