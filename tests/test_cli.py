import json
import logging
import os
import re
import signal
import subprocess
import sys
import time
import types
from pathlib import Path

import cv2
import numpy as np
import pytest
from small_sets import photo, put
from typer.testing import CliRunner

import refinezoo
from refinezoo import cli
from refinezoo.errors import RefinezooError, printable

VERBS = [each.name or each.callback.__name__ for each in cli.app.registered_commands]


def run(*arguments):
    return CliRunner().invoke(cli.app, [str(argument) for argument in arguments])


@pytest.fixture
def calls(monkeypatch):
    """Replaces a function of the package and records how the command line calls it."""
    recorded = []

    def replace(module, name, result=None):
        stand_in = types.ModuleType(module)

        def function(*args, **kwargs):
            recorded.append((args, kwargs))
            if isinstance(result, BaseException):
                raise result
            return result

        setattr(stand_in, name, function)
        monkeypatch.setitem(sys.modules, module, stand_in)
        return recorded

    return replace


def test_help_names_every_verb():
    result = run("--help")
    assert result.exit_code == 0
    assert all(re.search(rf"\b{verb}\b", result.output) for verb in VERBS)


@pytest.mark.parametrize("verb", VERBS)
def test_the_help_of_each_verb_fits_a_screen_and_has_an_example(verb, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    lines = run(verb, "--help").stdout.splitlines()
    assert len(lines) <= 40 and max(map(len, lines)) <= 80
    text = " ".join(" ".join(lines).split())
    assert f"Example: refinezoo {verb} " in text and "--json" in text and "-q, --quiet" in text


def test_list_json_is_json_and_starts_no_keras():
    code = (
        "import sys; sys.argv = ['refinezoo', 'list', '--json']\n"
        "from refinezoo import cli\n"
        "try:\n    cli.main()\n"
        "finally:\n"
        "    bad = {'keras', 'tensorflow', 'jax', 'cv2', 'numpy'} & set(sys.modules)\n"
        "    print(sorted(bad), file=sys.stderr)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr.strip() == "[]"
    rows = json.loads(done.stdout)
    assert rows == refinezoo.list_models()
    keys = {"name", "kind", "summary", "weights_bytes", "weights_sha256", "licence", "results"}
    assert all(keys <= set(row) for row in rows)


def test_python_m_refinezoo():
    done = subprocess.run(
        [sys.executable, "-m", "refinezoo", "--version"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stdout.strip() == f"refinezoo {refinezoo.__version__}"
    assert done.returncode == 0 and done.stderr == ""


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["info", "cyclegam"], "expected a zoo name or a preset folder, received 'cyclegam'"),
        (["refine", "a", "b", "--model", "cyclegam"], "received 'cyclegam'"),
        (["export", "cyclegam", "--out", "x"], "received 'cyclegam'"),
        (["list", "--kind", "refinr"], "Did you mean 'refiner'?"),
        (["doctor", "/nonexistent/a", "/nonexistent/b"], "expected a folder of synthetic images"),
        (["train", "/nonexistent/x.yaml"], "expected a YAML file at"),
    ],
)
def test_a_mistake_is_one_message_and_exit_code_2(arguments, message):
    result = run(*arguments)
    assert result.exit_code == 2
    assert message in result.stderr and result.stderr.startswith("refinezoo: ")
    assert "Traceback" not in result.output and result.stdout == ""


@pytest.mark.parametrize("columns", [60, 80, 120, 400])
def test_the_list_has_a_line_a_model_and_cuts_no_licence(monkeypatch, columns):
    from refinezoo import zoo

    monkeypatch.setenv("COLUMNS", str(columns))
    lines = run("list").stdout.splitlines()
    assert max(map(len, lines)) <= columns
    for line, row in zip(lines[1:], zoo.list_models(), strict=False):
        name, kind, *rest = line.split()
        assert (name, kind) == (row["name"], row["kind"])
        licence = "research only" if "research" in row["licence"].lower() else "Apache-2.0"
        assert " ".join(rest).startswith(licence)
        assert columns < 400 or line.endswith(row["summary"])
    assert ("a wider" in "".join(lines[-3:])) == (columns < 120)
    assert (f"AP50 {0.8710:.3f}" in "\n".join(lines)) == (columns >= 80)


def test_quiet_json_and_progress_keep_apart(calls, tmp_path, capsys):
    def compose_scenes(*arguments, **keywords):
        print("10 %")
        return tmp_path

    calls("refinezoo.scenes.compose", "compose_scenes")
    sys.modules["refinezoo.scenes.compose"].compose_scenes = compose_scenes
    plain = run("compose", tmp_path, "--count", 3)
    assert plain.stdout == f"10 %\n3 scenes: {tmp_path}\n"
    said = run("compose", tmp_path, "--count", 3, "--json")
    assert json.loads(said.stdout) == {"folder": str(tmp_path), "scenes": 3}
    assert said.stderr == "10 %\n"
    assert run("compose", tmp_path, "-q").output == ""
    assert json.loads(run("compose", tmp_path, "-q", "--json").stdout)["scenes"] == 100
    names = run("list", "-q", "--kind", "pose").stdout
    assert names == "pose_tower\n"
    assert "expected a zoo name" in run("info", "cyclegam", "-q").stderr


def test_the_page_tells_every_exit_code():
    app = sys.modules["refinezoo.cli.app"]
    page = (Path(__file__).parents[1] / "docs/cli.md").read_text(encoding="utf-8")
    told = [int(code) for code in re.findall(r"^\| (\d+) \|", page, re.M)]
    assert told == [0, app.FOUND, app.REFUSED, app.PARTLY, app.INTERRUPTED] == [0, 1, 2, 3, 130]


# A job in the background is started with SIGINT ignored, and hands that on.
HEEDS_CTRL_C = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)
from refinezoo.cli import main
main()
"""


def test_ctrl_c_says_how_to_go_on_and_the_same_command_does(tmp_path):
    command = ["street", str(tmp_path / "frames"), "--count", "40", "--size", "32x32"]
    running = subprocess.Popen(
        [sys.executable, "-c", HEEDS_CTRL_C, *command],
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 60
    while len(list(tmp_path.glob("frames/images/*.png"))) < 2 and time.monotonic() < deadline:
        time.sleep(0.02)
    running.send_signal(signal.SIGINT)
    told = running.communicate(timeout=60)[1].decode()
    assert running.returncode == 130
    assert "interrupted. Run the same command again to resume" in told and "Traceback" not in told
    frames = sorted(tmp_path.glob("frames/images/*.png"))
    kept = {path: path.stat().st_mtime_ns for path in frames[:-1]}  # the last may be half done
    assert 1 <= len(kept) < 40
    assert run(*command).exit_code == 0
    assert len(list(tmp_path.glob("frames/images/*.png"))) == 40
    assert all(path.stat().st_mtime_ns == when for path, when in kept.items())


def test_the_shell_completes_verbs():
    words = {
        "_REFINEZOO_COMPLETE": "complete_bash",
        "COMP_WORDS": "refinezoo ex",
        "COMP_CWORD": "1",
    }
    done = CliRunner().invoke(cli.app, env=words, prog_name="refinezoo")
    assert done.stdout.split() == ["export"]


def test_a_reader_that_has_enough_is_no_error(monkeypatch):
    from refinezoo import zoo

    def closed(*arguments):
        raise BrokenPipeError

    monkeypatch.setattr(zoo, "list_models", closed)
    assert run("list").stderr == ""


def test_debug_shows_the_error_itself():
    result = run("--debug", "info", "cyclegam")
    assert isinstance(result.exception, RefinezooError)


def test_unknown_verb_and_bad_option():
    assert run("refin").exit_code == 2
    assert run("refine", "a", "b", "--model", "m", "--strength", "2").exit_code == 2


def test_doctor_json_and_exit_code(tmp_path):
    for name in ("synthetic", "real"):
        (tmp_path / name).mkdir()
        image = np.full((70, 70, 3), 120, np.uint8)
        cv2.imwrite(str(tmp_path / name / "a.png"), image)
    result = run("doctor", tmp_path / "synthetic", tmp_path / "real", "--json")
    assert result.exit_code == 0 and json.loads(result.stdout)["ok"] is True
    (tmp_path / "real" / "b.png").write_bytes(b"junk")
    result = run("doctor", tmp_path / "synthetic", tmp_path / "real")
    assert result.exit_code == 1 and "ERROR corrupt" in result.stdout


def test_demo_calls_the_package(calls, monkeypatch, tmp_path):
    recorded = calls("refinezoo.demo", "run")
    monkeypatch.setattr(refinezoo, "demo", sys.modules["refinezoo.demo"], raising=False)
    assert run("demo", "--out", tmp_path).exit_code == 0
    assert run("demo", "--out", tmp_path, "--count", 5, "--seed", 2).exit_code == 0
    assert recorded == [
        ((), {"out": tmp_path, "count": 48, "seed": 0}),
        ((), {"out": tmp_path, "count": 5, "seed": 2}),
    ]


def test_compare_calls_the_package(calls, tmp_path):
    recorded = calls("refinezoo.experiments.compare", "compare_downstream")
    result = run("compare", "study.yaml", "--jobs", 2, "--data", tmp_path)
    assert result.exit_code == 0, result.output
    ((study,), keywords) = recorded[0]
    assert str(study) == "study.yaml" and keywords["jobs"] == 2 and keywords["data"] == tmp_path


def test_compose_calls_the_package_with_packaged_products(calls, tmp_path):
    recorded = calls("refinezoo.scenes.compose", "compose_scenes", tmp_path)
    result = run("compose", tmp_path / "scenes", "--count", 3, "--layout", "tray", "--seed", 5)
    assert result.exit_code == 0, result.output
    ((products, out, count), keywords) = recorded[0]
    assert any(products.glob("*.png")) and any(keywords["distractors"].glob("*.png"))
    assert (out, count) == (tmp_path / "scenes", 3)
    assert keywords["layout"] == "tray" and keywords["seed"] == 5


def test_street_calls_the_package(calls, tmp_path):
    recorded = calls("refinezoo.scenes.street", "render_street", tmp_path)
    result = run("street", tmp_path, "--count", 3, "--size", "64x96", "--mode", "forest")
    assert result.exit_code == 0 and f"3 frames: {tmp_path}" in result.output
    ((out, count), keywords) = recorded[0]
    assert (out, count) == (tmp_path, 3) and keywords["image_size"] == (64, 96)
    assert keywords["mode"] == "forest" and keywords["seed"] == 0
    wrong = run("street", tmp_path, "--size", "64,96")
    assert wrong.exit_code == 2 and "expected --size as 256 or 256x128" in wrong.stderr


def test_interrupt_says_how_to_resume(calls, tmp_path):
    calls("refinezoo.experiments.compare", "compare_downstream", KeyboardInterrupt())
    result = run("compare", "study.yaml")
    assert result.exit_code == 130
    assert "Run the same command again to resume" in result.stderr


def test_refine_loads_gates_and_reports(monkeypatch, tmp_path):
    seen = {}

    class Summary:
        failed: dict = {}

        def __str__(self):
            return "3 images refined"

    def refine_dataset(source, out, refiner, **keywords):
        seen.update(keywords, source=source, refiner=refiner)
        return Summary()

    monkeypatch.setattr(refinezoo, "refine_dataset", refine_dataset, raising=False)
    monkeypatch.setattr(cli.data_verbs, "load", lambda name: f"model {name}")
    put(tmp_path / "renders/a.png", photo())
    arguments = ["refine", tmp_path / "renders", tmp_path / "out"]
    arguments += ["--model", "reinhard", "--seed", 4]
    result = run(*arguments, "--gate", "drop", "--strength", 0.5)
    assert result.exit_code == 0, result.output
    assert "3 images refined" in result.stdout
    assert seen["gate"].action == "drop" and seen["strength"] == 0.5 and seen["seed"] == 4
    assert seen["refiner"] == "model reinhard"
    assert run(*arguments).exit_code == 0 and seen["gate"] is None


def test_gate_writes_what_refine_reads(monkeypatch, tmp_path):
    from refinezoo import refinement

    parts = dict.fromkeys(refinement.calibration.PARTS, 1.0)
    objects = [[1.0, 1.0]] * 3
    known = refinement.Calibration(parts, parts, [0.1, 0.2], objects, objects, -2.0, 0.05, 24)
    seen = {}
    monkeypatch.setattr(cli.dataset_verbs, "load", lambda name: f"model {name}")
    monkeypatch.setattr(cli.data_verbs, "load", lambda name: f"model {name}")
    monkeypatch.setattr(refinement, "calibrate_gate", lambda *args, **keywords: known)
    put(tmp_path / "renders/a.png", photo())
    result = run("gate", tmp_path / "renders", tmp_path / "gate.json", "--model", "reinhard")
    assert result.exit_code == 0 and "threshold -2.0" in result.output, result.output

    def refine_dataset(source, out, refiner, **keywords):
        seen.update(keywords)
        return types.SimpleNamespace(failed={})

    monkeypatch.setattr(refinezoo, "refine_dataset", refine_dataset, raising=False)
    arguments = ["refine", tmp_path / "renders", tmp_path / "out", "--model", "reinhard"]
    arguments += ["--calibration", tmp_path / "gate.json"]
    assert run(*arguments, "--gate", "drop").exit_code == 0
    assert seen["gate"] == refinement.Gate(action="drop", calibration=known)
    result = run(*arguments)
    assert result.exit_code == 2 and "beside --calibration" in result.stderr


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
    for model, name in ((".", "preset"), ("..", "my_run"), ("../preset/", "preset")):
        assert run("export", model, *out).exit_code == 0 and seen.pop() == name
    assert run("export", ".", *out, "--name", "mine").exit_code == 0 and seen.pop() == "mine"


def test_export_shows_the_table_of_formats(monkeypatch):
    from refinezoo.export.registry import format_rows

    monkeypatch.setenv("COLUMNS", "200")
    shown = run("export", "--help-formats")
    assert shown.exit_code == 0
    titles, *rows = format_rows()
    for row in rows:
        assert all(cell in shown.stdout for cell in row[:-1])


def test_serve_config_writes_the_kit(tmp_path):
    (tmp_path / "servable/m/1").mkdir(parents=True)
    (tmp_path / "servable/m/1/saved_model.pb").touch()
    kit = tmp_path / "deploy"
    done = run("serve-config", tmp_path / "servable", "--out", kit, "--label", "m:stable=1")
    assert done.exit_code == 0 and str(kit / "compose.yaml") in done.output
    assert 'key: "stable" value: 1' in (kit / "config/models.config").read_text()
    assert run("serve-config", tmp_path / "servable", "--label", "m=1").exit_code == 2


NASTY = "a\x1b[2Jb\x9bc\udce9.png"


def test_no_name_steers_the_terminal(tmp_path, monkeypatch, caplog):
    """File names may hold escape sequences, and bytes that are no UTF-8."""
    (tmp_path / "in").mkdir()
    put(tmp_path / "a.png", photo())
    os.replace(tmp_path / "a.png", tmp_path / "in" / NASTY)
    said = {"images": [{"file": NASTY, "words": "milk \x07"}]}
    stand_in = types.SimpleNamespace(predict_folder=lambda *arguments, **options: said)
    monkeypatch.setitem(sys.modules, "refinezoo.experiments.predict", stand_in)
    monkeypatch.setattr(cli.model_verbs, "load", lambda name: name)
    for line in (
        ("predict", "ssd", tmp_path / "in", "--out", tmp_path / NASTY),
        ("check", tmp_path / "in"),
        ("doctor", tmp_path / "in", tmp_path / "in"),
        ("refine", tmp_path / "in", tmp_path / "out", "--model", "reinhard", "--dry-run"),
        ("info", NASTY),
        ("train", tmp_path / NASTY),
    ):
        shown = run(*line).output
        assert shown and not set(shown) & set("\x1b\x07\x9b\udce9"), line
    record = logging.LogRecord("refinezoo.data", logging.WARNING, "", 1, "%s", (NASTY,), None)
    assert sys.modules["refinezoo.cli.app"]._Escaped("%(message)s").format(record) == printable(
        NASTY
    )


def test_request_says_that_no_server_is_there(tmp_path, images):
    from refinezoo.data import write_image

    write_image(tmp_path / "in/0.png", images[0])
    server = ("--server", "http://127.0.0.1:9", "--timeout", "1")
    done = run("request", tmp_path / "in", tmp_path / "out", "--model", "m", *server)
    assert done.exit_code == 2 and "UNAVAILABLE: 127.0.0.1:9" in done.output
