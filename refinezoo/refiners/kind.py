"""What refiners predict: images of the same size, and those of RGB and depth."""

from typing import Any

import numpy as np

from refinezoo.errors import RefinezooError
from refinezoo.models.differences import psnr
from refinezoo.models.kind import Kind, Output
from refinezoo.models.registry import register_kind


class Refines:
    """`refine`, over `predict`."""

    predict: Any

    def refine(
        self, images: Any, strength: float = 1.0, seed: int | None = None, batch_size: int = 8
    ) -> Any:
        """Refines images; no pixel moves, the size stays.

        Args:
            images: uint8 `[B, H, W, 3]` or `[H, W, 3]`, RGB, any H and W of at least 1, or a list
                of images of different sizes.
            strength: 0 returns the input, 1 the refined image, between them a blend.
            seed: for refiners that draw a real photo at random; the draw depends on the image and
                the seed alone, never on its neighbours in the batch. None is 0.
            batch_size: images per pass.

        Returns:
            uint8 of the same shape; a list where the sizes differ.

        Raises:
            RefinezooError: for another dtype, shape or strength.
        """
        check_strength(strength)
        refined = self.predict(images, batch_size, verbose=0, seed=seed or 0)
        if isinstance(refined, list):
            return [blended(*pair, strength) for pair in zip(images, refined, strict=True)]
        refined = blended(images, refined, strength)
        return refined[0] if np.ndim(images) == 3 else refined


def check_strength(strength: float) -> None:
    """Raises a RefinezooError for a strength beyond 0 and 1."""
    if not 0.0 <= strength <= 1.0:
        raise RefinezooError(f"expected strength in [0, 1], received {strength}.")


def blended(images: Any, refined: np.ndarray, strength: float) -> np.ndarray:
    """uint8 images between the input (strength 0) and the refined ones (1)."""
    if strength == 1.0:
        return refined
    images = np.asarray(images, "float32").reshape(refined.shape)
    blend = images + strength * (refined.astype("float32") - images)
    return np.clip(np.rint(blend), 0, 255).astype(np.uint8)


class RefinerKind(Kind):
    """uint8 images to uint8 images."""

    name = "refiner"
    outputs = {"refined": Output("uint8", ("H", "W", 3), limits=(0, 255), order="RGB")}
    error_unit = "levels of 255"
    gate = ("PSNR dB", 35.0)
    hub_task = "image-to-image"
    conveniences = Refines

    def signatures(self, model, max_image_pixels):
        """`serving_default` and `tensor`; with those of depth where the model says that too."""
        from refinezoo.refiners.signatures import refiner_signatures

        return refiner_signatures(model, max_image_pixels) | model.more_signatures(max_image_pixels)

    def graph(self, model):
        """uint8 `[1, H, W, 3]` to `refined`."""
        from refinezoo.refiners.signatures import refine_function

        refine = refine_function(model)
        return lambda images: {"refined": refine(images)}

    def draw(self, model, image, answer, truth=None):
        """Before and after, side by side."""
        from refinezoo.data.drawing import shown_at

        refined = answer["refined"] if isinstance(answer, dict) else answer
        return np.concatenate([shown_at(each) for each in (image, refined)], axis=1)

    def words(self, model, answer):
        """What it is."""
        return "before and after"

    def difference(self, wanted, given):
        """`max_abs_error` in levels, and `psnr` in dB."""
        pairs = list(zip(wanted, given, strict=True))
        largest = max(int(np.abs(a.astype(np.int16) - b).max()) for a, b in pairs)
        return {"max_abs_error": largest, "psnr": psnr(wanted, given)}

    def lost(self, wanted, given):
        """PSNR."""
        value = psnr(wanted, given)
        return value, value >= self.gate[1]


class RgbdRefines(Refines):
    """`refine_rgbd`, over `predict`."""

    use_depth = True

    def refine(self, images, strength=1.0, seed=None, batch_size=8):
        """As every refiner; this one has `refine_rgbd` instead."""
        raise RefinezooError(
            "expected depth beside the images (this model refines RGB and depth), received "
            "images alone. Call refine_rgbd(images, depth_m)."
        )

    def refine_rgbd(self, images, depth_m, seed=None, batch_size=8):
        """uint8 `[B, H, W, 3]` and metres `[B, H, W, 1]` to the same, see `PixelDA.refine_rgbd`."""
        found = self.predict({"images": images, "depth_m": depth_m}, batch_size, seed=seed or 0)
        return found["refined"], found["depth_m"]


class RgbdRefinerKind(RefinerKind):
    """uint8 images and depth to uint8 images and depth."""

    name = "rgbd"
    outputs = {**RefinerKind.outputs, "depth_m": Output("float32", ("H", "W", 1), "metres")}
    saved_model_only = "a refiner of RGB and depth"
    conveniences = RgbdRefines

    def signatures(self, model, max_image_pixels):
        """`serving_default` and `tensor`, of images and depth both."""
        from refinezoo.refiners.rgbd_signatures import rgbd_signatures

        return rgbd_signatures(model, max_image_pixels)

    def difference(self, wanted, given):
        """Of the images."""
        return super().difference(wanted["refined"], given["refined"])


class MaskedRefinerKind(RefinerKind):
    """uint8 images and foreground masks to uint8 images."""

    name = "masked"
    not_exported = "a refiner that takes masks, which photos in service have none of"


REFINER = register_kind(RefinerKind())
MASKED_REFINER = register_kind(MaskedRefinerKind())
RGBD_REFINER = register_kind(RgbdRefinerKind())
