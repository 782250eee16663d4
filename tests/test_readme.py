"""The README keeps its word: tables, code, commands and links are held against the product."""

import re
import shlex
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from small_sets import coco, photo, put, put_coco

import refinezoo

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_tables_are_those_of_yaml_and_registry():
    from refinezoo.export.registry import format_table
    from refinezoo.zoo.catalogue import zoo_table

    assert zoo_table() in TEXT
    assert format_table() in TEXT


def test_each_verb_has_its_row_and_each_option_exists():
    import typer

    from refinezoo.cli import app

    verbs = typer.main.get_command(app).commands
    rows = re.findall(r"^\| `refinezoo (\w[\w-]*)([^`]*)` \|(.*)", TEXT, re.M)
    assert {verb for verb, _, _ in rows} == set(verbs)
    for verb, rest, words in rows:
        said = CliRunner().invoke(verbs[verb], ["--help"]).output
        for option in re.findall(r"--[\w-]+", rest + words):
            assert option in said, f"{verb} {option}"


def test_make_has_what_is_typed():
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.M))
    typed = re.findall(r"^make ([\w-]+)", TEXT, re.M)
    assert typed and set(typed) <= targets
    extras = re.findall(r"`(\w+)`", re.search(r"other extras you need:(.*?)For", TEXT, re.S)[1])
    declared = (ROOT / "setup.py").read_text(encoding="utf-8")
    assert extras and not [name for name in extras if f'"{name}"' not in declared]


def test_files_and_links_are_there():
    links = [link for link in re.findall(r"\]\(([^)#]+)", TEXT) if "://" not in link]
    commands = re.findall(r"`((?:python|refinezoo compare) [^`]+)`", TEXT)
    scripts = [
        word
        for command in commands
        for word in shlex.split(command.replace(";", " "))
        if word.startswith(("benchmarks/", "examples/"))
    ]
    assert len(scripts) >= 3
    assert not [name for name in links + scripts if not (ROOT / name).exists()]


@pytest.mark.tensorflow
def test_ten_lines(tmp_path, monkeypatch, small_model):
    """With a small untrained refiner in place of the zoo's, and a study that is not run."""
    (code,) = re.findall(r"```python\n(.*?)```", TEXT, re.S)
    assert len([line for line in code.splitlines() if line.strip()]) <= 12
    names = [f"{number}.png" for number in range(2)]
    put_coco(tmp_path / "renders/annotations.json", coco(names, width=32, height=32))
    for number, name in enumerate(names):
        put(tmp_path / "renders/images" / name, photo(number, 32, 32))
    stand_in = small_model("CycleGANForegroundBackground", colour=None)
    load, studies = refinezoo.load, []
    monkeypatch.setattr(
        refinezoo, "load", lambda name: stand_in if name == "cyclegan_fgbg" else load(name)
    )
    monkeypatch.setattr(refinezoo, "compare_downstream", studies.append)
    monkeypatch.chdir(tmp_path)
    known = {"renders": np.stack([photo(number, 40, 36) for number in range(2)])}
    exec(compile(code, "README.md", "exec"), known)
    assert known["refined"].shape == (2, 40, 36, 3) and known["refined"].dtype == np.uint8
    assert len(list((tmp_path / "refined/images").iterdir())) == 2
    assert (tmp_path / "servable/cyclegan_fgbg/1/saved_model.pb").is_file()
    assert studies == ["study.yaml"]
    np.testing.assert_allclose(
        known["refiner"].refine(known["renders"]).astype(int), known["refined"], atol=2
    )
