"""SSD: single shot multibox detector.

    loss = (CE(positives) + CE(hard negatives, 3:1) + smoothL1(positives)) / max(1, N_positives)

One network predicts, for each of 8,732 default boxes, class logits and four offsets; see
`networks.ssd`, `anchors`, `matching`, `losses.detection` and `nms` for the five parts.

Reference:
    Liu et al., SSD: Single Shot MultiBox Detector, arXiv 1512.02325.
"""

import keras
import numpy as np
from keras import ops
from pydantic import PositiveFloat, PositiveInt

from refinezoo.config import Share
from refinezoo.losses.detection import MultiboxLoss
from refinezoo.models.arguments import ClassNames
from refinezoo.models.registry import register
from refinezoo.networks.ssd import BACKBONES, feature_levels, ssd_network
from refinezoo.renames import renamed
from refinezoo.tasks.detection.anchors import ssd_anchors, ssd_aspect_ratios
from refinezoo.tasks.detection.boxes import decode_offsets
from refinezoo.tasks.detection.detector import Detector
from refinezoo.tasks.detection.matching import encode_targets
from refinezoo.tasks.detection.nms import multiclass_nms
from refinezoo.training.jit import choose_jit
from refinezoo.training.start import slow_backbone


@register
class SSD300(Detector):
    """SSD; the paper's network, on VGG16, at its defaults.

    Args:
        class_names: names of the K classes.
        image_size: side of the input, pixels; levels that would be empty are dropped and the
            scales of the anchors respaced. With EfficientNet-Lite0 a multiple of 32.
        backbone: `"vgg16"`, or `"efficientnet_lite0"`, of which the zoo has ImageNet weights: call
            `start_from` before `fit`.
        width_multiplier: multiplies the network's channels; not those of EfficientNet-Lite0.
        batch_norm: batch normalisation behind every convolution, for training without ImageNet
            weights. EfficientNet-Lite0 has its own: True trains it, False keeps it as it is.
        score_threshold: detections with a lower score are dropped.
        nms_iou: overlap above which the weaker of two boxes of a class is dropped.
        top_k: candidates per class before suppression.
        keep: detections per image, padding included.
        **kwargs: `name`, `dtype` of `keras.Model`.

    Example:
        >>> small = {"width_multiplier": 0.25, "batch_norm": True}
        >>> detector = SSD300(train.class_names, image_size=128, **small)
        >>> detector.compile(keras.optimizers.Adam(1e-3))
        >>> detector.fit(DetectionBatches(train, detector, batch_size=16), epochs=60)
        >>> detector.evaluate_coco(test)["AP50"]

        From ImageNet features, which by default move at a tenth of the heads' rate:

        >>> detector = SSD300(train.class_names, image_size=224, backbone="efficientnet_lite0")
        >>> detector.start_from("efficientnet_lite0_imagenet")
        >>> detector.compile()
    """

    @renamed(width="width_multiplier")
    def __init__(
        self,
        class_names: ClassNames,
        *,
        image_size: int = 300,
        backbone: str = "vgg16",
        width_multiplier: PositiveFloat = 1.0,
        batch_norm: bool = False,
        score_threshold: Share = 0.01,
        nms_iou: Share = 0.45,
        top_k: PositiveInt = 400,
        keep: PositiveInt = 200,
        **kwargs,
    ) -> None:
        super().__init__(
            class_names,
            image_size=image_size,
            score_threshold=score_threshold,
            nms_iou=nms_iou,
            top_k=top_k,
            keep=keep,
            **kwargs,
        )
        self.width_multiplier = width_multiplier
        self.batch_norm = bool(batch_norm)
        self.backbone = backbone
        levels = feature_levels(self.image_size, backbone)
        ratios = ssd_aspect_ratios(len(levels), levels[0][1])
        self.anchors = ssd_anchors(self.image_size, levels)
        self.network = ssd_network(
            self.image_size,
            len(self.class_names),
            [len(ratio) + 1 for ratio in ratios],
            backbone=backbone,
            width_multiplier=self.width_multiplier,
            batch_norm=self.batch_norm,
        )
        self.built = True

    def compile(self, optimizer=None, loss=None, jit_compile="auto", **kwargs) -> None:
        """Configures training.

        Args:
            optimizer: the paper's SGD by default: momentum 0.9, learning rate 1e-3, divided by ten
                after 80,000 and 100,000 steps of 32 images (it starts from ImageNet weights; from
                scratch take Adam at 1e-3 and `batch_norm=True`). With EfficientNet-Lite0
                `training.start.slow_backbone()`.
            loss: `MultiboxLoss()` by default.
            jit_compile: as in `keras.Model.compile`; see `choose_jit` for "auto".
            **kwargs: as in `keras.Model.compile`.
        """
        if optimizer is None:
            optimizer = _paper_optimizer() if self.backbone == BACKBONES[0] else slow_backbone()
        super().compile(
            optimizer=optimizer,
            loss=MultiboxLoss() if loss is None else loss,
            jit_compile=choose_jit(jit_compile),
            **kwargs,
        )

    def encode(self, boxes_xyxy: np.ndarray, labels: np.ndarray, crowd: np.ndarray) -> np.ndarray:
        """Multibox targets float32 [A, 5] of one image; boxes as fractions of the input."""
        return encode_targets(boxes_xyxy, labels, crowd, self.anchors)

    def decode(self, raw):
        """Raw predictions float [B, A, K + 1 + 4] to detections.

        Returns:
            boxes float32 [B, keep, 4] xyxy as fractions of the input, not clipped; scores, classes
            and count as `multiclass_nms` gives them.
        """
        raw = ops.cast(raw, "float32")
        boxes = decode_offsets(raw[..., -4:], self.anchors)
        scores = ops.softmax(raw[..., :-4], axis=-1)[..., 1:]
        return multiclass_nms(
            boxes,
            scores,
            score_threshold=self.score_threshold,
            iou_threshold=self.nms_iou,
            top_k=self.top_k,
            keep=self.keep,
        )


def _paper_optimizer() -> keras.optimizers.Optimizer:
    schedule = keras.optimizers.schedules.PiecewiseConstantDecay(
        [80_000, 100_000], [1e-3, 1e-4, 1e-5]
    )
    # Keras decays outside the momentum buffer; ten times Caffe's 5e-4 (1 / (1 - 0.9)) equals it.
    optimizer = keras.optimizers.SGD(schedule, momentum=0.9, weight_decay=5e-3)
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    return optimizer
