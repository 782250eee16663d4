"""A study beside someone's own folders, and one whose names are paths."""

import pytest

from refinezoo.errors import RefinezooError
from refinezoo.experiments.compare import compare_downstream
from refinezoo.experiments.compare.prepare import Preparation
from refinezoo.experiments.compare.schema import Study
from refinezoo.experiments.compare.trainings import Trainings
from refinezoo.files import STAMP, remove_folder

STREET = {"street": {"count": 1, "image_size": [32, 32]}}


def precious(folder):
    folder.mkdir(parents=True)
    (folder / "thesis.txt").write_text("years of work")
    return folder


def preparation(toy, tmp_path, **changes):
    study = Study.model_validate(toy.study(**changes))
    return study, Preparation(study, tmp_path / "out", tmp_path, lambda line: None)


def test_a_folder_of_ones_own_where_a_set_would_go_is_left_alone(toy, tmp_path):
    mine = precious(tmp_path / "out" / "data" / "synthetic")
    _, made = preparation(toy, tmp_path, synthetic=STREET)
    with pytest.raises(RefinezooError, match="would delete them"):
        made.synthetic()
    assert [path.name for path in mine.iterdir()] == ["thesis.txt"]


def test_a_folder_of_ones_own_where_an_arm_would_go_is_left_alone(toy, tmp_path):
    toy.write_world(tmp_path)
    study, made = preparation(toy, tmp_path)
    mine = precious(tmp_path / "out" / "arms" / "real" / "seed_0")
    (mine / "result.json").write_text('{"hash": "of something else"}')
    sets, test = {"real": made.found.real("train")}, made.test()
    with pytest.raises(RefinezooError, match="would delete them"):
        Trainings(study, tmp_path / "out", sets, test).of("real", 0)
    assert (mine / "thesis.txt").read_text() == "years of work"


def test_what_a_study_made_is_replaced_when_its_recipe_changes(toy, tmp_path):
    _, made = preparation(toy, tmp_path, synthetic=STREET)
    folder = made.synthetic().images.parent
    assert (folder / STAMP).is_file() and (folder / "images" / "000000.png").is_file()
    (folder / "left.txt").write_text("of the first recipe")
    _, made = preparation(toy, tmp_path, synthetic={"street": {"count": 2, "image_size": [32, 32]}})
    assert len(list(made.synthetic().images.iterdir())) == 2
    assert not (folder / "left.txt").exists()
    remove_folder(folder)


@pytest.mark.parametrize("name", ["/abs/dir", "../../dir", "a/b", "..", ".hidden", "a\x1b[2J"])
@pytest.mark.parametrize("what", ["refiners", "arms", "study"])
def test_names_of_a_study_are_no_paths(toy, tmp_path, name, what):
    changes = {
        "refiners": {"refiners": {name: {"preset": "reinhard"}}, "arms": {"a": [name]}},
        "arms": {"arms": {name: ["real"]}},
        "study": {"study": name},
    }[what]
    path = toy.write_study(tmp_path / "study.yaml", **changes)
    with pytest.raises(RefinezooError, match=f"{what}: expected a plain name") as error:
        compare_downstream(path, data=tmp_path, out=tmp_path / "out", progress=False)
    assert "\x1b" not in str(error.value)
    assert [path.name for path in tmp_path.iterdir()] == ["study.yaml"]
