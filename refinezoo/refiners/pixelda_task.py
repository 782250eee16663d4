"""PixelDA's task model T: from what it is made, on what it learns, and what it says."""

import keras
import numpy as np
from keras import ops

from refinezoo.errors import RefinezooError
from refinezoo.losses.task import class_loss, quaternion_loss
from refinezoo.models.arguments import bound_arguments
from refinezoo.models.registry import model_class, task_of
from refinezoo.networks import task_tower
from refinezoo.tasks.classification.kind import CLASSIFIER
from refinezoo.tasks.pose.kind import POSE
from refinezoo.training.checks import (
    check_depth,
    check_image_size,
    check_labels,
    check_mask_polarity,
    check_quaternions,
)


class TaskInside:
    """Mixin, first of PixelDA's bases."""

    @classmethod
    def with_task(cls, name, arguments, **settings):
        """PixelDA whose T is the tower that a task model would have.

        Args:
            name: of the task model's class, `"Classifier"` or `"PoseTower"`.
            arguments: its constructor's.
            **settings: of PixelDA itself.
        """
        if task_of(name) not in ("classification", "pose"):
            raise RefinezooError(f"expected a Classifier or PoseTower, received a {name}.")
        tower = bound_arguments(model_class(name), (), arguments)
        shared = {key: tower[key] for key in ("class_names", "image_size", "tower")}
        shared |= {
            "tower_width_multiplier": tower["width_multiplier"],
            "tower_dropout": tower["dropout"],
        }
        if (xi := tower.get("lambda_quaternion")) is not None:
            shared |= {"quaternion": True, "lambda_quaternion": (xi, xi / 2)}
        return cls(**{**shared, **settings})

    def declare_task(self, tower, **settings):
        """Makes T; the arguments are those of `networks.task_tower`."""
        side = self.image_size
        self.tower = task_tower(
            tower,
            image_size=side,
            classes=len(self.class_names),
            quaternion=self.quaternion,
            **settings,
        )
        images = keras.Input((side, side, settings["channels"]), name="task_images")
        answers = self.tower.shared(self.tower.private_real(images))
        self.task_network = keras.Model(images, answers, name="task")

    def task_losses(self, synthetic, answers):
        """L_t of T's answers to images with the labels of `synthetic`, name -> scalar."""
        losses = {"class": class_loss(synthetic["label"], answers["label"])}
        if self.quaternion:
            losses["quaternion"] = quaternion_loss(synthetic["quaternion"], answers["quaternion"])
        return losses

    def keep_with_task(self, images, refined):
        """Makes the refiner with T of the refiner's input and output."""
        square = self.task_network.input
        self.refiner_and_task = keras.Model(
            [images, square], [refined, self.task_network(square)], name="pixelda"
        )

    @property
    def preset_network(self):
        """The refiner with T, which is what it was trained for."""
        return self.refiner_and_task

    # ---- what goes in

    def check_batch(self, data):
        """As the base class; also sizes, and `x`, `y`: the images that G and D see."""
        batch = super().check_batch(data)
        synthetic, real = batch["synthetic"], batch["real"]
        check_image_size(batch, (self.image_size, self.image_size), type(self).__name__)
        counts = synthetic["image"].shape[0], real["image"].shape[0]
        if None not in counts and counts[0] != counts[1]:
            raise RefinezooError(
                "expected as many real as synthetic images in a batch, received "
                f"{counts[0]} synthetic and {counts[1]} real ones. Give both halves one batch "
                "size, and drop the last, smaller batch of an epoch."
            )
        batch["x"] = self.with_depth(synthetic["image"], synthetic.get("depth_m"))
        batch["y"] = self.with_depth(real["image"], real.get("depth_m"))
        return batch

    def check_values(self, batch):
        """Checks a batch of NumPy arrays for what a compiled step cannot say in words.

        Raises:
            RefinezooError: missing keys, halves of different size, labels out of range,
                quaternions that are not of length 1, depth not in metres, inverted masks.
        """
        self.check_batch(batch)
        batch, _, _ = keras.utils.unpack_x_y_sample_weight(batch)
        synthetic, real = batch["synthetic"], batch["real"]
        check_labels(synthetic["label"], len(self.class_names))
        if self.quaternion:
            check_quaternions(synthetic["quaternion"])
        if self.use_depth:
            check_depth(synthetic["depth_m"], self.max_depth)
            check_depth(real["depth_m"], self.max_depth)
        if "foreground_mask" in synthetic:
            check_mask_polarity(
                synthetic["image"], synthetic["foreground_mask"], synthetic.get("depth_m")
            )

    # ---- what comes out

    @property
    def task_kind(self):
        """What T does: `CLASSIFIER`, or `POSE`."""
        return POSE if self.quaternion else CLASSIFIER

    def predict_task(self, images, depth_m=None, batch_size=32):
        """T on real (or refined) images.

        Args:
            images: uint8 `[B, S, S, 3]`, RGB.
            depth_m: float `[B, S, S, 1]`, metres, if the model uses depth.
            batch_size: images per pass.

        Returns:
            `{"label": int [B], "probability": float [B, K][, "quaternion": float [B, 4]]}`.
        """
        images = np.asarray(images)
        side = self.image_size
        if images.dtype != np.uint8 or images.shape[1:] != (side, side, 3):
            raise RefinezooError(
                f"expected uint8 images [B, {side}, {side}, 3], the size that T was built for, "
                f"received {images.dtype} {list(images.shape)}. Resize them."
            )
        inputs = self.checked_rgbd(images, depth_m) if self.use_depth else images / 127.5 - 1.0
        answers = self.task_network.predict(inputs.astype("float32"), batch_size, verbose=0)
        probability = ops.convert_to_numpy(ops.softmax(answers["label"]))
        found = {"label": probability.argmax(axis=-1), "probability": probability}
        return found | ({"quaternion": answers["quaternion"]} if self.quaternion else {})

    def predict_labels(self, images, depth_m=None, batch_size=32):
        """The class of each image by T, int `[B]`; arguments as `predict_task`."""
        return self.predict_task(images, depth_m, batch_size)["label"]
