"""Refiners that take a foreground mask beside the image."""

from typing import Any

import keras
import numpy as np
from keras import ops

from refinezoo.errors import RefinezooError
from refinezoo.models.answers import joined
from refinezoo.models.images import checked_images
from refinezoo.refiners.kind import blended, check_strength


class WithMask:
    """Mixin, before `Refiner`; its network takes `[B, H, W, 4]`: RGB in [-1, 1] and the mask."""

    use_mask = True
    predict_on_batch: Any

    def refine(
        self,
        images: Any,
        strength: float = 1.0,
        seed: int | None = None,
        batch_size: int = 8,
        *,
        foreground_mask: Any = None,
    ) -> Any:
        """Refines images whose objects are known; no pixel moves, the size stays.

        Args:
            images: uint8 `[B, H, W, 3]` or `[H, W, 3]`, RGB, any H and W of at least 1, or a list
                of images of different sizes.
            strength: 0 returns the input, 1 the refined image, between them a blend.
            seed: for refiners that draw; None is 0.
            batch_size: images per pass.
            foreground_mask: of each image `[H, W, 1]` or `[H, W]` from 0 to 1, 1 = object.

        Returns:
            uint8 of the same shape; a list where images are a list.

        Raises:
            RefinezooError: for another dtype, shape or strength, or no mask.
        """
        check_strength(strength)
        one = not isinstance(images, (list, tuple)) and np.ndim(images) == 3
        if one:
            images, foreground_mask = np.asarray(images)[None], [foreground_mask]
        x = {"images": images, "foreground_mask": foreground_mask}
        refined = self.predict(x, batch_size, seed=seed or 0)
        refined = [blended(*pair, strength) for pair in zip(images, refined, strict=True)]
        if one:
            return refined[0]
        return refined if isinstance(images, (list, tuple)) else np.stack(refined)

    def predict(
        self,
        x: Any,
        batch_size: int | None = None,
        verbose: Any = "auto",
        steps: int | None = None,
        callbacks: Any = None,
        **options: Any,
    ) -> Any:
        """`{"images", "foreground_mask"}`, as `refine` takes them, to uint8 `[B, H, W, 3]`.

        A list of one answer per image where the sizes differ. `verbose`, `steps` and `callbacks`
        are taken for the sake of the interface; `seed` is that of `refine`.
        """
        if not isinstance(x, dict) or set(x) != {"images", "foreground_mask"}:
            raise RefinezooError(
                'expected {"images": uint8 [B, H, W, 3], "foreground_mask": [B, H, W, 1]} (this '
                f"refiner takes masks), received {type(x).__name__}."
            )
        pairs = _pairs(**x)
        size = (batch_size or 8) if len({image.shape for image, _ in pairs}) == 1 else 1
        answers = []
        for start in range(0, len(pairs), size):
            images, masks = map(np.stack, zip(*pairs[start : start + size], strict=True))
            pixels = np.concatenate([images.astype("float32") / 127.5 - 1.0, masks], axis=-1)
            seeds = np.full(len(images), options.get("seed", 0), "int32")
            refined = self.predict_on_batch({"images": pixels, "seed": seeds})
            levels = (ops.convert_to_numpy(refined).astype("float32") + 1.0) * 127.5
            answers.append(np.clip(np.rint(levels), 0, 255).astype(np.uint8))
        return joined(answers)


def _pairs(images: Any, foreground_mask: Any) -> list[tuple[np.ndarray, np.ndarray]]:
    """Checked images, each with its mask as float32 `[H, W, 1]`."""
    if isinstance(images, (list, tuple)) and images:
        stack = [checked_images(image)[0] for image in images]
    else:
        stack = list(checked_images(images))
    if foreground_mask is None or len(foreground_mask) != len(stack):
        given = "none" if foreground_mask is None else len(foreground_mask)
        raise RefinezooError(
            f"expected foreground_mask of each of the {len(stack)} images (this refiner takes "
            f"masks), received {given}. Call refine(images, foreground_mask=masks), 1 = object; "
            "of a dataset refinezoo refine reads foreground_masks/ beside the images."
        )
    return [
        (image, checked_mask(mask, image))
        for image, mask in zip(stack, foreground_mask, strict=True)
    ]


def checked_mask(mask: Any, image: np.ndarray) -> np.ndarray:
    """A mask of an image `[H, W, 3]` as float32 `[H, W, 1]` from 0 to 1.

    Raises:
        RefinezooError: none, another size, or values beyond 0 and 1.
    """
    found = np.asarray(mask)
    if found.ndim == 2:
        found = found[..., None]
    if found.shape != (*image.shape[:2], 1) or found.dtype.kind not in "bfiu":
        raise RefinezooError(
            f"expected foreground_mask {[*image.shape[:2], 1]} of an image {list(image.shape)}, "
            f"received {'none' if mask is None else f'{found.dtype} {list(np.shape(mask))}'}."
        )
    found = found.astype("float32")
    if not (found.min() >= 0.0 and found.max() <= 1.0):
        raise RefinezooError(
            "expected foreground_mask from 0 (background) to 1 (object), received values from "
            f"{found.min():.4g} to {found.max():.4g}. Divide 0..255 masks by 255."
        )
    return found


def image_and_mask(inputs: Any) -> tuple[Any, Any]:
    """Images `[..., 3]` and masks `[..., 1]` of a tensor `[..., 4]`, or of `call`'s dict."""
    pixels = inputs["images"] if isinstance(inputs, dict) else inputs
    return pixels[..., :3], pixels[..., 3:]


def masked_input() -> keras.KerasTensor:
    """The input of a network of images and masks."""
    return keras.Input((None, None, 4), name="images_and_mask")
