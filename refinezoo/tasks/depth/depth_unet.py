"""Monocular depth: the U-Net of T2Net alone, and what T2Net shares with it.

    L = lambda_task L_t + lambda_smoothness L_s

Trained on synthetic pairs it is T2Net's baseline `all-synthetic`, on refined ones `separate`, on
real ones `all-real`. Reference: Zheng et al. 2018, arXiv 1808.01454.
"""

from collections.abc import Callable

import keras
import numpy as np
from keras import layers, ops
from pydantic import NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt

from refinezoo.data.depth import resize_depth
from refinezoo.errors import RefinezooError
from refinezoo.losses.depth import Order, depth_task_loss, smoothness_loss
from refinezoo.metrics.depth import depth_metrics
from refinezoo.models.images import pad_to_multiple
from refinezoo.models.registry import register
from refinezoo.networks.depth_unet import BACKBONES, LEAST, STRIDE, depth_unet
from refinezoo.tasks.depth.checks import check_metres, check_sizes
from refinezoo.tasks.depth.kind import DEPTH
from refinezoo.training import AlternatingModel, Objective, Player, Turn
from refinezoo.training.players import to_float
from refinezoo.training.schedules import decayed
from refinezoo.training.start import slow_backbone, start_backbone


class DepthPredictor:
    """Mixin of models with a `depth_inference`: images in [-1, 1] to depth in metres."""

    depth_inference: keras.Model
    max_depth: float
    predict_in_steps: Callable

    def predict_depth(self, images: np.ndarray, batch_size: int = 8) -> np.ndarray:
        """Depth of images of any size; T2Net looks at the raw photo, its translator rests.

        Args:
            images: uint8 `[B, H, W, 3]` or `[H, W, 3]`, RGB, or a list of images.
            batch_size: images per pass.

        Returns:
            float32 `[B, H, W, 1]` or `[H, W, 1]`, metres, between 0 and `max_depth`.

        Raises:
            RefinezooError: for other images.
        """
        depth = self.predict_in_steps(
            images, depth_batch, self.depth_inference.predict_on_batch, depth_answer, batch_size
        )
        return depth[0] if np.ndim(images) == 3 else depth

    def evaluate_depth(
        self,
        images: np.ndarray,
        depth_m: np.ndarray,
        *,
        min_depth: float = 1e-3,
        max_depth: float | None = None,
        crop: tuple[float, float, float, float] | None = None,
        batch_size: int = 8,
    ) -> dict[str, float]:
        """abs_rel, sq_rel, rmse, rmse_log, delta1 to 3 on labelled images.

        Args:
            images: uint8 `[B, H, W, 3]`.
            depth_m: `[B, h, w, 1]`, metres, 0 or NaN = missing; of another size than the images,
                predictions are scaled to it bilinearly.
            min_depth: metres, see `metrics.depth.depth_metrics`.
            max_depth: metres; None is the model's.
            crop: as `metrics.depth.depth_metrics`.
            batch_size: images per pass.
        """
        predicted, truth = self.predict_depth(images, batch_size), np.asarray(depth_m)
        if truth.ndim == 4 and truth.shape[1:3] != predicted.shape[1:3]:
            predicted = resize_depth(predicted, *truth.shape[1:3])
        return depth_metrics(
            predicted, truth, min_depth=min_depth, max_depth=max_depth or self.max_depth, crop=crop
        )


