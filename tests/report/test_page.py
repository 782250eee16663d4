import base64
import json
import re
import shutil
import subprocess
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
    page.panels(
        [Panel(images[0], "milk & honey"), Panel(images[1], "milk 0.90"), Panel(images[0], "none")],
        ["truth", "d<1>", "d2"],
    )
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
    assert "<td>&lt;b&gt;</td>" in text and '<td class="number">0.123</td>' in text


def test_every_image_and_slider_has_words(page):
    outline = Outline(page.html())
    pictures = outline.all("img")
    assert len(pictures) == 5
    assert all(picture["alt"] for picture in pictures)
    (slider,) = outline.all("input")
    assert slider["type"] == "range" and "scene 1" in slider["aria-label"]


def test_embedded_images_are_the_images(images):
    page = Page("t", "l")
    page.before_after([Pair(images[0], images[1], "x")], side=32)
    encoded = re.findall(r"data:image/jpeg;base64,([^\"]+)", page.html())
    shown = [
        cv2.imdecode(np.frombuffer(base64.b64decode(text), np.uint8), cv2.IMREAD_COLOR)
        for text in encoded
    ]
    for image, picture in zip(images, shown, strict=True):
        assert np.abs(picture[..., ::-1].astype(int) - image).mean() < 6


def test_panels_say_what_they_show_under_their_heads(page):
    text = page.html()
    assert "<div>truth</div><div>d&lt;1&gt;</div><div>d2</div>" in text
    for words in ("milk &amp; honey", "milk 0.90", "none"):
        assert f'alt="{words}"' in text and f"<figcaption>{words}</figcaption>" in text


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


def test_controls_say_what_there_is_to_choose(filtered, page):
    outline = Outline(filtered.html())
    assert len(outline.all("option")) == 3 and len(outline.all("select")) == 1
    figures = [row for row in outline.all("figure") if "data-classes" in row]
    assert [json.loads(row["data-classes"]) for row in figures][1] == ["milk", "o'<juice>"]
    assert [row["data-score"] for row in figures] == ["0.9000", "0.2000", "", "0.5000"]
    assert all(row["loading"] == "lazy" for row in outline.all("img"))
    assert "<form" not in page.html()  # nothing to choose from


# A document of as much DOM as the page's script asks for, and what a reader would do.
BROWSER = """
const figures = %s.map((data) => ({dataset: data, hidden: false}));
const listeners = {};
const select = {value: ""}, most = {value: "1", max: "1"}, worst = {checked: false}, output = {};
let order = figures;
const grid = {children: figures, append: (...all) => { order = all; }};
const form = {
  parentElement: {querySelector: () => grid},
  querySelector: (asked) => ({select, "[name=most]": most, "[name=worst]": worst, output})[asked],
  addEventListener: (name, f) => { listeners[name] = f; },
};
const split = {}, slider = {value: "30", parentElement: {style: {
  setProperty: (name, value) => { split[name] = value; }}},
  addEventListener: (name, f) => { slider.fire = f; }};
globalThis.document = {querySelectorAll: (asked) => asked === "form.controls" ? [form] : [slider]};
%s
const seen = () => order.filter((f) => !f.hidden).map((f) => figures.indexOf(f));
const told = {start: [seen(), output.textContent]};
const act = (target, name) => {
  listeners.input({target});
  told[name] = [seen(), output.textContent];
};
slider.fire(); told.split = split["--split"];
select.value = "milk"; act(select, "milk");
select.value = ""; worst.checked = true; act(worst, "worst");
most.value = "0.5"; act(most, "low");
select.value = "milk"; act(select, "low milk");
worst.checked = false; most.value = "1"; select.value = ""; act(worst, "all");
let prevented = false;
listeners.submit({preventDefault: () => { prevented = true; }});
console.log(JSON.stringify({...told, prevented}));
"""


def in_node(page):
    """What the page's own script does, run by Node on a stand-in for the document."""
    text = page.html()
    script = text[text.index("<script>") + len("<script>") : text.index("</script>")]
    figures = [
        {"classes": row["data-classes"], "score": row["data-score"]}
        for row in Outline(text).all("figure")
        if "data-classes" in row
    ]
    code = BROWSER % (json.dumps(figures), script)
    done = subprocess.run(["node", "-e", code], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


@pytest.mark.skipif(not shutil.which("node"), reason="Node runs the page's script in this test")
def test_slider_filters_and_order_do_what_they_say(filtered):
    told = in_node(filtered)
    assert told["start"] == [[0, 1, 2, 3], "4 of 4"] and told["split"] == "30%"
    assert told["milk"] == [[0, 1], "2 of 4"]
    assert told["worst"] == [[1, 3, 0, 2], "4 of 4"]
    assert told["low"] == [[1, 3], "2 of 4"]
    assert told["low milk"] == [[1], "1 of 4"]
    assert told["all"] == [[0, 1, 2, 3], "4 of 4"] and told["prevented"]


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
