"""`refinezoo export`."""

import types

import pytest
from command_line import run

import refinezoo
from refinezoo import cli
from refinezoo.export.registry import chosen_formats
from refinezoo.export.report import Row


def test_export_calls_the_named_format(monkeypatch, tmp_path):
    seen = []

    def export_formats(model, name, out, formats, **options):
        seen.append((model, name, out, formats, options))
        return []

    stand_in = types.SimpleNamespace(
        saved_model=lambda model, folder, **options: seen.append((model, folder)),
        export_formats=export_formats,
    )
    monkeypatch.setattr(refinezoo, "export", stand_in, raising=False)
    monkeypatch.setattr(cli.serving_verbs, "load", lambda name: f"model {name}")
    assert run("export", "cyclegan", "--out", tmp_path / "1").exit_code == 0
    assert seen == [("model cyclegan", tmp_path / "1")]
    assert run("export", "c", "--out", tmp_path, "--max-pixels", 9).exit_code == 0
    assert seen.pop()[4]["max_image_pixels"] == 9
    assert run("export", "cyclegan", "--out", tmp_path).exit_code == 0
    assert seen[1][:4] == ("model cyclegan", "cyclegan", tmp_path, ["saved_model"])
    sizes = ("--image-size", "64", "--image-size", "32x48", "--precision", "int8")
    assert run("export", "c", "--format", "litert", "--out", tmp_path, *sizes).exit_code == 0
    assert seen[2][3] == ["litert"] and seen[2][4]["precisions"] == ["int8"]
    assert seen[2][4]["image_size"] == [(64, 64), (32, 48)]
    assert run("export", "cyclegan", "--format", "onnxx", "--out", tmp_path).exit_code == 2
    wrong = run("export", "cyclegan", "--out", tmp_path, "--image-size", "big")
    assert wrong.exit_code == 2 and "expected --image-size as 256" in wrong.output


def test_export_has_a_plain_name_inside_out(monkeypatch, tmp_path):
    seen = []
    stand_in = types.SimpleNamespace(
        export_formats=lambda model, name, out, formats, **options: seen.append(name) or []
    )
    monkeypatch.setattr(refinezoo, "export", stand_in, raising=False)
    monkeypatch.setattr(cli.serving_verbs, "load", lambda name: f"model {name}")
    (tmp_path / "my_run/preset").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "my_run/preset")
    out = ("--out", tmp_path / "out")
    for model in (".", "..", "../preset/"):  # what was trained into my_run
        assert run("export", model, *out).exit_code == 0 and seen.pop() == "my_run"
    assert run("export", ".", *out, "--name", "mine").exit_code == 0 and seen.pop() == "mine"


@pytest.mark.parametrize(("refused", "code"), [("below the gate", 3), ("", 0)])
def test_files_that_were_refused_are_named_and_leave_code_3(monkeypatch, tmp_path, refused, code):
    litert = chosen_formats(["litert"])[0]
    rows = [
        Row(litert, "float32", tmp_path / "m.tflite"),
        Row(litert, "int8", tmp_path / "m_int8.tflite", refused=refused),
    ]
    stand_in = types.SimpleNamespace(export_formats=lambda *_, **__: rows)
    monkeypatch.setattr(refinezoo, "export", stand_in, raising=False)
    monkeypatch.setattr(cli.serving_verbs, "load", lambda name: f"model {name}")
    ended = run("export", "m", "--out", tmp_path, "--format", "litert")
    assert ended.exit_code == code and "litert: " in ended.stdout
    assert ("litert int8 not written: below the gate" in ended.stderr) == bool(refused)
    assert ("m_int8.tflite" in ended.stdout) == (not refused)


def test_export_shows_the_table_of_formats(monkeypatch):
    from refinezoo.export.registry import format_rows

    monkeypatch.setenv("COLUMNS", "200")
    shown = run("export", "--help-formats")
    assert shown.exit_code == 0
    titles, *rows = format_rows()
    for row in rows:
        assert all(cell in shown.stdout for cell in row[:-1])
