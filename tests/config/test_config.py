import pytest

from refinezoo.config import read_yaml, validate
from refinezoo.errors import RefinezooError
from refinezoo.zoo.entry import ZooEntry

ENTRY = {
    "name": "tiny",
    "kind": "refiner",
    "summary": "A model of the tests.",
    "class": "Tiny",
    "config": {"filters": 4},
    "weights": {"file": "tiny.weights.h5", "bytes": 10, "sha256": "0" * 64, "dtype": "float16"},
    "licence": "Apache-2.0",
    "recipe": {
        "command": "make tiny",
        "hardware": "2 CPU cores",
        "minutes": 1,
        "seeds": [0],
        "date": "2026-11-23",
    },
    "results": [
        {"dataset": "d", "split": "test", "metric": "AP50", "rule": "COCO", "value": 0.5, "n": 3}
    ],
}


def test_a_full_entry_passes():
    entry = validate(ZooEntry, ENTRY, "tiny.yaml")
    assert entry.class_name == "Tiny"
    assert entry.results[0].value == 0.5


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"licnce": "MIT"}, "licnce: unknown key. Did you mean 'licence'?"),
        ({"kind": "refinr"}, "Did you mean 'refiner'?"),
        ({"summary": 3}, "summary: expected text"),
        ({"weights": {**ENTRY["weights"], "sha": "1"}}, "weights.sha: unknown key. Did you mean"),
        ({"weights": {**ENTRY["weights"], "sha256": "1"}}, "weights.sha256: expected text"),
        ({"results": [{"dataset": "d"}]}, "results.0.split: expected a value, received none"),
        ({"recipe": None}, "results need a recipe"),
        ({"config": [1]}, "config: expected a mapping"),
    ],
)
def test_each_mistake_is_worded(change, message):
    with pytest.raises(RefinezooError) as error:
        validate(ZooEntry, {**ENTRY, **change}, "tiny.yaml")
    text = str(error.value)
    assert text.startswith("tiny.yaml: ")
    assert message in text
    assert "pydantic" not in text and "For further information" not in text


def test_a_missing_key_is_named():
    with pytest.raises(RefinezooError, match="licence: expected a value, received none. Add it"):
        validate(ZooEntry, {k: v for k, v in ENTRY.items() if k != "licence"}, "tiny.yaml")


def test_something_else_than_a_mapping():
    with pytest.raises(RefinezooError, match="expected a mapping of keys to values"):
        validate(ZooEntry, ["a"], "tiny.yaml")


def test_broken_and_missing_yaml(tmp_path):
    path = tmp_path / "broken.yaml"
    path.write_text("name: x\n  kind: [refiner\n")
    with pytest.raises(RefinezooError, match=r"broken\.yaml, line 2: not valid YAML"):
        read_yaml(path)
    with pytest.raises(RefinezooError, match="no file there"):
        read_yaml(tmp_path / "none.yaml")
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(RefinezooError):
        read_yaml(path)
