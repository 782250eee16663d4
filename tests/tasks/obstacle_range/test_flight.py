"""The controller and the closed loop: who sees flies farther, and twice the same."""

import numpy as np
import pytest

from refinezoo.errors import RefinezooError
from refinezoo.scenes.street import ForestWorld
from refinezoo.tasks.obstacle_range.flight import choose_heading, simulate_flight
from refinezoo.tasks.obstacle_range.obstacle_range import sector_headings, sector_ranges

pytestmark = pytest.mark.once

SIZE = (32, 128)  # the band around the horizon is all that the truth needs


def oracle(frame):
    return sector_ranges(frame.depth_m)


@pytest.fixture(scope="module")
def flights():
    """Straight on and on the true ranges through the same three worlds."""
    worlds = [ForestWorld((100, k)) for k in (1, 3, 18)]
    straight = [simulate_flight(None, world) for world in worlds]
    seeing = [simulate_flight(oracle, world, image_size=SIZE) for world in worlds]
    return worlds, straight, seeing


def test_the_truth_flies_farther_than_flying_straight(flights):
    _, straight, seeing = flights
    far, near = (np.mean([f.progress_m for f in part]) for part in (seeing, straight))
    assert far > 1.5 * near and far > 40
    assert all(f.collided for f in straight)


def test_a_flight_ends_where_it_says(flights):
    worlds, *parts = flights
    for part in parts:
        for world, flight in zip(worlds, part, strict=True):
            x, z, _ = flight.path[-1]
            assert flight.collided == world.collides(x, z, 0.3)
            assert flight.finished == (z >= 60.0) and not (flight.finished and flight.collided)
            assert flight.progress_m == pytest.approx(min(z, 60.0))
            steps = np.hypot(*np.diff(flight.path[:, :2], axis=0).T)
            assert flight.distance_m == pytest.approx(steps.sum())
            np.testing.assert_allclose(steps[:-1], 0.4)
            turns = np.abs(np.diff(flight.path[:, 2]))
            assert np.degrees(turns).max(initial=0) <= 12.0 + 1e-9
            assert not any(world.collides(*point[:2], 0.3) for point in flight.path[:-1])


def test_the_same_flight_twice(flights):
    worlds, _, seeing = flights
    shortest = int(np.argmin([len(f.path) for f in seeing]))
    again = simulate_flight(oracle, worlds[shortest], image_size=SIZE)
    np.testing.assert_array_equal(again.path, seeing[shortest].path)


def test_flying_straight_stops_at_the_first_thing_ahead():
    world = ForestWorld((100, 3))
    world.walls = np.array([[0.0, 10.0, 2.0, 0.15, 0.0]])
    world.trunks = np.array([[0.1, 6.0, 0.2], [5.0, 2.0, 0.3]])
    flight = simulate_flight(None, world, radius=0.3)
    touch = 6.0 - np.sqrt(0.5**2 - 0.1**2)
    assert flight.collided and touch <= flight.progress_m < touch + 0.15
    world.trunks = world.trunks[1:]
    flight = simulate_flight(None, world, radius=0.3)
    assert 10.0 - 0.45 <= flight.progress_m < 10.0 - 0.45 + 0.15


def test_the_controller_takes_the_gap():
    headings = sector_headings(16, 80.0)
    ranges = np.full(16, 3.0)
    ranges[9:14] = 15.0
    assert choose_heading(ranges, 0.0, window=2) == pytest.approx(headings[11])
    # A gap too narrow for the window is none; the wide one off the goal is taken.
    ranges[:] = 3.0
    ranges[7], ranges[1:6] = 20.0, 12.0
    assert choose_heading(ranges, 0.0, window=1, weight=2.0) == pytest.approx(headings[4])


def test_the_goal_decides_among_equals():
    headings = sector_headings(16, 80.0)
    free = np.full(16, 20.0)
    for goal in (-0.5, 0.0, 0.3):
        chosen = choose_heading(free, goal)
        assert abs(chosen - goal) == pytest.approx(np.abs(headings - goal).min())
    assert choose_heading(free, 2.0) == pytest.approx(headings[-1])  # as far as one sees
    far_off = np.where(headings < 0, 10.0, 6.0)
    assert choose_heading(far_off, 0.6, window=0, weight=1.0) < 0
    assert choose_heading(far_off, 0.6, window=0, weight=20.0) > 0.5


def test_what_cannot_be_flown_is_refused():
    for wrong in (np.ones((2, 3)), np.array([]), np.array([1.0, np.nan])):
        with pytest.raises(RefinezooError, match=r"ranges_m \[N\]"):
            choose_heading(wrong, 0.0)
    for name in ("speed", "turn_rate", "step_s", "radius"):
        with pytest.raises(RefinezooError, match=f"{name} > 0, received 0"):
            simulate_flight(None, ForestWorld(0), **{name: 0})
