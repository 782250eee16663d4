"""Virtual KITTI 2: one folder a kind of frame."""

from refinezoo.data.formats.base import Paired, dataset_format


@dataset_format
class VirtualKitti2(Paired):
    """`SceneNN/VARIATION/frames/rgb/Camera_N/rgb_NNNNN.jpg`; depth in centimetres.

    Reference: https://europe.naverlabs.com/research/computer-vision/proxy-virtual-worlds-vkitti-2/
    """

    name = "virtual_kitti_2"
    title = "Virtual KITTI 2"
    example = (
        "Scene01/clone/frames/rgb/Camera_0/rgb_00000.jpg, "
        "Scene01/clone/frames/depth/Camera_0/depth_00000.png"
    )
    image = r"(?P<top>(.*/)?)frames/rgb/(?P<camera>[^/]+)/rgb_(?P<n>\d+)\.(jpe?g|png)"
    labels = {
        "depth": ("{top}frames/depth/{camera}/depth_{n}.png",),
        "class_colours": ("{top}frames/classSegmentation/{camera}/classgt_{n}.png",),
        "instance_ids": ("{top}frames/instanceSegmentation/{camera}/instancegt_{n}.png",),
        "flow": ("{top}frames/forwardFlow/{camera}/flow_{n}.png",),
        "backward_flow": ("{top}frames/backwardFlow/{camera}/backwardFlow_{n}.png",),
        "scene_flow": ("{top}frames/forwardSceneFlow/{camera}/sceneFlow_{n}.png",),
    }
    depth_unit_m = 0.01
