import base64
import json
import re
from html.parser import HTMLParser

import cv2
import numpy as np
import pytest

from refinezoo.errors import RefinezooError
from refinezoo.report import Page, Pair, Panel
from refinezoo.report.chart import dot_plot

VOID = {"meta", "img", "input", "br", "link"}


class Outline(HTMLParser):
    """Checks that tags close in order and gathers the attributes of each."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags = [], []
        self.feed(text)
        if self.open:
            raise AssertionError(f"not closed: {self.open}")

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        if self.open.pop() != tag:
            raise AssertionError(f"{tag} closes another tag")

    def all(self, tag):
        return [attributes for name, attributes in self.tags if name == tag]


@pytest.fixture
def page(images):
    page = Page("A <title>", "lead & more")
    page.heading("Result")
    page.text("a < b")
    page.sentences(["one", "two"])
    page.table(["arm", "AP"], [["real", 0.12345], ["<b>", 0.5]])
    page.chart("AP50", [("real", [0.1, 0.2]), ("none", [])])
    page.before_after([Pair(images[0], images[1], "scene 1")])
    panels = [(images[0], "milk & honey"), (images[1], "milk 0.90"), (images[0], "none")]
    page.panels([[Panel(*panel) for panel in panels]], ["truth", "d<1>", "d2"])
    page.facts({"hardware": {"cores": 2}, "seconds": 1.23456})
    page.details("recipe", {"a": "</script><b>"})
    return page


def test_page_is_one_file_without_network(page, tmp_path):
    path = page.write(tmp_path / "page.html")
    text = path.read_text()
    assert not re.search(r"""(src|href)=["'](?!data:)""", text)
    assert "http" not in text and "@import" not in text and "url(" not in text
    assert list(tmp_path.iterdir()) == [path]


def test_tags_close_and_words_are_escaped(page):
    text = page.html()
    Outline(text)
    assert "A &lt;title&gt;" in text and "lead &amp; more" in text and "a &lt; b" in text
    assert "&lt;/script&gt;" in text and text.count("</script>") == 1
    assert '<th scope="row">&lt;b&gt;</th>' in text and '<td class="number">0.123</td>' in text


def test_every_image_and_slider_has_words(page):
    outline = Outline(page.html())
    images = outline.all("img")
    assert len(images) == 5
    assert all(image["alt"] for image in images)
    (slider,) = outline.all("input")
    assert slider["type"] == "range" and "scene 1" in slider["aria-label"]
    large = [row["aria-label"] for row in outline.all("button") if "aria-label" in row]
    assert large == [
        f"enlarge {words}" for words in ("scene 1", "milk & honey", "milk 0.90", "none")
    ]


def test_embedded_images_are_the_images(images):
    page = Page("t", "l")
    page.before_after([Pair(images[0], images[1], "x")], side=32)
    encoded = re.findall(r"data:image/jpeg;base64,([^\"]+)", page.html())
    shown = [
        cv2.imdecode(np.frombuffer(base64.b64decode(text), np.uint8), cv2.IMREAD_COLOR)
        for text in encoded
    ]
    for image, decoded in zip(images, shown, strict=True):
        assert np.abs(decoded[..., ::-1].astype(int) - image).mean() < 6


def test_images_are_reduced_but_never_enlarged(images):
    page = Page("t", "l")
    page.before_after([Pair(images[0], images[1], "x")], side=16)
    page.before_after([Pair(images[0], images[1], "x")], side=400)
    sizes = [(int(row["height"]), int(row["width"])) for row in Outline(page.html()).all("img")]
    assert max(sizes[0]) == 16 and sizes[2] == images[0].shape[:2]


def test_panels_say_what_they_show_under_their_heads(page):
    text = page.html()
    heads = [f'<div class="head">{head}</div>' for head in ("truth", "d&lt;1&gt;", "d2")]
    assert f'<div class="grid fixed" style="--columns:3">{"".join(heads)}<figure>' in text
    for words in ("milk &amp; honey", "milk 0.90", "none"):
        assert f'alt="{words}"' in text and f"</button>{words}</figcaption>" in text


@pytest.fixture
def filtered(images):
    page = Page("t", "l")
    scores = (0.9, 0.2, None, 0.5)
    classes = (("milk",), ("milk", "o'<juice>"), (), ("o'<juice>",))
    page.before_after(
        [
            Pair(images[0], images[1], f"scene {k}", names, score)
            for k, (names, score) in enumerate(zip(classes, scores, strict=True))
        ]
    )
    return page


def test_controls_say_what_there_is_to_choose_the_worst_first(filtered, page):
    outline = Outline(filtered.html())
    assert [row["name"] for row in outline.all("select")] == ["wanted", "order"]
    assert len(outline.all("option")) == 3 + 3
    figures = [row for row in outline.all("figure") if "data-classes" in row]
    assert json.loads(figures[0]["data-classes"]) == ["milk", "o'<juice>"]
    assert [row["data-score"] for row in figures] == ["0.2000", "0.5000", "0.9000", ""]
    assert all(row["loading"] == "lazy" for row in outline.all("img"))
    assert "<form class" not in page.html()  # nothing to choose from


def test_pairs_of_two_sizes_are_refused(images):
    with pytest.raises(RefinezooError, match="one size"):
        Page("t", "l").before_after([Pair(images[0], images[1][:16], "x")])


def test_chart_places_seeds_by_value():
    svg = dot_plot("AP", [("a", [0.1, 0.3]), ("b", [0.2])])
    x = [float(value) for value in re.findall(r'class="seed" cx="([\d.]+)"', svg)]
    assert x[0] < x[2] < x[1]
    assert x[2] == pytest.approx((x[0] + x[1]) / 2, abs=0.1)
    assert "a 0.200; b 0.200" in svg


def test_chart_without_any_value_says_so():
    assert "not measured" in dot_plot("AP", [("a", [])])
    assert "0.000" in dot_plot("AP", [("a", [0.0])])
