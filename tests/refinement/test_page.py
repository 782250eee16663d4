"""The pages that refine and gate leave: what is on them, in which order."""

import re

import numpy as np

from refinezoo.refinement import Gate, calibrate_gate, refine_dataset
from refinezoo.refinement import page as pages


def figures(path):
    """(caption, classes, score) of each slider, as they stand."""
    text = path.read_text(encoding="utf-8")
    found = re.findall(
        r'<figure class="compare" data-classes="(.*?)" data-score="(.*?)">.*?'
        r"<figcaption><button.*?</button>(.*?)</figcaption>",
        text,
        re.DOTALL,
    )
    return [(caption, classes, score) for classes, score, caption in found]


def test_the_worst_come_first_and_what_was_refused_is_shown(coco, tmp_path, negative):
    out = tmp_path / "out"
    summary = refine_dataset(
        coco, out, negative, gate=Gate(action="drop"), progress=False, report=True
    )
    shown = figures(out / "report.html")
    scores = [float(score) for _, _, score in shown]
    assert len(shown) == 5 and scores == sorted(scores)
    assert all("carton" in classes for _, classes, _ in shown)
    assert sum("dropped; this was refused" in caption for caption, _, _ in shown) == len(
        summary.dropped
    )
    assert summary.dropped and f"shown in {out}" in str(summary)
    text = (out / "report.html").read_text(encoding="utf-8")
    assert "http" not in text and f"{len(summary.dropped)} dropped" in text
    first = text.index("<img")
    images = re.findall(r'src="(data:[^"]+)"', text[first:])
    assert images[0] != images[1], "a dropped one shows what was refused, not its render twice"


def test_without_a_gate_a_sample_is_shown(coco, tmp_path, brighter, monkeypatch):
    monkeypatch.setattr(pages, "SAMPLE", 2)
    refine_dataset(coco, tmp_path / "out", brighter, progress=False, report=True)
    shown = figures(tmp_path / "out/report.html")
    assert [caption for caption, _, _ in shown] == ["images/scene_0.png", "images/scene_3.png"]
    assert all(score == "" for _, _, score in shown)


def test_a_report_of_the_dataset_stays(coco, tmp_path, brighter):
    (coco / "report.html").write_text("theirs")
    refine_dataset(coco, tmp_path / "out", brighter, progress=False, report=True)
    assert (tmp_path / "out/report.html").read_text() == "theirs"


def test_a_calibration_shows_the_rarest_first(coco, tmp_path, brighter, monkeypatch):
    monkeypatch.setattr("refinezoo.refinement.calibration.LEAST", 5)
    found = calibrate_gate(coco, brighter, page=tmp_path / "gate.html")
    shown = figures(tmp_path / "gate.html")
    rarities = [float(score) for _, _, score in shown]
    assert len(shown) == 5 and rarities == sorted(rarities)
    text = (tmp_path / "gate.html").read_text(encoding="utf-8")
    assert f"rarer than {found.threshold:.2f}" in text
    assert f'min="{int(np.floor(min(0, *rarities)))}"' in text, "the slider reaches the rarest"


def test_a_gate_that_refuses_most_says_how_to_calibrate(coco, tmp_path, negative, brighter, caplog):
    refine_dataset(coco, tmp_path / "most", negative, gate=Gate(action="keep"), progress=False)
    assert "5 of 5 refinements did not pass" in caplog.text and "refinezoo gate" in caplog.text
    caplog.clear()
    refine_dataset(coco, tmp_path / "none", brighter, gate=Gate(action="keep"), progress=False)
    assert "did not pass" not in caplog.text
