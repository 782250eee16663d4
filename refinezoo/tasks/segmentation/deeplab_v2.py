"""DeepLab-v2: atrous convolutions, spatial pyramid pooling, several scales of the image.

    L = CE(f(x)) + CE(f(0.75 x)) + CE(f(0.5 x)) + CE(max of the three at the size of the first)

f gives logits at an eighth of its image's size; CE reduces the labels to each map. At test time the
fused map is enlarged bilinearly and every pixel gets its best class. The paper's dense CRF, which
adds 1.3 points of mean IoU on VOC, is left out: no library installs without a C++ compiler.

Reference:
    Chen et al., DeepLab: Semantic Image Segmentation with Deep Convolutional Nets, Atrous
    Convolution, and Fully Connected CRFs, arXiv 1606.00915.
"""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from pydantic import PositiveFloat

from refinezoo.data.image_size import height_and_width
from refinezoo.errors import RefinezooError, did_you_mean
from refinezoo.losses.segmentation import multi_scale_loss
from refinezoo.models.arguments import ClassNames
from refinezoo.models.base import Model
from refinezoo.models.images import checked_images
from refinezoo.models.registry import register
from refinezoo.networks.deeplab_lite0 import deeplab_lite0
from refinezoo.networks.deeplab_resnet import deeplab_resnet
from refinezoo.networks.deeplab_vgg import deeplab_vgg
from refinezoo.renames import renamed
from refinezoo.tasks.segmentation.checks import check_labelled, checked_masks, checked_settings
from refinezoo.tasks.segmentation.kind import SEGMENTER, Segments
from refinezoo.tasks.segmentation.multi_scale import (
    class_id_network,
    multi_scale_network,
    probabilities,
)
from refinezoo.training.first_batch import first_batch
from refinezoo.training.jit import choose_jit
from refinezoo.training.layerwise import LayerwiseSGD
from refinezoo.training.schedules import Poly
from refinezoo.training.start import copy_layers, opened

# Network, its options, the paper's rates of atrous convolution, its learning rate.
BACKBONES: dict[str, tuple[Any, dict[str, Any], tuple[int, ...], float]] = {
    "resnet101": (deeplab_resnet, {}, (6, 12, 18, 24), 2.5e-4),
    "vgg16_largefov": (deeplab_vgg, {"large_fov": True}, (12,), 1e-3),
    "vgg16_aspp": (deeplab_vgg, {}, (6, 12, 18, 24), 1e-3),
    "efficientnet_lite0": (deeplab_lite0, {}, (6, 12, 18, 24), 2.5e-4),
}
# What scores classes starts from nothing and learns faster; biases and scales do not decay.
_RULES = (
    (r"^(aspp|fc8)_\d+/kernel$", 10, 1),
    (r"^(aspp|fc8)_\d+/bias$", 20, 0),
    (r"/(gamma|beta)$", 1, 0),
    (r"/bias$", 2, 0),
)


