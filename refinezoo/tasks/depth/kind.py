"""What depth models predict: metres."""

import numpy as np

from refinezoo.models.answers import single
from refinezoo.models.differences import relative_change
from refinezoo.models.kind import Kind, Output
from refinezoo.models.registry import register_kind


class PredictsDepth:
    """`predict_depth`, over `predict`."""

    def predict_depth(self, images, batch_size=8):
        """Depth of images of any size.

        Args:
            images: uint8 `[B, H, W, 3]` or `[H, W, 3]`, RGB, or a list of images.
            batch_size: images per pass.

        Returns:
            float32 `[B, H, W, 1]` or `[H, W, 1]`, metres.
        """
        return single(images, self.predict(images, batch_size, verbose=0))


class DepthKind(Kind):
    """uint8 images to metres."""

    name = "depth"
    task = "depth"
    study = "refinezoo.tasks.depth.study.DepthStudy"
    outputs = {"depth_m": Output("float32", ("H", "W", 1), "metres")}
    error_unit = "m"
    gate = ("relative change", 0.01)
    agreement_by = "share of known depth met within a quarter"
    training_labels = "depth_m"
    hub_task = "depth-estimation"
    conveniences = PredictsDepth

    def task_loss(self, model, images, labels):
        """L_t of all scales of the network."""
        from refinezoo.losses.depth import depth_task_loss

        maps = model.depth_network(images, training=False)[1:]
        return depth_task_loss(maps, labels, model.max_depth)

    def draw(self, model, image, answer, truth=None):
        """The image over its metres as colours, near red to far blue, missing black."""
        import cv2

        from refinezoo.data.drawing import depth_colours, shown_at

        above = shown_at(image)
        colours = depth_colours(truth if answer is None else answer, model.max_depth)
        # Nearest: holes stay black and do not mix with what is known.
        below = cv2.resize(colours, above.shape[1::-1], interpolation=cv2.INTER_NEAREST)
        return np.concatenate([above, below])

    def words(self, model, answer):
        """Nearest, median and farthest."""
        known = answer[np.isfinite(answer) & (answer > 0)]
        if not known.size:
            return "no depth"
        return f"{known.min():.1f} to {known.max():.1f} m, median {np.median(known):.1f} m"

    def agreement(self, model, answer, truth):
        """The share of the known metres met within a factor of 1.25; 1 where none is known."""
        import cv2

        answer, truth = np.squeeze(answer), np.squeeze(truth)
        answer = cv2.resize(answer, truth.shape[::-1], interpolation=cv2.INTER_LINEAR)
        known = np.isfinite(truth) & (truth > 0)
        ratio = np.maximum(answer[known], 1e-3) / truth[known]
        near = (ratio < 1.25) & (ratio > 0.8)
        return float(near.mean()) if known.any() else 1.0

    def signatures(self, model, max_image_pixels):
        """`serving_default` to `depth_mm_bytes`, `tensor` to `depth_m`."""
        from refinezoo.tasks.depth.signatures import depth_signatures

        return depth_signatures(model, max_image_pixels)

    def graph(self, model):
        """uint8 `[1, H, W, 3]` to `depth_m`."""
        from refinezoo.tasks.depth.signatures import depth_function

        depth = depth_function(model)
        return lambda images: {"depth_m": depth(images)}

    def difference(self, wanted, given):
        """`max_abs_error` in metres, and `abs_rel`."""
        return super().difference(wanted, given) | {"abs_rel": relative_change(wanted, given)}

    def lost(self, wanted, given):
        """The mean relative change."""
        change = relative_change(wanted, given)
        return change, change <= self.gate[1]


DEPTH = register_kind(DepthKind())
