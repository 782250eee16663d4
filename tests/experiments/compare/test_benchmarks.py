from pathlib import Path

import pytest

from refinezoo.experiments.compare.schema import read_study

STUDIES = sorted((Path(__file__).parents[3] / "benchmarks").glob("*.yaml"))


@pytest.mark.parametrize("path", STUDIES, ids=lambda path: path.stem)
def test_published_studies_can_be_read_and_name_no_folder_of_one_machine(path):
    study = read_study(path)
    assert not (study.data.root or "").startswith(("/", ".."))
    assert len(study.seeds) >= 3
    assert not any(value.startswith(("/", "..")) for value in study.real.unlabelled)


@pytest.mark.parametrize("path", sorted((STUDIES[0].parent / "choices").glob("*.yaml")))
def test_recipes_are_chosen_without_the_test_split(path):
    study = read_study(path)
    assert study.real.digits is not None and study.real.digits.measured_on == "validation"
    (published,) = [each for each in STUDIES if path.stem.startswith(each.stem)]
    assert not set(study.seeds) & set(read_study(published).seeds)
