"""The command line as a whole: help, exit codes, mistakes, interrupts, what a terminal is shown."""

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

import pytest
from command_line import run
from small_sets import photo, put
from typer.testing import CliRunner

import refinezoo
from refinezoo import cli
from refinezoo.errors import RefinezooError, printable

VERBS = [each.name or each.callback.__name__ for each in cli.app.registered_commands]


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
    page = (Path(__file__).parents[2] / "docs/cli.md").read_text(encoding="utf-8")
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
    command = ["street", str(tmp_path / "frames"), "--count", "40", "--image-size", "32x32"]
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


def test_interrupt_says_how_to_resume(calls, tmp_path):
    calls("refinezoo.experiments.compare", "compare_downstream", KeyboardInterrupt())
    result = run("compare", "study.yaml")
    assert result.exit_code == 130
    assert "Run the same command again to resume" in result.stderr


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
