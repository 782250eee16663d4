"""EXPORT.md, the measuring process and the table of formats."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import refinezoo
from refinezoo import RefinezooError, export
from refinezoo.export.formats.edge_graph import converting
from refinezoo.export.registry import FULL, format_table, formats

DOCS = Path(__file__).parents[2] / "docs/export.md"


def test_docs_show_the_table():
    assert format_table() in DOCS.read_text(encoding="utf-8")


def test_every_format_has_a_function():
    for name, row in formats().items():
        assert getattr(export, name) is row.write and row.runtime and row.verified
        assert row.precisions[0] == FULL and bool(row.suffix) != bool(row.marker)


@pytest.mark.parametrize("words", ["x.tmp; No space left on device", "clear: iostream error"])
def test_a_full_disk_ends_an_export_of_several_formats(monkeypatch, tmp_path, words):
    written = []

    def write(model, path, **options):
        written.append(path.name)
        if path.name == "b":
            with converting("OpenVINO"):
                raise RuntimeError(words)

    def fake(name):
        given = {"precisions": [FULL], "marker": "", "write": write, "options": lambda given: {}}
        return SimpleNamespace(name=name, path=lambda folder, *_: folder / name, **given)

    monkeypatch.setattr("refinezoo.export.report.chosen_formats", lambda _: [*map(fake, "abc")])
    with pytest.raises(RefinezooError, match=f"OpenVINO.*{words}. Make room"):
        export.export_formats(None, "r", tmp_path, overwrite=True)
    assert written == ["a", "b"] and not (tmp_path / "r/EXPORT.md").exists()


@pytest.mark.tensorflow
def test_files_report_and_measurements(needed, refiner, photos, tmp_path):
    needed("litert")

    def run(model=refiner):
        return export.export_formats(
            model,
            "r",
            tmp_path,
            ["saved_model", "litert"],
            precisions=["float32", "int8"],
            image_size=[(32, 32), (32, 48)],
            calibration=[p[:64, :61] for p in photos],
            runs=1,
        )

    rows = run()
    assert [row.title for row in rows] == ["saved_model", "litert", "litert int8"]
    assert (tmp_path / "r/1/saved_model.pb").is_file() and (tmp_path / "r/r.tflite").is_file()
    for row in rows[:2]:
        assert row.parity["max_abs_error"] <= 1 and row.parity["psnr"] > 60
        assert row.megabytes > 0.01
        for speed in row.speed.values():
            assert 0 < speed.p50_ms <= speed.p95_ms and 20 < speed.peak_mb < 4000
    text = (tmp_path / "r/EXPORT.md").read_text()
    assert "| saved_model | 1 |" in text and "| litert | r.tflite |" in text
    # Instance norm on random weights: refused, with what was reached, and nothing written.
    assert "reached PSNR dB" in rows[2].refused and rows[2].refused in text
    assert not (tmp_path / "r/r_int8.tflite").exists()
    assert refinezoo.load(tmp_path / "r/r.tflite").sizes == [(32, 32), (32, 48)]
    version = (tmp_path / "r/1/saved_model.pb").stat().st_mtime_ns
    kept = refiner.inference_network.get_weights()
    refiner.inference_network.set_weights([weight + 0.1 for weight in kept])
    try:
        for format_name in ("saved_model", "litert"):
            with pytest.raises(RefinezooError, match=r"holds another model.*\(--name\).*--overwr"):
                export.export_formats(refiner, "r", tmp_path, [format_name], runs=0)
    finally:
        refiner.inference_network.set_weights(kept)
    export.export_formats(refiner, "r", tmp_path, ["saved_model"], runs=0)
    assert (tmp_path / "r/1/saved_model.pb").stat().st_mtime_ns == version


def test_a_precision_that_no_format_has_is_named(tmp_path):
    with pytest.raises(RefinezooError, match="precision of litert: .*int8; received 'int4'"):
        export.export_formats(None, "r", tmp_path, ["litert"], precisions=["int8", "int4"])
    with pytest.raises(RefinezooError, match="received none"):
        export.export_formats(None, "r", tmp_path, iter(["litert"]), precisions=[])


@pytest.mark.parametrize("name", ["..", "../x", "/tmp/x", "", "a/b", ".hidden"])
def test_an_export_stays_inside_out(name, tmp_path):
    with pytest.raises(RefinezooError, match=r"--name.*expected a plain name"):
        export.export_formats(None, name, tmp_path / "out", ["litert"])
    (tmp_path / "out").mkdir()
    (tmp_path / "out/link").symlink_to(tmp_path)
    with pytest.raises(RefinezooError, match="leads out of it"):
        export.export_formats(None, "link", tmp_path / "out", ["litert"])


def test_old_argument_names_work_with_a_warning(tmp_path):
    with pytest.warns(FutureWarning, match=r"export_formats\(variants=\) is called precisions="):
        with pytest.raises(RefinezooError, match="precision of litert"):
            export.export_formats(None, "r", tmp_path, ["litert"], variants=["int4"])
    with pytest.warns(FutureWarning, match="'f32' is called 'float32'"):
        with pytest.raises(RefinezooError, match="ends in .tflite|image_size"):
            export.litert(object(), tmp_path / "m.tflite", (1, 2, 3), "f32")


def test_measuring_reports_the_last_words_of_the_process(tmp_path):
    from refinezoo.export.checks.measure import measure

    with pytest.raises(RefinezooError, match="measuring .*missing.tflite failed.*found none"):
        measure(tmp_path / "missing.tflite", np.zeros((4, 4, 3), np.uint8), threads=1)
