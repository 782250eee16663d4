"""Old names of arguments: in calls, configs and preset files."""

import json

import pytest

import refinezoo
from refinezoo.errors import RefinezooError
from refinezoo.models.arguments import parameters
from refinezoo.models.registry import model_class, model_names
from refinezoo.renames import old_names

pytestmark = pytest.mark.once
SMALL = {"class_names": ["a", "b"], "image_size": 16}


@pytest.mark.parametrize("name", model_names())
def test_old_names_lead_to_arguments_that_there_are(name):
    known = parameters(model_class(name))
    for old, new in old_names(model_class(name)).items():
        assert old not in known and new in known


def test_a_preset_of_the_version_before_loads(tmp_path):
    model = model_class("PoseTower")(**SMALL, width_multiplier=0.1, lambda_quaternion=0.5)
    model.save_to_preset(tmp_path / "preset")
    path = tmp_path / "preset/config.json"
    content = json.loads(path.read_text())
    for old, new in {"width": "width_multiplier", "quaternion_weight": "lambda_quaternion"}.items():
        content["config"][old] = content["config"].pop(new)
    path.write_text(json.dumps(content))
    with pytest.warns(FutureWarning, match=r"PoseTower\((width|quaternion_weight)=\) is called"):
        loaded = refinezoo.load(tmp_path / "preset")
    assert loaded.arguments == model.arguments
    with pytest.warns(FutureWarning, match="width"):
        changed = refinezoo.load(tmp_path / "preset", arguments={"lambda_quaternion": 0.7})
    assert changed.arguments == model.arguments | {"lambda_quaternion": 0.7}


def test_both_names_at_once_are_refused():
    with pytest.raises(RefinezooError, match="width_multiplier and its old name width"):
        model_class("Classifier")(**SMALL, width_multiplier=0.1, width=0.1)
