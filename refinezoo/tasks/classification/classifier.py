"""Image classification with the task towers of PixelDA, standing alone."""

from collections.abc import Sequence

import keras
import numpy as np
from keras import ops

from refinezoo.errors import RefinezooError
from refinezoo.models.supervised import SupervisedModel
from refinezoo.networks import task_tower
from refinezoo.training.checks import check_labels
from refinezoo.training.jit import choose_jit


@keras.saving.register_keras_serializable("refinezoo")
class Classifier(SupervisedModel):
    """A task tower alone: what is trained on renders (source-only) or real images (target-only).

    `fit(images, labels)`: uint8 `[N, S, S, 3]` RGB, int `[N]`; data sets of such batches as well.
    `predict` gives logits `[N, K]`, `predict_labels` the class indices.

    Args:
        class_names: names of the K classes.
        image_size: side S, pixels.
        tower: mnist, svhn, gtsrb, pose_mini or doubling (`networks.task_tower`).
        width: multiplies the tower's filters and units.
        dropout: before the heads; None is the tower's own.
        learning_rate: of Adam in `compile()`.
    """

    quaternion = False

    def __init__(
        self,
        class_names: Sequence[str],
        *,
        image_size=32,
        tower="mnist",
        width=1.0,
        dropout=None,
        learning_rate=1e-3,
        **kwargs,
    ):
        if isinstance(class_names, str) or len(set(class_names)) != len(list(class_names)):
            raise RefinezooError(
                f"expected class_names as a list of different names, received {class_names!r}."
            )
        super().__init__(**kwargs)
        self.class_names, self.image_size = list(class_names), image_size
        self.learning_rate = learning_rate
        self.settings = {
            "class_names": list(class_names),
            "image_size": image_size,
            "tower": tower,
            "width": width,
            "dropout": dropout,
            "learning_rate": learning_rate,
        }
        _, first, shared = task_tower(
            tower,
            image_size=image_size,
            classes=len(self.class_names),
            width=width,
            quaternion=self.quaternion,
            dropout=dropout,
        )
        images = keras.Input((image_size, image_size, 3), name="images")
        self.network = keras.Model(images, shared(first(images / 127.5 - 1.0)), name="tower")
        self.built = True

    @classmethod
    def from_pixelda(cls, refiner):
        """T of a trained `PixelDA`, as it judges refined and real images."""
        if refiner.use_depth or refiner.quaternion != cls.quaternion:
            raise RefinezooError(
                f"expected a PixelDA on RGB with quaternion={cls.quaternion}, received one with "
                f"use_depth={refiner.use_depth}, quaternion={refiner.quaternion}."
            )
        settings = refiner.settings
        model = cls(
            settings["class_names"],
            image_size=settings["image_size"],
            tower=settings["tower"],
            width=settings["tower_width"],
            dropout=settings["tower_dropout"],
        )
        model.network.set_weights(refiner.task_network.get_weights())
        return model

    def call(self, images, training=False):
        """RGB `[B, S, S, 3]` in 0..255 to logits `[B, K]`."""
        return self.network(images, training=training)["label"]

    def compile(self, optimizer=None, loss=None, metrics=None, jit_compile="auto", **kwargs):
        """As `keras.Model.compile`; Adam, softmax cross-entropy and accuracy by default."""
        super().compile(
            optimizer=optimizer or keras.optimizers.Adam(self.learning_rate),
            loss=loss or keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            metrics=metrics or [keras.metrics.SparseCategoricalAccuracy(name="accuracy")],
            jit_compile=choose_jit(jit_compile),
            **kwargs,
        )

    def check_targets(self, labels, count):
        """Checks the labels, int `[N]`."""
        check_labels(labels, len(self.class_names))

    def predict_labels(self, images, batch_size=256):
        """Class indices, int `[N]`, of uint8 images `[N, S, S, 3]`."""
        self.check_images(images)
        return np.argmax(self.predict(images, batch_size=batch_size, verbose=0), axis=-1)

    def predict_probability(self, images, batch_size=256):
        """Softmax probabilities, float32 `[N, K]`, of uint8 images `[N, S, S, 3]`."""
        self.check_images(images)
        logits = self.predict(images, batch_size=batch_size, verbose=0)
        return ops.convert_to_numpy(ops.softmax(logits))