@register
class DeepLabV2(Segments, Model):
    """DeepLab-v2; the paper's networks at its defaults, without the CRF.

    `fit(images, masks)`: uint8 `[N, H, W, 3]` RGB, int `[N, H, W]` class ids or `ignore_id`; data
    sets of such batches as well. `evaluate` gives the loss, `evaluate_masks` the field's metrics;
    `predict` and `segment` give class ids.

    Args:
        class_names: names of the K classes, in the order of their ids from 0.
        backbone: `"resnet101"`, `"vgg16_largefov"` or `"vgg16_aspp"`, or `"efficientnet_lite0"`, of
            which the zoo has ImageNet weights: call `start_from` before `fit`.
        width_multiplier: multiplies the network's channels.
        depth_multiplier: multiplies its blocks, or the convolutions of each block of VGG16.
        batch_norm: trains batch normalisation (which VGG16 otherwise lacks and the others keep
            frozen): needed from scratch.
        output_stride: pixels per cell of the scores, 8 in the paper; EfficientNet-Lite0 also takes
            16, at which the default rates are half as large.
        rates: of the atrous convolutions that score; None is the backbone's of the paper, which
            was trained at 321 px. Maps of less than about 24 cells need smaller ones.
        scales: of the image that the network sees, the first 1; `(1,)` is the network alone, at
            55 % of the time.
        ignore_id: id of mask pixels that do not count, K to 255.
        image_size: height and width it is trained at, or one side, which fixed-size exports take;
            any size can be given to it all the same.
        **kwargs: `name`, `dtype` of `keras.Model`.

    Example:
        >>> model = DeepLabV2(names, width_multiplier=0.25, batch_norm=True, rates=(1, 2, 4, 6))
        >>> model.compile(keras.optimizers.Adam(1e-3))
        >>> model.fit(images, masks, batch_size=8, epochs=40)
        >>> model.evaluate_masks(photos, true_masks)["mean_iou"]
    """

    kind = SEGMENTER

    @renamed(width="width_multiplier", depth="depth_multiplier")
    def __init__(
        self,
        class_names: ClassNames,
        *,
        backbone: str = "resnet101",
        width_multiplier: PositiveFloat = 1.0,
        depth_multiplier: PositiveFloat = 1.0,
        batch_norm: bool = False,
        output_stride: int = 8,
        rates: Sequence[int] | None = None,
        scales: Sequence[float] = (1, 0.75, 0.5),
        ignore_id: int = 255,
        image_size: int | Sequence[int] | None = None,
        **kwargs,
    ) -> None:
        if backbone not in BACKBONES:
            raise RefinezooError(
                f"expected backbone as one of {', '.join(BACKBONES)}, received {backbone!r}."
                + did_you_mean(backbone, BACKBONES)
            )
        names = checked_settings(class_names, scales, ignore_id)
        super().__init__(**kwargs)
        self.class_names, self.ignore_id, self.backbone = names, int(ignore_id), backbone
        self.image_size = None if image_size is None else height_and_width(image_size)
        build, options, paper_rates, _ = BACKBONES[backbone]
        strides = (8, 16) if build is deeplab_lite0 else (8,)
        if output_stride not in strides:
            raise RefinezooError(
                f"expected output_stride {' or '.join(map(str, strides))} with "
                f"backbone={backbone!r}, received {output_stride!r}."
            )
        if build is deeplab_lite0:
            options = {"output_stride": output_stride}
            paper_rates = tuple(rate * 8 // output_stride for rate in paper_rates)
        self.network = build(
            len(names),
            rates=rates or paper_rates,
            width_multiplier=width_multiplier,
            depth_multiplier=depth_multiplier,
            batch_norm=batch_norm,
            **options,
        )
        maps = multi_scale_network(self.network, scales)
        # Not tracked: they share the network's weights and must not appear in its checkpoints.
        object.__setattr__(self, "multi_scale", maps)
        object.__setattr__(self, "segmentation_model", class_id_network(maps))
        self.built = True

    @property
    def inference_network(self) -> keras.Model:
        """The functional model of one scale, whose weights a preset ships."""
        return self.network

    def call(self, images, training=False):
        """RGB `[B, H, W, 3]` in 0..255 to the list of logits of `multi_scale_network`."""
        return keras.tree.flatten(self.multi_scale(images, training=training))

    def start_from(self, source) -> int:
        """Takes over what another model has learnt, above all a backbone.

        Args:
            source: `"efficientnet_lite0_imagenet"`, or a DeepLabV2 of this architecture with
                whatever classes (the scores of the same classes alone): a model, a preset folder or
                a name of the zoo.

        Returns:
            The number of layers copied.

        Raises:
            RefinezooError: no layer fits.
        """
        source = opened(source)
        same = self.class_names == getattr(source, "class_names", None)
        return copy_layers(
            self.network, source, lambda name: same or not name.startswith(("aspp_", "fc8_"))
        )

    def compile(self, optimizer=None, *, steps=20_000, jit_compile="auto", **kwargs):
        """Configures training; the loss is the method's own.

        Args:
            optimizer: the paper's by default, which starts from pretrained weights: SGD with
                momentum 0.9, `poly` rate of power 0.9, 2.5e-4 (VGG16: 1e-3), ten times that for
                the scores and twenty for their biases, weight decay 5e-4. From scratch take Adam at
                1e-3 and `batch_norm=True`.
            steps: of the default optimizer's schedule; 10 images each in the paper.
            jit_compile: as in `keras.Model.compile`; see `choose_jit` for "auto".
            **kwargs: as in `keras.Model.compile`, without `loss`.
        """
        if kwargs.pop("loss", None) is not None:
            raise RefinezooError(
                "expected no loss: DeepLabV2 has its own, summed over the scales. Override "
                "compute_loss for another."
            )
        if optimizer is None:
            rate = Poly(BACKBONES[self.backbone][-1], steps, every=10)
            optimizer = LayerwiseSGD(rate, _RULES, l2=5e-4)
        super().compile(optimizer=optimizer, jit_compile=choose_jit(jit_compile), **kwargs)

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        """The sum of the cross-entropies of all maps."""
        if sample_weight is not None:
            raise RefinezooError(
                "expected batches (images, masks), received sample weights too. Give pixels that "
                f"shall not count the id {self.ignore_id}."
            )
        if len(y.shape) == 4:
            y = y[..., 0]
        return multi_scale_loss(y_pred, y, self.ignore_id)

    def fit(self, x=None, y=None, *args, **kwargs):
        """As `keras.Model.fit`; arrays are checked as a whole, data sets by their first batch."""
        if y is not None:
            check_labelled(self.check_values((x, y)), self.ignore_id)
        else:
            batch, x = first_batch(x)
            self.check_values(batch)
        return super().fit(x, y, *args, **kwargs)

    def evaluate(self, x=None, y=None, *args, **kwargs):
        """As `keras.Model.evaluate`: the loss. `evaluate_masks` gives the metrics."""
        if y is not None:
            self.check_values((x, y))
        return super().evaluate(x, y, *args, **kwargs)

    def check_values(self, batch):
        """Checks `(images, masks)`, NumPy, and returns the masks `[B, H, W]`.

        Raises:
            RefinezooError: no such pair, images or masks of another kind or size, unknown ids.
        """
        if not isinstance(batch, tuple | list) or len(batch) < 2:
            raise RefinezooError(
                f"expected batches (images, masks), received {type(batch).__name__}. Call "
                "fit(images, masks), or yield such pairs."
            )
        images = checked_images(batch[0])
        return checked_masks(batch[1], images, len(self.class_names), self.ignore_id)

    def predict_probability(self, images, batch_size=8):
        """Of each class and pixel, float32 `[B, H, W, K]`, of uint8 images `[B, H, W, 3]`."""
        return probabilities(self.multi_scale, checked_images(images), batch_size)

    def to_batch(self, images):
        """uint8 `[B, H, W, 3]`."""
        return np.stack(images)

    def run(self, batch):
        """Images to class ids."""
        return self.segmentation_model.predict_on_batch(batch)

    def to_answer(self, outputs, images):
        """Class ids, uint8 `[B, H, W]`."""
        return outputs
