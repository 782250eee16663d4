"""PVANET: a light two-stage detector, the one of the vending-machine paper.

    loss = CE(anchors) + smoothL1(anchors) + CE(regions) + smoothL1(regions)

The first stage says of 42 anchors a cell which hold an object; the best of them that do not overlap
are the proposals. The second stage pools the features in each proposal, classifies it and moves its
edges, each class for itself. `networks.pvanet` holds the layers, `proposals`, `sampling` and
`losses.rpn` what lies between.

Reference:
    Kim et al., PVANET: Deep but Lightweight Neural Networks for Real-time Object Detection, arXiv
    1608.08021; Ren et al., Faster R-CNN, arXiv 1506.01497.
"""

import keras
from keras import ops
from pydantic import PositiveFloat, PositiveInt

from refinezoo.config import Share
from refinezoo.data.image_size import height_and_width
from refinezoo.errors import RefinezooError
from refinezoo.layers import RoIMaxPooling
from refinezoo.models.arguments import ClassNames, PositiveFloats
from refinezoo.models.registry import register
from refinezoo.networks.pvanet import (
    BACKBONES,
    MULTIPLE,
    STRIDE,
    pvanet_features,
    region_head,
    region_proposal_network,
    shared_features,
)
from refinezoo.renames import renamed
from refinezoo.tasks.detection.boxes import decode_offsets
from refinezoo.tasks.detection.detector import Detector
from refinezoo.tasks.detection.frozen import split_at
from refinezoo.tasks.detection.nms import multiclass_nms
from refinezoo.tasks.detection.proposals import RATIOS, SCALES, Proposals
from refinezoo.tasks.detection.pvanet_objectives import (
    StagesAbove,
    TwoStageTraining,
    authors_optimizer,
)
from refinezoo.tasks.detection.voting import vote
from refinezoo.training.jit import choose_jit
from refinezoo.training.start import slow_backbone

_BINS = 6


