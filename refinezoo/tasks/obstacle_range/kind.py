"""What obstacle-range models predict: metres per heading sector."""

import numpy as np

from refinezoo.models.differences import relative_change
from refinezoo.models.images import resized
from refinezoo.models.kind import Kind, Output
from refinezoo.models.registry import register_kind


class PredictsRanges:
    """`predict_ranges`, over `predict`."""

    def predict_ranges(self, images, batch_size=64):
        """Metres per sector of uint8 images `[B, H, W, 3]` or `[H, W, 3]`: `[B, N]` or `[N]`."""
        ranges = self.predict(images, batch_size, verbose=0)
        return ranges[0] if np.ndim(images) == 3 and not isinstance(images, list) else ranges


class RangeKind(Kind):
    """uint8 images to metres per sector."""

    name = "range"
    outputs = {"ranges_m": Output("float32", ("N",), "metres", "sectors from left to right")}
    error_unit = "m"
    own_size = True
    gate = ("relative change", 0.02)
    conveniences = PredictsRanges

    def signatures(self, model, max_image_pixels):
        """`serving_default` and `tensor`, both to `ranges_m`."""
        from refinezoo.tasks.obstacle_range.signatures import range_signatures

        return range_signatures(model, max_image_pixels)

    def graph(self, model):
        """uint8 `[1, H, W, 3]` to `ranges_m`."""
        from refinezoo.tasks.obstacle_range.signatures import range_answers

        return range_answers(model)

    def run(self, exported, image):
        """Frames of another size are scaled to the file's."""
        size = exported.sizes[0]
        return super().run(exported, image if size == (None, None) else resized(image, *size))

    def difference(self, wanted, given):
        """`max_abs_error` in metres."""
        return {"max_abs_error": float(np.abs(wanted - given).max())}

    def lost(self, wanted, given):
        """The mean relative change."""
        change = relative_change(wanted, given)
        return change, change <= self.gate[1]


RANGE = register_kind(RangeKind())
