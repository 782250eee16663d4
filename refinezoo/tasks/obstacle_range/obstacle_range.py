"""Reactive obstacle avoidance: a frame to the nearest obstacle's range in each heading sector.

    r_j = 5 % percentile of the ranges seen in sector j within +-v degrees of the horizon
    L = mean_j huber(ln r_j, network_j)

Inspired by the obstacle task of GeneSIS-RT (Stein & Roy 2018, arXiv 1710.04280): translated
simulator frames with the simulator's labels. Targets, network and numbers are our design; theirs
are not published.
"""

import keras
import numpy as np
from pydantic import NonNegativeFloat, PositiveFloat, PositiveInt

from refinezoo.data.image_size import height_and_width
from refinezoo.errors import RefinezooError
from refinezoo.losses.obstacle_range import LEAST_RANGE_M, log_range_huber
from refinezoo.metrics.obstacle_range import MeanAbsRangeError, range_metrics
from refinezoo.models.registry import register
from refinezoo.networks.obstacle_range import obstacle_range_network
from refinezoo.renames import renamed
from refinezoo.tasks.obstacle_range.kind import RANGE, PredictsRanges
from refinezoo.training.jit import choose_jit
from refinezoo.training.supervised import SupervisedModel


def sector_headings(sectors: int, field_of_view: float) -> np.ndarray:
    """The heading of the middle of each sector, radians to the right of the optical axis, `[N]`.

    Sectors are equally wide on the image of a pinhole camera.

    Args:
        sectors: N.
        field_of_view: horizontal, degrees.
    """
    edge = np.tan(np.radians(field_of_view / 2))
    return np.arctan(edge * ((np.arange(sectors) + 0.5) * 2 / sectors - 1))


def sector_ranges(
    depth_m: np.ndarray,
    *,
    sectors: int = 16,
    r_max: float = 20.0,
    field_of_view: float = 80.0,
    v: float = 4.0,
    percentile: float = 5.0,
) -> np.ndarray:
    """Targets from depth: the nearest obstacle in each sector of a level pinhole camera's image.

    A low percentile instead of the minimum, so that single pixels do not decide.

    Args:
        depth_m: `[B, H, W]`, `[B, H, W, 1]` or `[H, W]`, metres along the optical axis; 0 = no
            surface (sky), which counts as `r_max`.
        sectors: N, at most W.
        r_max: metres; farther counts as this.
        field_of_view: horizontal, degrees.
        v: degrees above and below the horizon (the middle row) that count. At height h the ground
            comes within h / tan(v): 21 m at 1.5 m and 4 degrees.
        percentile: of the ranges of a sector.

    Returns:
        float32 `[B, N]` or `[N]`, horizontal metres from the camera, sectors from left to right.

    Raises:
        RefinezooError: no depth maps, or settings that mean nothing.
    """
    depth = np.asarray(depth_m, "float32")
    single = depth.ndim == 2
    depth = depth[None] if single else depth
    depth = depth[..., 0] if depth.ndim == 4 and depth.shape[-1] == 1 else depth
    if depth.ndim != 3 or not np.isfinite(depth).all() or (depth < 0).any():
        raise RefinezooError(
            "expected depth_m [B, H, W], [B, H, W, 1] or [H, W] in metres, 0 = no surface, "
            f"received {list(np.shape(depth_m))}, or negative or infinite values in it."
        )
    height, width = depth.shape[1:]
    if not 1 <= sectors <= width or not r_max > 0 or not 0 < field_of_view < 180:
        raise RefinezooError(
            f"expected 1 to {width} sectors (the width), r_max > 0 and a field of view between 0 "
            f"and 180 degrees, received {sectors}, {r_max} and {field_of_view}."
        )
    focal = width / 2 / np.tan(np.radians(field_of_view / 2))
    reach = focal * np.tan(np.radians(v))
    rows = np.abs(np.arange(height) - (height - 1) / 2) <= max(reach, 0.5)
    slant = np.hypot(1.0, (np.arange(width) - (width - 1) / 2) / focal)
    ranges = np.where(depth > 0, depth * slant, r_max)[:, rows]
    parts = np.array_split(np.minimum(ranges, r_max), sectors, axis=2)
    nearest = [np.percentile(part, percentile, axis=(1, 2)) for part in parts]
    found = np.stack(nearest, axis=1).astype("float32")
    return found[0] if single else found