@register
class DepthUNet(DepthPredictor, AlternatingModel):
    """T2Net's depth network, trained by itself on images with depth.

    `fit(images, depth_m)` and `evaluate(images, depth_m)` take arrays, uint8 `[B, H, W, 3]` and
    metres `[B, H, W, 1]` with 0 or NaN = missing, or anything that yields such pairs; `predict`
    gives metres. `evaluate` gives the losses, `evaluate_depth` the field's metrics.

    Args:
        width: filters of the first layer (64 in the paper).
        backbone: `"t2net"`, the paper's encoder, or `"efficientnet_lite0"`, of which the zoo has
            ImageNet weights: call `start_from` before `fit`.
        batch_norm: True trains the batch normalisation of EfficientNet-Lite0, which None keeps as
            it is.
        max_depth: metres that the network can say: 8 indoor, 80 outdoor. Farther counts as that.
        lambda_task: weight of L_t.
        lambda_smoothness: weight of L_s.
        smoothness_order: which scale weighs most in L_s, see `losses.depth.smoothness_loss`.
        learning_rate: of Adam in `compile()`; EfficientNet-Lite0 moves at a tenth of it.
        decay_steps: `(constant, linear)`: steps at that rate, then steps in which it falls to 0;
            None keeps the rate.

    Example:
        >>> model = DepthUNet(width=16)
        >>> model.compile()
        >>> model.fit(images, depth_m, batch_size=6, epochs=10)
        >>> model.evaluate_depth(photos, true_depth_m)["abs_rel"]
    """

    kind = DEPTH
    stride = STRIDE

    def __init__(
        self,
        *,
        width: PositiveInt = 64,
        backbone: str = BACKBONES[0],
        batch_norm: bool | None = None,
        max_depth: PositiveFloat = 8.0,
        lambda_task: NonNegativeFloat = 100.0,
        lambda_smoothness: NonNegativeFloat = 0.1,
        smoothness_order: Order = "coarse_first",
        learning_rate: NonNegativeFloat = 1e-4,
        decay_steps: tuple[NonNegativeInt, NonNegativeInt] | None = None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.max_depth, self.smoothness_order = max_depth, smoothness_order
        self.learning_rate, self.decay_steps = learning_rate, decay_steps
        self.depth_network = depth_unet(width=width, backbone=backbone, batch_norm=batch_norm)
        self.inference_network = self.depth_inference = in_metres(self.depth_network, max_depth)
        self.track_losses({"task": lambda_task, "smoothness": lambda_smoothness})
        self.built = True

    def call(self, images, training=False):
        """uint8 or float in [-1, 1] `[B, H, W, 3]`, sides multiples of 16, to metres."""
        return self.depth_inference(to_float(images), training=training)

    def to_batch(self, images):
        """See `depth_batch`."""
        return depth_batch(images)

    def run(self, batch):
        """Padded images to metres."""
        return self.depth_inference.predict_on_batch(batch)

    def to_answer(self, outputs, images):
        """Metres, float32 `[B, H, W, 1]`."""
        return depth_answer(outputs, images)

    def players(self):
        """The network alone."""
        return {"depth": Player((self.depth_network,))}

    def turns(self):
        """One gradient step."""
        return [Turn((Objective(self.depth_loss, (self.depth_network,)),))]

    def default_optimizers(self):
        """Adam, as the published code trains this network alone."""
        rate = decayed(self.learning_rate, self.decay_steps)
        return {"depth": slow_backbone(rate, epsilon=1e-8)}

    def start_from(self, source):
        """Takes over a trained efficientnet_lite0; see `training.start.start_backbone`."""
        return start_backbone(self.depth_network, source)

    def depth_loss(self, batch, outputs):
        """L_t and L_s of the four outputs."""
        _, *maps = self.depth_network(batch["image"], training=outputs["training"])
        return {
            "task": depth_task_loss(maps, batch["depth_m"], self.max_depth),
            "smoothness": smoothness_loss(maps, batch["image"], self.smoothness_order),
        }, {}

    def check_keys(self, data):
        """Refuses what is not `(images, depth_m)`."""
        images, depth, _ = keras.utils.unpack_x_y_sample_weight(data)
        if depth is None or isinstance(images, dict):
            raise RefinezooError(
                "expected batches (images, depth_m), uint8 [B, H, W, 3] and metres [B, H, W, 1], "
                f"received {'no depth_m' if depth is None else 'a dictionary'}. Call "
                "fit(images, depth_m), or yield such pairs."
            )

    def check_batch(self, data):
        """`(images, depth_m)` as float32; sizes that do not fit are named."""
        self.check_keys(data)
        images, depth, _ = keras.utils.unpack_x_y_sample_weight(data)
        batch = {"image": to_float(images), "depth_m": ops.convert_to_tensor(depth)}
        check_sizes(batch)
        return batch

    def check_values(self, batch):
        """Refuses sizes that do not fit, and depth that is not in metres or missing altogether."""
        if isinstance(batch, (tuple, list)) and len(batch) > 1:
            check_sizes({"image": batch[0], "depth_m": batch[1]})
            check_metres(batch[1], self.max_depth)


def depth_batch(images: list[np.ndarray]) -> np.ndarray:
    """uint8 images of one size, padded to what the U-Net can halve, in [-1, 1]."""
    return pad_to_multiple(np.stack(images), STRIDE, LEAST).astype("float32") / 127.5 - 1.0


def depth_answer(metres: np.ndarray, images: list[np.ndarray]) -> np.ndarray:
    """The maps of `depth_batch` at the images' own size, float32 `[B, H, W, 1]`."""
    height, width = images[0].shape[:2]
    return np.asarray(metres, "float32")[:, :height, :width]


def in_metres(network: keras.Model, max_depth: float) -> keras.Model:
    """The full-size output of a `depth_unet` as metres, `[B, H, W, 3]` to `[B, H, W, 1]`."""
    images = keras.Input((None, None, 3), name="images")
    finest = network(images)[-1]
    metres = layers.Rescaling(max_depth / 2, max_depth / 2, dtype="float32")(finest)
    return keras.Model(images, metres, name="depth")
