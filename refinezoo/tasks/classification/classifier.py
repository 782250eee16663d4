"""Image classification with the task towers of PixelDA, standing alone, or on ImageNet features."""

from typing import ClassVar

import keras
import numpy as np
from pydantic import NonNegativeFloat, PositiveFloat

from refinezoo.config import Share
from refinezoo.data.image_size import side_of_square
from refinezoo.errors import RefinezooError
from refinezoo.models.arguments import ClassNames
from refinezoo.models.images import checked_images
from refinezoo.models.kind import Kind
from refinezoo.models.registry import register
from refinezoo.networks import task_tower
from refinezoo.networks.backbones import check_one_size
from refinezoo.networks.efficientnet_lite0 import efficientnet_lite0
from refinezoo.networks.task_towers import LITE0_TOWER, lite0_tower
from refinezoo.renames import renamed
from refinezoo.tasks.classification.kind import CLASSIFIER, Classifies
from refinezoo.training.checks import check_labels
from refinezoo.training.jit import choose_jit
from refinezoo.training.start import slow_backbone, start_backbone
from refinezoo.training.supervised import SupervisedModel


@register
class Classifier(Classifies, SupervisedModel):
    """A task tower alone: what is trained on renders (source-only) or real images (target-only).

    `fit(images, labels)`: uint8 `[N, S, S, 3]` RGB, int `[N]`; data sets of such batches as well.
    `predict` gives probabilities `[N, K]`, `predict_labels` the class indices; `model(images)` is
    logits.

    Args:
        class_names: names of the K classes.
        image_size: side S, pixels.
        tower: mnist, svhn, gtsrb, pose_mini or doubling (`networks.task_tower`), or
            efficientnet_lite0 for images of 96 px and more: call `start_from` then.
        width_multiplier: multiplies the tower's filters and units (not of efficientnet_lite0).
        dropout: before the heads; None is the tower's own.
        batch_norm: trains the batch normalisation of efficientnet_lite0; False keeps it as it is,
            for a pretrained start and small batches.
        learning_rate: of Adam in `compile()`.

    Example:
        >>> classifier = Classifier(names, image_size=128, tower="efficientnet_lite0")
        >>> classifier.start_from("efficientnet_lite0_imagenet")
        >>> classifier.compile()
        >>> classifier.fit(images, labels, batch_size=16, epochs=5)
    """

    kind: ClassVar[Kind] = CLASSIFIER
    quaternion = False

    @renamed(width="width_multiplier")
    def __init__(
        self,
        class_names: ClassNames,
        *,
        image_size=32,
        tower: str = "mnist",
        width_multiplier: PositiveFloat = 1.0,
        dropout: Share | None = None,
        batch_norm: bool = False,
        learning_rate: NonNegativeFloat = 1e-3,
        **kwargs,
    ):
        super().__init__(**kwargs)
        image_size = side_of_square(image_size, type(self).__name__)
        self.class_names, self.image_size = list(class_names), image_size
        self.learning_rate = learning_rate
        own = {
            "image_size": image_size,
            "classes": len(self.class_names),
            "quaternion": self.quaternion,
            "dropout": dropout,
        }
        images = keras.Input((image_size, image_size, 3), name="images")
        scaled = images / 127.5 - 1.0
        if tower == LITE0_TOWER:
            check_one_size(width_multiplier=width_multiplier)
            outputs = lite0_tower(**own, batch_norm=batch_norm)(scaled)
        else:
            if batch_norm:
                raise RefinezooError(
                    f"expected batch_norm with tower={LITE0_TOWER!r} only, received it with "
                    f"{tower!r}, which has none. Leave it out."
                )
            _, first, shared = task_tower(tower, **own, width_multiplier=width_multiplier)
            outputs = shared(first(scaled))
        self.network = keras.Model(images, outputs, name="tower")
        self.built = True

    @classmethod
    def from_pixelda(cls, refiner):
        """T of a trained `PixelDA`, as it judges refined and real images."""
        if refiner.use_depth or refiner.quaternion != cls.quaternion:
            raise RefinezooError(
                f"expected a PixelDA on RGB with quaternion={cls.quaternion}, received one with "
                f"use_depth={refiner.use_depth}, quaternion={refiner.quaternion}."
            )
        settings = refiner.arguments
        model = cls(
            settings["class_names"],
            image_size=settings["image_size"],
            tower=settings["tower"],
            width_multiplier=settings["tower_width_multiplier"],
            dropout=settings["tower_dropout"],
        )
        model.network.set_weights(refiner.task_network.get_weights())
        return model

    def start_from(self, source):
        """Takes over a trained efficientnet_lite0; see `training.start.start_backbone`."""
        return start_backbone(self.network, source)

    def backbone(self, taps=(2, 4, 8, 16, 32), output_stride=32):
        """A copy of the features alone: float RGB `[B, H, W, 3]` in [-1, 1], any size, to maps.

        Args:
            taps: strides of the maps to give (`networks.efficientnet_lite0`).
            output_stride: of the deepest maps, 32, 16 or 8.

        Returns:
            keras.Model to a list of maps `[B, H / s, W / s, C]` in the order of `taps`.

        Raises:
            RefinezooError: the tower is another than efficientnet_lite0.
        """
        network = efficientnet_lite0(taps=taps, output_stride=output_stride)
        start_backbone(network, self)
        return network

    def features(self, images, taps=(2, 4, 8, 16, 32), batch_size=32):
        """Maps of uint8 RGB images `[N, H, W, 3]` of any one size: a list, as of `backbone`."""
        network = self.backbone(taps)
        return network.predict(
            checked_images(images) / np.float32(127.5) - 1, batch_size, verbose=0
        )

    def call(self, images, training=False):
        """RGB `[B, S, S, 3]` in 0..255 to logits `[B, K]`."""
        return self.network(images, training=training)["label"]

    def compile(self, optimizer=None, loss=None, metrics=None, jit_compile="auto", **kwargs):
        """As `keras.Model.compile`; Adam, softmax cross-entropy and accuracy by default.

        EfficientNet-Lite0 then moves at a tenth of that rate (`training.start.slow_backbone`).
        """
        slow = self.arguments["tower"] == LITE0_TOWER
        adam = slow_backbone if slow else keras.optimizers.Adam
        super().compile(
            optimizer=optimizer or adam(self.learning_rate),
            loss=loss or keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            metrics=metrics or [keras.metrics.SparseCategoricalAccuracy(name="accuracy")],
            jit_compile=choose_jit(jit_compile),
            **kwargs,
        )

    def check_targets(self, labels, count):
        """Checks the labels, int `[N]`."""
        check_labels(labels, len(self.class_names))

    def to_answer(self, outputs, images):
        """Probabilities, float32 `[N, K]`."""
        return softmax(outputs)


def softmax(logits):
    """Probabilities of logits `[N, K]`, NumPy."""
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)
