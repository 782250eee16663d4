"""How PVANET learns: both stages and their four losses in one step.

The second stage trains on regions that the first proposes and that objects in the image decide
about, so its loss cannot be a function of predictions alone: it is computed where Keras asks for
the loss, from the feature map.

Reference:
    Ren et al., Faster R-CNN, arXiv 1506.01497, section 3.2, approximate joint training.
"""

from typing import Any

import keras
import numpy as np
from keras import ops

from refinezoo.errors import RefinezooError
from refinezoo.losses.rpn import region_loss, rpn_loss
from refinezoo.tasks.detection.boxes import cxcywh_to_xyxy
from refinezoo.tasks.detection.sampling import rpn_targets, sample_regions

_PARTS = ("rpn_class", "rpn_box", "region_class", "region_box")


class TwoStageTraining:
    """The loss of a `keras.Model` with these attributes.

    Attributes:
        first_stage: from what `fit` is given to anchor logits, anchor offsets and the feature map.
        second_stage: from pooled regions [B, R, n] to class logits and offsets [B, R, 5 (K + 1)].
        propose: the `Proposals` layer.
        pool: the `RoIMaxPooling` layer.
        rpn_batch: anchors of each image that the first stage trains on.
        roi_batch: regions of each image that the second stage trains on.
        max_objects: most objects and crowd regions of an image.
    """

    propose: Any
    max_objects: int

    def prepare_losses(self) -> None:
        """Makes what `compute_loss` needs beside the networks."""
        corners = cxcywh_to_xyxy(self.propose.anchors)
        self.inside = ((corners >= 0) & (corners <= 1)).all(axis=1)
        self.seed_generator = keras.random.SeedGenerator()
        self.loss_parts = [keras.metrics.Mean(name=name) for name in _PARTS]

    def encode(self, boxes_xyxy: np.ndarray, labels: np.ndarray, crowd: np.ndarray) -> np.ndarray:
        """Objects float32 [max_objects, 5] of one image: class and box xyxy as fractions.

        Class k + 1 for class k, -1 for a crowd region, 0 for padding. Anchors and regions are
        matched with them in the training step, because the regions are not known before.
        """
        if len(boxes_xyxy) > self.max_objects:
            raise RefinezooError(
                f"expected at most max_objects={self.max_objects} objects and crowd regions in a "
                f"training image, received {len(boxes_xyxy)}. Build the detector with a larger "
                "max_objects."
            )
        objects = np.zeros((self.max_objects, 5), "float32")
        objects[: len(boxes_xyxy), 0] = np.where(crowd, -1, np.asarray(labels) + 1)
        objects[: len(boxes_xyxy), 1:] = np.asarray(boxes_xyxy).reshape(-1, 4)
        return objects

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        """The sum of the four losses.

        Args:
            x: what the first stage takes.
            y: objects float [B, max_objects, 5], as `encode` gives them.
            y_pred: in training, what the first stage gave.
            sample_weight: not used.
            training: False computes the first stage anew, because `call` gave detections.
        """
        logits, offsets, features = y_pred if training else self.first_stage(x, training=False)
        objects, anchors = ops.cast(y, "float32"), self.propose.anchors
        boxes, scores = self.propose.all(logits, offsets)
        count = len(anchors) + boxes.shape[1] + objects.shape[1]
        chance = keras.random.uniform((ops.shape(logits)[0], count), seed=self.seed_generator)
        labels, targets = rpn_targets(
            objects, anchors, self.inside, chance[:, : len(anchors)], batch=self.rpn_batch
        )
        parts = rpn_loss(labels, targets, logits, offsets)
        regions, labels, targets = sample_regions(
            objects, boxes, scores > 0, chance[:, len(anchors) :], batch=self.roi_batch
        )
        found = self.second_stage(self.pool(features, regions), training=training)
        classes = found.shape[-1] // 5
        parts += region_loss(labels, targets, found[..., :classes], found[..., classes:])
        for metric, part in zip(self.loss_parts, parts, strict=True):
            metric.update_state(part)
        return sum(parts)


class StagesAbove(TwoStageTraining, keras.Model):
    """What is left of a detector to train above frozen layers, on stored features.

    Args:
        detector: the `PVANET`; all layers are shared with it.
        first_stage: its first stage from the frozen layers' features on.
    """

    def __init__(self, detector, first_stage: keras.Model) -> None:
        super().__init__(name=f"{detector.name}_above")
        self.first_stage, self.second_stage = first_stage, detector.second_stage
        self.propose, self.pool = detector.propose, detector.pool
        self.rpn_batch, self.roi_batch = detector.rpn_batch, detector.roi_batch
        self.prepare_losses()
        self.built = True

    def call(self, features, training=None):
        """Features [B, h, w, C] to what the losses need."""
        return self.first_stage(features, training=training)


def authors_optimizer() -> keras.optimizers.Optimizer:
    """SGD, momentum 0.9, learning rate 1e-3, weight decay 2e-4 in Caffe's sense."""
    # Keras decays outside the momentum buffer; ten times Caffe's 2e-4 (1 / (1 - 0.9)) equals it.
    optimizer = keras.optimizers.SGD(1e-3, momentum=0.9, weight_decay=2e-3)
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta", "scale", "shift"])
    return optimizer
