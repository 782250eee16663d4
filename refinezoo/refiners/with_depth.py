"""Refiners that may see depth beside the image."""

import numpy as np
from keras import ops

from refinezoo.errors import RefinezooError
from refinezoo.refiners.kind import REFINER, RGBD_REFINER
from refinezoo.refiners.refiner import Refiner
from refinezoo.training.checks import check_depth


class WithDepth(Refiner):
    """A refiner that has `use_depth` and `max_depth`.

    With `use_depth` its networks take `[B, H, W, 4]`: RGB and depth, both in [-1, 1].
    """

    @property
    def kind(self):
        """A refiner, of RGB and depth with `use_depth`."""
        return RGBD_REFINER if self.use_depth else REFINER

    def with_depth(self, images, depth_m=None):
        """Images `[..., 3]` in [-1, 1], with depth as a fourth channel if the model uses it.

        0 m is -1 and `max_depth` is 1; no surface is the far plane.
        """
        if not self.use_depth:
            return images
        depth = ops.cast(depth_m, "float32")
        far = ops.where(depth > 0.0, ops.minimum(depth / self.max_depth, 1.0), 1.0)
        return ops.concatenate([images, far * 2.0 - 1.0], axis=-1)

    def foreground(self, images, synthetic):
        """Objects of renders, `[B, H, W, 1]`: before the far plane, or their mask, if any."""
        if self.use_depth:
            return ops.cast(images[..., 3:4] < 0.99, "float32")
        return synthetic.get("foreground_mask")

    def refine(self, images, strength=1.0, seed=None, batch_size=8):
        """As every refiner; a model with depth has `refine_rgbd` instead."""
        if self.use_depth:
            raise RefinezooError(
                "expected depth beside the images (this model refines RGB and depth), received "
                "images alone. Call refine_rgbd(images, depth_m)."
            )
        return super().refine(images, strength, seed, batch_size)

    def refine_rgbd(self, images, depth_m, seed=None, batch_size=8):
        """Refines images and their depth.

        Args:
            images: uint8 `[B, H, W, 3]`, RGB, any H and W.
            depth_m: float `[B, H, W, 1]`, metres, 0 = no surface.
            seed: of the noise. None is 0.
            batch_size: images per pass.

        Returns:
            uint8 `[B, H, W, 3]` and float32 `[B, H, W, 1]` in metres, 0 from the far plane on.

        Raises:
            RefinezooError: a model without depth, or depth of another shape or unit.
        """
        images = self.checked_rgbd(images, depth_m)
        seeds = np.full(len(images), seed or 0, "int32")
        parts = [
            self.predict_on_batch({"images": images[rows], "seed": seeds[rows]})
            for rows in (slice(i, i + batch_size) for i in range(0, len(images), batch_size))
        ]
        refined = np.concatenate([ops.convert_to_numpy(part) for part in parts])
        rgb = np.clip(np.rint((refined[..., :3] + 1.0) * 127.5), 0, 255).astype(np.uint8)
        far = (refined[..., 3:] + 1.0) / 2.0
        return rgb, np.where(refined[..., 3:] < 0.99, far * self.max_depth, 0.0)

    def predict(self, x, batch_size=None, verbose="auto", steps=None, callbacks=None, **options):
        """As every refiner; with depth `{"images", "depth_m"}` to `{"refined", "depth_m"}`.

        The arrays are those of `refine_rgbd`.
        """
        if not self.use_depth:
            return super().predict(x, batch_size, verbose, steps, callbacks, **options)
        if not isinstance(x, dict) or set(x) != {"images", "depth_m"}:
            raise RefinezooError(
                'expected {"images": uint8 [B, H, W, 3], "depth_m": metres [B, H, W, 1]} (this '
                f"model refines RGB and depth), received {type(x).__name__}."
            )
        refined, depth_m = self.refine_rgbd(**x, batch_size=batch_size or 8, **options)
        return {"refined": refined, "depth_m": depth_m}

    def checked_rgbd(self, images, depth_m):
        """Images and depth of a user as float32 `[B, H, W, 4]` in [-1, 1]."""
        if not self.use_depth or depth_m is None:
            raise RefinezooError(
                "expected use_depth=True and depth_m [B, H, W, 1] in metres, received "
                f"use_depth={self.use_depth} and depth_m "
                f"{None if depth_m is None else list(np.shape(depth_m))}."
            )
        images, depth_m = np.asarray(images), np.asarray(depth_m, "float32")
        if images.ndim != 4 or depth_m.shape != (*images.shape[:3], 1):
            raise RefinezooError(
                "expected images [B, H, W, 3] and depth_m [B, H, W, 1] of one size, received "
                f"{list(images.shape)} and {list(depth_m.shape)}."
            )
        check_depth(depth_m, self.max_depth)
        images = images.astype("float32") / 127.5 - 1.0
        return ops.convert_to_numpy(self.with_depth(images, depth_m))
