"""What obstacle-range models predict: metres per heading sector."""

import numpy as np

from refinezoo.models.answers import single
from refinezoo.models.differences import relative_change
from refinezoo.models.kind import Kind, Output
from refinezoo.models.registry import register_kind


class PredictsRanges:
    """`predict_ranges`, over `predict`."""

    def predict_ranges(self, images, batch_size=64):
        """Metres per sector of uint8 images `[B, H, W, 3]` or `[H, W, 3]`: `[B, N]` or `[N]`."""
        return single(images, self.predict(images, batch_size, verbose=0))


class RangeKind(Kind):
    """uint8 images to metres per sector."""

    name = "range"
    task = "obstacle_range"
    study = "refinezoo.tasks.obstacle_range.study.ObstacleRangeStudy"
    outputs = {"ranges_m": Output("float32", ("N",), "metres", "sectors from left to right")}
    error_unit = "m"
    own_size = True
    gate = ("relative change", 0.02)
    agreement_by = "share of sectors met within a quarter"
    conveniences = PredictsRanges

    def signatures(self, model, max_image_pixels):
        """`serving_default` and `tensor`, both to `ranges_m`."""
        from refinezoo.tasks.obstacle_range.signatures import range_signatures

        return range_signatures(model, max_image_pixels)

    def graph(self, model):
        """uint8 `[1, H, W, 3]` to `ranges_m`."""
        from refinezoo.tasks.obstacle_range.signatures import range_answers

        return range_answers(model)

    def draw(self, model, image, answer, truth=None):
        """A bar a sector over the image, as high as the range; the truth is a white line."""
        import cv2

        from refinezoo.data.drawing import TRUTH, depth_colours, shown_at

        drawn = shown_at(image)
        height, width = drawn.shape[:2]
        ranges = truth if answer is None else answer
        edges = np.linspace(0, width, len(ranges) + 1).round().astype(int)
        sectors = list(zip(edges[:-1].tolist(), (edges[1:] - 2).tolist(), strict=True))

        def top(metres):
            return height - 1 - round(0.8 * height * float(metres) / model.r_max)

        colours = depth_colours(np.reshape(ranges, (1, -1, 1)), model.r_max)[0].tolist()
        bars = drawn.copy()
        for (left, right), metres, colour in zip(sectors, ranges, colours, strict=True):
            cv2.rectangle(bars, (left, top(metres)), (right, height - 1), colour, -1)
        drawn = cv2.addWeighted(bars, 0.6, drawn, 0.4, 0)
        if truth is not None:
            for (left, right), metres in zip(sectors, truth, strict=True):
                cv2.line(drawn, (left, top(metres)), (right, top(metres)), TRUTH, 2)
        return drawn

    def agreement(self, model, answer, truth):
        """The share of the sectors whose metres are met within a factor of 1.25."""
        ratio = answer / np.maximum(truth, 1e-3)
        return float(((ratio < 1.25) & (ratio > 0.8)).mean())

    def words(self, model, answer):
        """The nearest obstacle and its sector."""
        nearest = int(answer.argmin())
        return f"nearest {answer[nearest]:.1f} m, sector {nearest + 1} of {len(answer)}"

    def lost(self, wanted, given):
        """The mean relative change."""
        change = relative_change(wanted, given)
        return change, change <= self.gate[1]


RANGE = register_kind(RangeKind())
