"""Flight through a forest on predicted ranges, in a closed loop: steer, move, look again.

    heading = argmax_j  min_{|i - j| <= w} r_i  -  lambda |heading_j - goal|

Kinematic: constant speed, limited turn rate, level flight. Inspired by the flights of GeneSIS-RT
(Stein & Roy 2018, arXiv 1710.04280); the controller is our design.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from refinezoo.data.image_size import ImageSize
from refinezoo.errors import RefinezooError
from refinezoo.scenes.street.forest import FIELD_OF_VIEW, LENGTH, ForestWorld
from refinezoo.scenes.street.scene import Frame
from refinezoo.tasks.obstacle_range.obstacle_range import sector_headings


def choose_heading(
    ranges_m: np.ndarray,
    goal: float,
    *,
    field_of_view: float = FIELD_OF_VIEW,
    window: int = 3,
    weight: float = 4.0,
) -> float:
    """The heading of the sector with max_j min-window(r_j) - weight |heading_j - goal|.

    Args:
        ranges_m: `[N]`, metres, sectors from left to right.
        goal: where to go, radians to the right of the optical axis.
        field_of_view: horizontal, degrees.
        window: w; sectors on either side that must be free too.
        weight: lambda, metres of range that one radian off the goal is worth.

    Returns:
        Radians to the right of the optical axis.

    Raises:
        RefinezooError: no ranges, or values that are no number.
    """
    ranges = np.asarray(ranges_m, "float64")
    if ranges.ndim != 1 or not ranges.size or not np.isfinite(ranges).all():
        raise RefinezooError(
            f"expected ranges_m [N] in metres, received {list(ranges.shape)}, or NaN or infinite "
            "values in it."
        )
    padded = np.pad(ranges, window, constant_values=np.inf)
    free = np.lib.stride_tricks.sliding_window_view(padded, 2 * window + 1).min(axis=-1)
    headings = sector_headings(len(ranges), field_of_view)
    return float(headings[np.argmax(free - weight * np.abs(headings - goal))])


@dataclass
class Flight:
    """How a flight went.

    Attributes:
        distance_m: flown until the collision, or in all.
        progress_m: how far along the course (z), at most its length.
        collided: whether it ended in a trunk or wall.
        finished: whether it reached the end of the course.
        path: float64 [T, 3], x, z (metres) and heading (radians) at each step.
    """

    distance_m: float
    progress_m: float
    collided: bool
    finished: bool
    path: np.ndarray


def simulate_flight(
    predict: Callable[[Frame], np.ndarray] | None,
    world: ForestWorld,
    *,
    image_size: ImageSize = (96, 128),
    speed: float = 2.0,
    turn_rate: float = 60.0,
    step_s: float = 0.2,
    radius: float = 0.3,
    weight: float = 4.0,
) -> Flight:
    """Flies from the start of a `ForestWorld` towards its end; the goal is always +z.

    Args:
        predict: a `Frame` to ranges in metres `[N]`; None flies straight on. `lambda frame:
            model.predict_ranges(frame.image[None])[0]` flies on a model, `lambda frame:
            sector_ranges(frame.depth_m)` on the truth.
        world: to fly through.
        image_size: of the frames, height and width, or one side, pixels.
        speed: metres per second.
        turn_rate: degrees per second, at most.
        step_s: seconds between two frames.
        radius: of the aircraft, metres.
        weight: lambda of `choose_heading`.

    Returns:
        The `Flight`; it ends at a collision, at the end of the course, or after three times the
        seconds that the straight course takes.

    Raises:
        RefinezooError: speed, rate, step or radius not above 0.
    """
    for name, value in (
        ("speed", speed),
        ("turn_rate", turn_rate),
        ("step_s", step_s),
        ("radius", radius),
    ):
        if not value > 0:
            raise RefinezooError(f"expected {name} > 0, received {value}.")
    x, z, heading, flown = 0.0, 0.0, 0.0, 0.0
    most = np.radians(turn_rate) * step_s
    path = [(x, z, heading)]
    collided = False
    for _ in range(int(3 * LENGTH / speed / step_s)):
        if predict is not None:
            frame = world.render(world.camera(image_size, x, z, heading))
            wanted = choose_heading(predict(frame), -heading, weight=weight)
            heading += float(np.clip(wanted, -most, most))
        # Small enough steps that none leaps over a trunk.
        parts = int(np.ceil(speed * step_s / (0.5 * radius)))
        for _ in range(parts):
            flown += speed * step_s / parts
            x += float(np.sin(heading)) * speed * step_s / parts
            z += float(np.cos(heading)) * speed * step_s / parts
            collided = world.collides(x, z, radius)
            if collided or z >= LENGTH:
                break
        path.append((x, z, heading))
        if collided or z >= LENGTH:
            break
    return Flight(flown, min(max(z, 0.0), LENGTH), collided, z >= LENGTH, np.array(path))


def mean_flight(
    predict: Callable[[Frame], np.ndarray] | None, worlds: Iterable[ForestWorld], **settings: Any
) -> dict[str, float]:
    """`flown_m`, mean metres along the course, and `collided`, the share of flights that did.

    Args:
        predict: as `simulate_flight`, to which the settings go too.
        worlds: to fly through, each once.
        **settings: of `simulate_flight`.
    """
    flights = [simulate_flight(predict, world, **settings) for world in worlds]
    return {
        "flown_m": float(np.mean([flight.progress_m for flight in flights])),
        "collided": float(np.mean([flight.collided for flight in flights])),
    }
