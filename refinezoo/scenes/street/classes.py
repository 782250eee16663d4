"""What the mask's numbers mean: the eleven classes of CamVid and void."""

CLASS_NAMES = (
    "sky",
    "building",
    "pole",
    "road",
    "pavement",
    "tree",
    "sign",
    "fence",
    "car",
    "pedestrian",
    "bicyclist",
    "void",
)
SKY, BUILDING, POLE, ROAD, PAVEMENT, TREE, SIGN, FENCE, CAR, PEDESTRIAN, BICYCLIST, VOID = range(12)
# Those whose instances are counted and boxed; COCO's category ids are the mask's class ids.
INSTANCE_CLASSES = (POLE, SIGN, CAR, PEDESTRIAN, BICYCLIST)