@register
class PVANET(TwoStageTraining, Detector):
    """PVANET 9.1; the authors' network at its defaults.

    Differences from it: images are warped to a square (the authors keep the aspect and vary the
    size), and 2,000 boxes instead of 12,000 enter the suppression of proposals, because in static
    shapes it compares every pair at once.

    Args:
        class_names: names of the K classes.
        image_size: side of the input, pixels, a multiple of 32.
        backbone: `"pvanet"`, or `"efficientnet_lite0"`, of which the zoo has ImageNet weights: call
            `start_from` before `fit`.
        width_multiplier: multiplies the channels of all convolutions; not those of
            EfficientNet-Lite0.
        depth_multiplier: multiplies the blocks of PVANET's own stages.
        batch_norm: True trains the batch normalisation of EfficientNet-Lite0, which None keeps as
            it is; PVANET's own always trains.
        head_units: width of the two hidden layers of the second stage, which hold 92 of the 97
            million weights; 512 and less serve small data.
        anchor_scales: sides of the anchors in cells of 16 pixels.
        anchor_ratios: heights over widths of the anchors.
        candidates: boxes of the first stage before suppression.
        proposals: regions that the second stage looks at, at inference.
        rpn_batch: anchors of each image that the first stage trains on.
        roi_batch: regions of each image that the second stage trains on.
        max_objects: most objects and crowd regions of a training image.
        box_voting: move detections to the mean of what agrees with them (`voting.vote`).
        score_threshold: detections with a lower score are dropped.
        nms_iou: overlap above which the weaker of two boxes of a class is dropped.
        top_k: candidates per class before suppression.
        keep: detections per image, padding included.
        **kwargs: `name`, `dtype` of `keras.Model`.

    Raises:
        RefinezooError: `image_size` is no multiple of 32.

    Example:
        >>> small = {"width_multiplier": 0.25, "head_units": 256}
        >>> detector = PVANET(train.class_names, image_size=128, **small)
        >>> detector.compile(keras.optimizers.Adam(1e-3))
        >>> detector.fit(DetectionBatches(train, detector, batch_size=16), epochs=60)
        >>> detector.evaluate_coco(test)["AP50"]
    """

    @renamed(width="width_multiplier")
    def __init__(
        self,
        class_names: ClassNames,
        *,
        image_size: int = 640,
        backbone: str = "pvanet",
        width_multiplier: PositiveFloat = 1.0,
        depth_multiplier: PositiveFloat = 1.0,
        batch_norm: bool | None = None,
        head_units: PositiveInt = 4096,
        anchor_scales: PositiveFloats = SCALES,
        anchor_ratios: PositiveFloats = RATIOS,
        candidates: PositiveInt = 2000,
        proposals: PositiveInt = 200,
        rpn_batch: PositiveInt = 256,
        roi_batch: PositiveInt = 128,
        max_objects: PositiveInt = 100,
        box_voting: bool = False,
        score_threshold: Share = 0.01,
        nms_iou: Share = 0.4,
        top_k: PositiveInt = 200,
        keep: PositiveInt = 100,
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
        height_and_width(self.image_size, multiple=MULTIPLE)
        self.backbone, self.batch_norm = backbone, batch_norm
        self.width_multiplier, self.depth_multiplier = width_multiplier, depth_multiplier
        self.head_units = head_units
        self.anchor_scales = [float(scale) for scale in anchor_scales]
        self.anchor_ratios = [float(ratio) for ratio in anchor_ratios]
        self.candidates, self.proposals = candidates, proposals
        self.rpn_batch, self.roi_batch, self.max_objects = rpn_batch, roi_batch, max_objects
        self.box_voting = bool(box_voting)
        self._build_networks()
        self.prepare_losses()
        self.built = True

    def _build_networks(self) -> None:
        images = keras.Input((self.image_size, self.image_size, 3), name="images")
        hyper = pvanet_features(
            images,
            backbone=self.backbone,
            width_multiplier=self.width_multiplier,
            depth_multiplier=self.depth_multiplier,
            batch_norm=self.batch_norm,
        )
        proposing, features = shared_features(hyper, width_multiplier=self.width_multiplier)
        per_cell = len(self.anchor_scales) * len(self.anchor_ratios)
        logits, offsets = region_proposal_network(
            proposing, per_cell, width_multiplier=self.width_multiplier
        )
        self.propose = Proposals(
            self.image_size,
            self.anchor_scales,
            self.anchor_ratios,
            self.candidates,
            self.proposals,
            name="proposals",
            dtype="float32",
        )
        self.pool = RoIMaxPooling(_BINS, STRIDE, name="roi_pool")
        boxes = self.propose(logits, offsets)
        pooled = self.pool(features, boxes)
        found = region_head(pooled, len(self.class_names), units=self.head_units)
        raw = keras.layers.Concatenate(name="predictions", dtype="float32")([boxes, found])
        self.network = keras.Model(images, raw, name="pvanet")
        self.anchors = self.propose.anchors
        # Parts of the network for training: not tracked, its weights are counted once.
        object.__setattr__(self, "first_stage", keras.Model(images, [logits, offsets, features]))
        object.__setattr__(self, "second_stage", keras.Model(pooled, found))

    def compile(self, optimizer=None, loss=None, jit_compile="auto", **kwargs) -> None:
        """Configures training.

        Args:
            optimizer: the authors' SGD by default: momentum 0.9, learning rate 1e-3, which
                `training.Plateau` divides by ten when the loss stays; two images a batch. It starts
                from ImageNet weights; from scratch take Adam at 1e-3. With EfficientNet-Lite0
                `training.start.slow_backbone()`.
            loss: None: the four losses belong to the method.
            jit_compile: as in `keras.Model.compile`; see `choose_jit` for "auto".
            **kwargs: as in `keras.Model.compile`.
        """
        if loss is not None:
            raise RefinezooError(
                f"expected no loss, received {loss!r}: PVANET trains on the four losses of "
                "refinezoo.losses.rpn. Leave loss out."
            )
        if optimizer is None:
            optimizer = authors_optimizer() if self.backbone == BACKBONES[0] else slow_backbone()
        super().compile(optimizer=optimizer, jit_compile=choose_jit(jit_compile), **kwargs)

    def call(self, images, training=None):
        """Images [B, S, S, 3] RGB in 0..255 to raw predictions float32 [B, R, 4 + 5 (K + 1)].

        Those are each proposal's box, class logits (background first) and offsets per class. In
        training, what the losses need: logits and offsets of the anchors, and the feature map.
        """
        if training:
            return self.first_stage(images, training=True)
        return self.network(images, training=False)

    def split_at(self, layer: str) -> tuple[keras.Model, keras.Model]:
        """The network up to a layer of the backbone, and the rest with its losses."""
        trunk, rest = split_at(self.first_stage, layer)
        return trunk, StagesAbove(self, rest)

    def decode(self, raw):
        """Raw predictions float [B, R, 4 + 5 (K + 1)] to detections.

        Returns:
            boxes float32 [B, keep, 4] xyxy as fractions of the input, clipped to it; scores,
            classes and count as `multiclass_nms` gives them.
        """
        raw = ops.cast(raw, "float32")
        regions, classes = raw.shape[1], len(self.class_names)
        proposals = raw[..., :4]
        size = proposals[..., 2:] - proposals[..., :2]
        anchors = ops.concatenate([proposals[..., :2] + size / 2, size], axis=-1)[:, :, None]
        offsets = ops.reshape(raw[..., 5 + classes :], (-1, regions, classes + 1, 4))[:, :, 1:]
        boxes = ops.clip(decode_offsets(offsets, anchors), 0.0, 1.0)
        scores = ops.softmax(raw[..., 4 : 5 + classes], axis=-1)[..., 1:]
        there = ops.cast(size[..., :1] > 0, "float32")  # rows of zeros are no proposals
        scores = scores * there
        found, best, labels, count = multiclass_nms(
            boxes,
            scores,
            score_threshold=self.score_threshold,
            iou_threshold=self.nms_iou,
            top_k=self.top_k,
            keep=self.keep,
        )
        if self.box_voting:
            found, best, labels = vote(found, best, labels, boxes, scores, self.score_threshold)
        return found, best, labels, count
