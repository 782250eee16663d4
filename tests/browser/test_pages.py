"""A report in a real browser."""

import numpy as np
import pytest
from browsing import in_browser, needs_browser

from refinezoo.report import Page, Pair, Panel

pytestmark = [pytest.mark.once, needs_browser]
NAMES = ["scene 0", "scene 1", "scene 2", "scene 10"]


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    rng = np.random.default_rng(0)
    images = rng.integers(0, 255, (2, 60, 80, 3), "uint8")
    page = Page("Refined <renders>", "All that a page can hold.")
    page.table(["arm", "AP", *[f"AP of seed {k}" for k in range(9)]], [["real", *[0.5] * 10]])
    page.chart("AP50", [("real", [0.1, 0.2]), ("none", [])])
    scores, classes = (0.9, None, 0.2, 0.5), (("milk",), (), ("milk", "o'<juice>"), ("o'<juice>",))
    page.before_after(
        Pair(*images, name, *about) for name, *about in zip(NAMES, classes, scores, strict=True)
    )
    page.heading("Answers")
    page.panels(
        [[Panel(images[0], f"{k}{name}") for name in "abcdef"] for k in (1, 2)], list("abcdef")
    )
    page.facts({"weights_sha256": "0" * 64})
    page.details("recipe", {"a": "b" * 400})
    return in_browser("visit.mjs", page.write(tmp_path_factory.mktemp("page") / "report.html"))


def test_nothing_fails_and_nothing_is_asked_for(told):
    assert told["faults"] == []
    file, *embedded = told["requests"]
    assert file.startswith("file:") and all(url.startswith("data:") for url in embedded)


def test_sliders_follow_the_mouse_and_the_keys(told):
    for moment, value in {"dragged": 25, "pressed": 26, "ended": 100, "wiped": 10}.items():
        found, clip, bar = told[moment]
        assert int(found) == pytest.approx(value, abs=1)
        assert clip == f"inset(0px 0px 0px {found}%)" and bar == pytest.approx(
            value / 100, abs=0.02
        )
    assert told["all"] == ["10"] * 4


def test_filters_and_order_show_what_they_say(told):
    zero, one, two, ten = NAMES
    assert told["start"] == [[two, ten, zero, one], "4 of 4"]
    assert told["milk"] == [[two, zero], "2 of 4"]
    assert told["low"] == [[two, ten], "2 of 4", "0.50"]
    assert told["words"] == [[ten, one], "2 of 4"]
    assert told["best"] == [[one, zero, ten, two], "4 of 4"]
    assert told["name"] == [[zero, one, two, ten], "4 of 4"]


def test_an_image_is_shown_large_and_the_reader_comes_back(told):
    opened, label, width = told["large"]
    assert opened and label.startswith("scene 0") and width > 3 * told["small"]
    assert told["focus"] == "range"
    assert told["next"][1] == "scene 1"
    assert told["closed"] == [False, "enlarge scene 1"]


def test_keys_reach_everything_visibly_and_everything_has_a_name(told):
    stops = [name for name, _ in told["stops"]]
    controls = ["wanted", "most", "order", "words", "split"]
    assert [name for name in stops if name in controls] == controls
    assert stops.count("slider") == 4 and stops.count("zoom") == 4 + 12 and "summary" in stops
    assert all(seen for _, seen in told["stops"])
    roles = {role for role, _ in told["named"]}
    assert {"heading", "image", "slider", "combobox", "searchbox", "button"} <= roles
    speaking = {"image", "slider", "combobox", "searchbox", "button", "heading", "form"}
    assert [row for row in told["named"] if row[0] in speaking and not row[1]] == []


def test_it_is_readable_by_day_and_night_and_on_a_phone(told):
    for value, (paper, ink) in told["colours"].items():
        assert (np.mean(paper) > np.mean(ink)) == (value == "light")
        assert contrast(paper, ink) > 7
    assert told["narrow"] == [360, 360]


def contrast(*colours):
    """Of WCAG 2: 1 to 21."""
    linear = [
        [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in np.divide(rgb, 255)]
        for rgb in colours
    ]
    low, high = sorted(np.dot(rgb, [0.2126, 0.7152, 0.0722]) for rgb in linear)
    return (high + 0.05) / (low + 0.05)
