"""The photos' light and camera: colours, sharpness, noise, lens and JPEG; it learns nothing."""

from collections.abc import Iterable, Iterator
from typing import Any

import keras
import numpy as np
from pydantic import PositiveInt

from refinezoo.layers.camera import Camera
from refinezoo.layers.colour import ColourTransport
from refinezoo.models.registry import register
from refinezoo.refiners.refiner import Refiner, no_seed, unpack


@register
class CameraModel(Refiner):
    """`PopulationTransport`, then the sharpness and the noise of a random real photo.

    What a photo has beyond the renders is added at the size at which it was measured: give
    `adapt` photos and renders of the size that is refined.

    Args:
        photos: number of real photos whose camera is kept; `adapt` fills them.
        vignetting: also the light that the photos lose towards their corners, the same for all.
        jpeg: also the artefacts of JPEG at the quality of the photo that is drawn. Only photos that
            were neither resized nor cropped since they were saved show it; others add none.
    """

    def __init__(
        self,
        *,
        photos: PositiveInt = 256,
        vignetting: bool = False,
        jpeg: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.photos = photos
        self.colour = ColourTransport(name="colour")
        self.camera = Camera(photos, vignetting, jpeg, name="camera")
        images = keras.Input((None, None, 3), name="images")
        outputs = self.clip_layer(images, no_seed(images))
        self.inference_network = keras.Model(images, outputs, name="camera_model")
        self.built = True

    def adapt(
        self,
        real_images: Iterable[np.ndarray],
        seed: int = 0,
        renders: Iterable[np.ndarray] | None = None,
    ) -> "CameraModel":
        """Takes the statistics of both.

        Args:
            real_images: iterable of uint8 `[H, W, 3]`, RGB, of any sizes.
            seed: of the choice of `photos` among them.
            renders: iterable of the same kind.

        Raises:
            RefinezooError: there are no photos or no renders.
        """
        of_photos: list[np.ndarray] = []
        of_renders: list[np.ndarray] = []
        self.colour.adapt(
            self._seen(real_images, of_photos),
            self._seen(() if renders is None else renders, of_renders),
        )
        self.camera.adapt(of_photos, of_renders, seed)
        return self

    def clip_layer(self, images, seed, clip=None):
        """Colours, then camera; with a clip `[K, H, W, 3]` those of all of it."""
        return self.camera(self.colour(images, seed, clip=clip), images, seed, clip=clip)

    def call(self, inputs, training=False):
        """Float `[B, H, W, 3]` in [-1, 1] to the same."""
        return self.clip_layer(*unpack(inputs))

    def _seen(
        self, images: Iterable[np.ndarray], cameras: list[np.ndarray]
    ) -> Iterator[np.ndarray]:
        """The images, and what is measured of each put into the list: both in one pass."""
        for image in images:
            cameras.append(self.camera.measured(image))
            yield image
