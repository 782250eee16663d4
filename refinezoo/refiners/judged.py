"""What refiners with a projected discriminator share: choosing it, its features, its view."""

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np

from refinezoo.errors import RefinezooError, did_you_mean
from refinezoo.refiners.judge import ProjectedJudge

DISCRIMINATORS = ("patch", "projected", "both")


class Judged:
    """Mixin of refiners that can be judged by frozen features, beside or instead of patches.

    `declare_judge` comes in the constructor, `prepare_judge` in `prepare_training`: a refiner that
    only refines, as `refinezoo.load` makes it, has neither features nor heads.
    """

    judged: tuple[str, ...] = ("real",)  # the domains that have heads
    regions = False  # whether foreground and background have heads of their own
    judge: Any
    backbone: Any
    given_backbone: Any
    seed: int | None
    optimizer: Any

    def declare_judge(self, discriminator: str, judge: dict | None, backbone: Any) -> None:
        """Keeps what the user chose; the arguments of the same name of a refiner.

        Raises:
            RefinezooError: a discriminator or a setting that there is not.
        """
        _check_choice(discriminator, DISCRIMINATORS, "discriminator")
        arguments = inspect.signature(ProjectedJudge).parameters
        known = [name for name, each in arguments.items() if each.kind is each.KEYWORD_ONLY]
        for name in judge or {}:
            _check_choice(name, [name for name in known if name != "regions"], "a judge setting")
        self.patches, self.projected = discriminator != "projected", discriminator != "patch"
        self.judge = self.backbone = None
        self.judge_settings = dict(judge or {})
        object.__setattr__(self, "given_backbone", backbone)  # neither trained nor saved

    def prepare_judge(self, features: bool = False) -> None:
        """Makes, once, the judge if there is one, and what `features` alone need too."""
        if self.backbone is None and (self.projected or features):
            self.backbone = self.given_backbone or imagenet_backbone()
            self.backbone.trainable = False
        if self.judge is None and self.projected:
            settings = {"seed": self.seed, **self.judge_settings}
            self.judge = ProjectedJudge(
                self.backbone, self.judged, regions=self.regions, **settings
            )

    def features(self, images: Any) -> list[Any]:
        """The three finest maps of the frozen `backbone`, of images in [-1, 1]."""
        return keras.tree.flatten(self.backbone(images, training=False))[:3]

    def look(self, images: Sequence[Any], outputs: dict, masks: Any = None) -> list[dict]:
        """`ProjectedJudge.look` at the current step, augmented in training alone."""
        step = self.optimizer.iterations
        return self.judge.look(images, masks, step, augment=outputs["training"])


def imagenet_backbone() -> keras.Model:
    """EfficientNet-Lite0 of the zoo: images in [-1, 1] to maps of stride 4, 8, 16 and 32."""
    import refinezoo

    return refinezoo.load("efficientnet_lite0_imagenet").backbone(taps=(4, 8, 16, 32))


def crop_descriptor(backbone: keras.Model | None = None) -> Callable[[np.ndarray], np.ndarray]:
    """What `refinezoo.data.MatchedCrops` compares: the means of the third map of `backbone`.

    Args:
        backbone: None is `imagenet_backbone()`, whose map has stride 16 and 112 channels.

    Returns:
        A function, uint8 `[N, S, S, 3]` to float32 `[N, D]`.
    """
    backbone = backbone or imagenet_backbone()
    means = keras.layers.GlobalAveragePooling2D()(backbone.outputs[2])
    network = keras.Model(backbone.inputs, means)
    return lambda crops: np.asarray(network.predict_on_batch(crops.astype("float32") / 127.5 - 1.0))


def _check_choice(name: str, known: Sequence[str], what: str) -> None:
    if name not in known:
        raise RefinezooError(
            f"expected {what} as one of {', '.join(known)}, received {name!r}."
            + did_you_mean(name, known)
        )
