import json
import time
import tracemalloc

import pytest
import yaml

from refinezoo.config.reading import (
    MAX_JSON_BYTES,
    parse_json,
    parse_yaml,
    read_json,
    read_yaml,
    yaml_text,
)
from refinezoo.errors import RefinezooError

BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{new}: &{new} [{', '.join([f'*{old}'] * 9)}]\n"
    for old, new in zip("abcdefgh", "bcdefghi", strict=True)
)

TRAPS = {
    "alias bomb": (BOMB, "aliases"),
    "value inside itself": ("a: &a [*a]", "64 deep"),
    "deep list": ("[" * 100_000, "64 deep"),
    "deep mapping": ("{a: " * 100_000, "64 deep"),
    "deep by indentation": ("".join(" " * n + "a:\n" for n in range(500)), "64 deep"),
    "no such day": ("a: !!timestamp 2001-99-99", "not valid YAML"),
    "no such number": ("a: !!int x", "not valid YAML"),
    "empty number": ("a: !!int ''", "not valid YAML"),
    "no number": ("a: .nan", "finite"),
    "infinite": ("a: [.inf]", "finite"),
    "long number": ("a: 1" + "0" * 30, "64 bits"),
    "very long number": ("a: 1" + "0" * 5000, "not valid YAML"),
    "code": ("a: !!python/object/apply:os.system [ls]", "not valid YAML"),
    "two documents": ("a: 1\n---\nb: 2", "not valid YAML"),
    "list as key": ("? [a]\n: b", "not valid YAML"),
    "control character": ("a: \x01", "not valid YAML"),
    "tab": ("a:\n\tb: 1", "not valid YAML"),
    "unknown alias": ("a: *b", "not valid YAML"),
    "a key twice": ("a: 1\nb: {c: 1}\n'a': 2", "line 3: .*'a' again, after line 1"),
    "a key twice, within": ("- x: [{b: [1], b: 2}]", "line 1: .*'b' again"),
}


@pytest.mark.parametrize("name", TRAPS)
def test_yaml_traps_are_worded_at_once(tmp_path, name):
    text, message = TRAPS[name]
    path = tmp_path / "trap.yaml"
    path.write_text(text, encoding="utf-8")
    started = time.monotonic()
    with pytest.raises(RefinezooError, match=message) as error:
        read_yaml(path)
    assert time.monotonic() - started < 5 and len(str(error.value)) < 1000
    assert str(error.value).startswith(str(path))


def test_keys_of_different_mappings_are_different():
    text = "a: &a {x: 1, <<: {y: 2}}\nb: {<<: *a, x: 3, y: {x: 4}}\nc: [x, x, {x: x}, *a, *a]"
    assert parse_yaml(text, "here")["b"] == {"x": 3, "y": {"x": 4}}


def test_json_refuses_a_key_twice(tmp_path):
    (tmp_path / "a.json").write_text('{"a": [{"b": 1, "b": 2}]}')
    for any_number in (False, True):
        with pytest.raises(RefinezooError, match="the key 'b' twice"):
            read_json(tmp_path / "a.json", any_number=any_number)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32", "utf-16-le"])
def test_json_in_any_unicode(tmp_path, encoding):
    (tmp_path / "a.json").write_bytes('{"é": 1}'.encode(encoding))
    assert read_json(tmp_path / "a.json") == {"é": 1}


def test_any_number_is_for_readers_that_look(tmp_path):
    (tmp_path / "a.json").write_text('{"a": [NaN, -Infinity, 1' + "0" * 40 + "]}")
    assert read_json(tmp_path / "a.json", any_number=True)["a"][2] == 10**40
    with pytest.raises(RefinezooError, match="NaN"):
        read_json(tmp_path / "a.json")


def test_the_loader_of_pyyaml_would_fall_for_them():
    assert yaml.safe_load(BOMB)["i"]  # 9 ** 9 values
    with pytest.raises(ValueError, match="month must be in"):
        yaml.safe_load("a: 2001-99-99")


@pytest.mark.parametrize("text", ["2001-99-99", "2026-11-28", "2026-11-28 10:00:00"])
def test_dates_stay_text(text):
    assert parse_yaml(f"date: {text}", "here") == {"date": text}


def test_plain_yaml_is_read(tmp_path):
    text = "a: &a {b: [1, 2.5, yes, null, x]}\nc: *a\n"
    inner = {"b": [1, 2.5, True, None, "x"]}
    (tmp_path / "x.yaml").write_text("\ufeff" + text, encoding="utf-8")
    assert read_yaml(tmp_path / "x.yaml") == {"a": inner, "c": inner}
    assert parse_yaml("", "here") is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[" * 100_000, "64 deep"),
        ('{"a":' * 900 + "1" + "}" * 900, "64 deep"),
        ('{"a": NaN}', "not valid JSON"),
        ('{"a": -Infinity}', "not valid JSON"),
        ('{"a": 1e999}', "finite"),
        ('{"a": 1' + "0" * 5000 + "}", "not valid JSON"),
        ('{"a": 9223372036854775808}', "64 bits"),
        ('{"a": 1', "line 1: not valid JSON"),
        ("", "not valid JSON"),
        ("{'a': 1}", "not valid JSON"),
    ],
)
def test_json_traps_are_worded(text, message):
    with pytest.raises(RefinezooError, match=message) as error:
        parse_json(text, "here.json")
    assert str(error.value).startswith("here.json") and len(str(error.value)) < 1000


def test_files_that_are_none(tmp_path):
    for read, kind in ((read_yaml, "YAML"), (read_json, "JSON")):
        with pytest.raises(RefinezooError, match=f"expected a {kind} file at .* no file there"):
            read(tmp_path / "none")
        with pytest.raises(RefinezooError, match="something that is no file"):
            read(tmp_path)
        (tmp_path / "latin1").write_bytes('{"é": 1}'.encode("latin-1"))
        with pytest.raises(RefinezooError, match="UTF-8"):
            read(tmp_path / "latin1")


def test_a_file_that_is_too_large_is_not_read(tmp_path):
    with open(tmp_path / "large", "wb") as file:
        file.truncate(1 << 40)  # takes no room
    for read in (read_yaml, read_json):
        with pytest.raises(RefinezooError, match="MB at .*received 1,099,512 MB"):
            read(tmp_path / "large")
    (tmp_path / "list.json").write_text(json.dumps(list(range(100_001))))
    assert len(read_json(tmp_path / "list.json")) == 100_001
    with pytest.raises(RefinezooError, match="at most 0 MB"):
        read_json(tmp_path / "list.json", max_bytes=1000)
    assert MAX_JSON_BYTES > 1000


def test_a_small_file_takes_little_memory(tmp_path):
    (tmp_path / "a.json").write_text("[1]")
    tracemalloc.start()
    try:
        assert read_json(tmp_path / "a.json", max_bytes=1 << 31) == [1]
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("text", ["2e-4", "2E-4", "2.e-4", ".5e1", "+1e5", "-1e5", "1e+5"])
def test_exponents_are_numbers_with_and_without_a_dot(text):
    assert parse_yaml(f"a: {text}", "x") == {"a": float(text)}
    assert parse_yaml(f"a: [{text}, '{text}']", "x") == {"a": [float(text), text]}


def test_text_that_looks_like_a_number_is_written_as_text():
    values = {"a": ["2e-4", "1e5", "e5", "1e", "2024-01-01", "no", "012"], "b": 2e-4, "c": 1e300}
    assert parse_yaml(yaml_text(values), "x") == values
