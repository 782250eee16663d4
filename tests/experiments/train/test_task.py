"""`train` of a task's model, from a config to a preset."""

import json

import numpy as np
import pytest
import yaml

import refinezoo
from refinezoo.data import write_image
from refinezoo.errors import RefinezooError
from refinezoo.experiments.train import TaskTraining, TrainingConfig, read_config, train

pytestmark = pytest.mark.usefixtures("eager")
CONFIG = {
    "model": {
        "class": "Classifier",
        "config": {"image_size": 16, "tower": "mnist", "width_multiplier": 0.1},
    },
    "training": {"steps": 4, "batch_size": 4, "augmentation": False, "backup_every": 2},
}


@pytest.fixture(scope="module")
def shades(tmp_path_factory):
    """Folders of dark and of light images, to train on and to measure on."""
    root = tmp_path_factory.mktemp("shades")
    for split in ("photos", "test"):
        for name, value in (("dark", 20), ("light", 220)):
            for number in range(3):
                image = np.full((16, 16, 3), value + 5 * number, np.uint8)
                write_image(root / split / name / f"{number}.png", image)
    return root


@pytest.fixture
def config(shades, tmp_path, monkeypatch):
    """`config(key=value)`: the checked config of a file with such changes."""
    monkeypatch.chdir(shades)

    def make(*overrides, **changes):
        sets = {"data": "photos", "test": "test", "out": str(tmp_path / "run")}
        (tmp_path / "config.yaml").write_text(yaml.safe_dump({**CONFIG, **sets, **changes}))
        return read_config(tmp_path / "config.yaml", overrides)

    return make


def test_a_preset_its_metrics_and_nothing_done_twice(config):
    checked = config("training.steps=6", "seed=1")
    assert type(checked) is TaskTraining and checked.training.steps == 6
    preset = train(checked)
    model = refinezoo.load(preset)
    assert model.class_names == ["dark", "light"] and model.arguments["width_multiplier"] == 0.1
    path = preset.parent / "summary.json"
    said = json.loads(path.read_text())
    assert 0 <= said["metrics"]["accuracy"] <= 1 and said["refinezoo"]
    assert sorted(p.name for p in preset.parent.iterdir()) == [
        "config.yaml",
        "preset",
        "summary.json",
    ]
    before = path.stat().st_mtime_ns
    assert train(checked) == preset and path.stat().st_mtime_ns == before
    with pytest.raises(RefinezooError, match=r"another config \(differs in seed, training\)"):
        train(config())


def test_mistakes_are_worded_before_anything_trains(config, tmp_path):
    with pytest.raises(RefinezooError, match="data: expected an existing path, received 'foto'"):
        train(config(data="foto"))
    with pytest.raises(RefinezooError, match="expected true, false or a mapping, received 'some'"):
        train(config("training.augmentation=some"))
    with pytest.raises(RefinezooError, match="Did you mean 'training'"):
        config(trainin={})
    with pytest.raises(RefinezooError, match="say model: {class: SSD300} in place of refiner"):
        train(TrainingConfig(refiner="SSD300", synthetic=".", real=".", out=str(tmp_path / "r")))
    assert not (tmp_path / "run").exists()
