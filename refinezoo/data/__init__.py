"""Reading, pairing and augmenting image data.

Everything is imported on first use: `import refinezoo.data` loads neither Keras nor OpenCV.
"""

from refinezoo.lazy import lazy_names

_HOMES = {
    "ArrayBatches": ".arrays",
    "AugmentedBatches": ".depth",
    "SegmentationAugmentation": ".segmentation",
    "read_class_ids": ".mask_files",
    "read_segmentation_folder": ".segmentation",
    "read_depth": ".depth_files",
    "read_depth_folder": ".depth",
    "UnpairedArrays": ".arrays",
    "CocoDataset": ".coco",
    "ImageRecord": ".coco_records",
    "EpochBatches": ".epochs",
    "FollowEpoch": ".epochs",
    "UnpairedImages": ".pairing",
    "unpaired": ".pairing",
    "unpaired_tf_dataset": ".pairing_tf",
    "MatchedCrops": ".matching",
    "load_digits": ".digits",
    "images_and_masks": ".masked",
    "list_images": ".formats",
    "recognise": ".formats",
    "read_image": ".images",
    "write_image": ".images",
}
_HOMES |= {name: f".{name}" for name in ("augmentation", "coco", "formats", "images", "masks")}
__all__ = sorted(_HOMES)
__getattr__, __dir__ = lazy_names(__name__, _HOMES)