@register
class ObstacleRange(PredictsRanges, SupervisedModel):
    """RGB frames to the range of the nearest obstacle in each of N heading sectors.

    `fit(images, ranges_m)`: uint8 `[B, H, W, 3]` and metres `[B, N]` (`sector_ranges`), or
    anything that yields such pairs. `evaluate` gives the loss and the mean absolute error in
    metres, `predict` metres; `model(frames)` is ln of metres.

    Args:
        image_size: height and width of the frames, or one side, pixels, multiples of 32.
        sectors: N, a multiple of the width / 32.
        r_max: metres; what is farther, or nothing, is said to be this far.
        width_multiplier: multiplies the network's filters.
        learning_rate: of Adam in `compile()`.

    Example:
        >>> model = ObstacleRange(image_size=(96, 128))
        >>> model.compile()
        >>> model.fit(frames, sector_ranges(depth_m), epochs=10)
        >>> model.predict_ranges(frames)                         # metres [B, 16]
    """

    kind = RANGE
    targets_name = "ranges_m"

    @renamed(width="width_multiplier")
    def __init__(
        self,
        *,
        image_size=(96, 128),
        sectors: PositiveInt = 16,
        r_max: PositiveFloat = 20.0,
        width_multiplier: PositiveFloat = 1.0,
        learning_rate: NonNegativeFloat = 1e-3,
        **kwargs,
    ):
        if not r_max > LEAST_RANGE_M:
            raise RefinezooError(f"expected r_max above {LEAST_RANGE_M} metres, received {r_max}.")
        super().__init__(**kwargs)
        self.image_size = height_and_width(image_size)
        self.sectors, self.r_max = sectors, float(r_max)
        self.learning_rate = learning_rate
        self.network = obstacle_range_network(
            self.image_size, sectors, width_multiplier=width_multiplier
        )
        self.built = True

    def call(self, images, training=False):
        """RGB `[B, H, W, 3]` in 0..255 to ln of metres `[B, N]`."""
        return self.network(images, training=training)

    def compile(self, optimizer=None, loss=None, metrics=None, jit_compile="auto", **kwargs):
        """As `keras.Model.compile`; Adam, `log_range_huber` and the error in metres by default."""
        super().compile(
            optimizer=optimizer or keras.optimizers.Adam(self.learning_rate),
            loss=loss or log_range_huber,
            metrics=metrics or [MeanAbsRangeError(self.r_max)],
            jit_compile=choose_jit(jit_compile),
            **kwargs,
        )

    def to_answer(self, outputs, images):
        """Metres, 0.2 to `r_max`, float32 `[B, N]`."""
        return np.clip(np.exp(outputs), LEAST_RANGE_M, self.r_max).astype("float32")

    def evaluate_ranges(self, images, ranges_m, d_safe=3.0, batch_size=64):
        """`metrics.obstacle_range.range_metrics` of labelled frames.

        Args:
            images: uint8 `[B, H, W, 3]`.
            ranges_m: `[B, N]`, metres.
            d_safe: metres; nearer is a collision ahead.
            batch_size: frames per pass.
        """
        return range_metrics(self.predict_ranges(images, batch_size), ranges_m, d_safe)

    def check_targets(self, ranges_m, count):
        """Checks the ranges, float `[B, N]`, metres."""
        ranges = np.asarray(ranges_m)
        if ranges.shape != (count, self.sectors) or not np.isfinite(ranges).all():
            raise RefinezooError(
                f"expected ranges_m [{count}, {self.sectors}] in metres, received "
                f"{list(ranges.shape)}, or NaN or infinite values in it. "
                "sector_ranges(depth_m, sectors=...) makes them from depth."
            )
        if ranges.min() < 0 or ranges.max() > self.r_max * 1.001:
            raise RefinezooError(
                f"expected ranges_m from 0 to r_max={self.r_max:g} metres, received "
                f"{ranges.min():g} to {ranges.max():g}. Clip them, or raise r_max."
            )
