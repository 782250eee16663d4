import pytest
import yaml

from refinezoo.errors import RefinezooError
from refinezoo.experiments.compare.schema import Study, read_study


def test_short_and_long_arms_mean_the_same(toy, tmp_path):
    content = toy.study(
        arms={
            "a": ["real", "synthetic"],
            "b": {"sets": ["real", "synthetic"], "mix": {"real": 0.25}},
        }
    )
    path = tmp_path / "study.yaml"
    path.write_text(yaml.safe_dump(content))
    read = read_study(path)
    assert read.arms["a"].shares() == {"real": 0.5, "synthetic": 0.5}
    assert read.arms["b"].shares() == {"real": 0.25, "synthetic": 0.75}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"trainng": {}}, r"trainng: unknown key. Did you mean 'training'\?"),
        (
            {"training": {"steps": 4, "bach_size": 2}},
            r"training.bach_size: unknown key. Did you mean 'batch_size'\?",
        ),
        ({"training": {"steps": 0}}, r"training.steps: .*greater than 0, received 0"),
        ({"training": {"steps": 4, "warmup": 4}}, "warmup below steps=4"),
        ({"training": {"steps": 4, "schedule": "cosin"}}, "Did you mean 'cosine'"),
        ({"arms": {"a": ["syntetic"]}}, r"set 'syntetic'.*Did you mean 'synthetic'\?"),
        ({"arms": {"a/b": ["synthetic"]}}, "expected a plain name"),
        (
            {"arms": {"a": {"sets": ["real", "synthetic"], "mix": {"refined": 0.5}}}},
            "mix to name sets of the arm",
        ),
        ({"arms": {"a": {"sets": ["real"], "mixx": {}}}}, "Did you mean 'mix'"),
        ({"synthetic": {}}, "exactly one of coco, masks, folder, compose, digits and street"),
        ({"refiners": {"refined": {"strength": 1.0}}}, "exactly one of preset and adapt"),
        ({"sets": {"theirs": {}}}, "sets.theirs: .*exactly one of coco, masks and folder"),
        ({"sets": {"theirs": {"compose": {}}}}, "sets.theirs.compose: unknown key"),
        ({"sets": {"theirs": {"coco": ""}}}, "sets.theirs.coco: .*at least 1 char"),
        ({"sets": {"real_test": {"coco": "x"}}}, "sets: 'real_test' already names a set"),
        ({"sets": {"real": {"coco": "x"}}}, "sets: 'real' already names a set"),
        ({"refiners": {"synthetic": {"preset": "x"}}}, "refiners: 'synthetic' already names"),
        ({"sets": {"a": {"coco": "x"}}, "arms": {"b": ["aa"]}}, "Did you mean 'a'"),
        (
            {"refiners": {"refined": {"preset": "x", "strength": 2}}},
            "refiners.refined.strength: expected a number from 0 to 1, or two: .*received 2",
        ),
        ({"gains": [["real", "refind"]]}, "unknown arm 'refind'"),
        ({"seeds": [1, 1]}, "different seeds"),
        (
            {"seeds": [0, 1], "arms": {"a": {"sets": ["real"], "seeds": [0, 2]}}},
            "arm 'a' asks for seed 2; the study's seeds are 0, 1",
        ),
        ({"model": {"name": "x", "clas": "SSD300"}}, "Did you mean 'class'"),
        ({"real": {"train": "x"}}, "real: expected exactly one of test, digits, masks and folders"),
        ({"refiners": {"r": {"adapt": {"width": 3}}}}, "adapt to name a class"),
        (
            {
                "refiners": {"refined": {"adapt": {"class": "PixelDA"}}},
                "arms": {"a": ["real", "refined"]},
            },
            "'refined', which trains a model of its own",
        ),
    ],
)
def test_what_the_schema_does_not_know_is_named(toy, tmp_path, changes, words):
    path = toy.write_study(tmp_path / "study.yaml", **changes)
    with pytest.raises(RefinezooError, match=words):
        read_study(path)


@pytest.mark.parametrize(
    ("text", "words"), [("a: [", "not valid YAML"), ("- a", "a mapping"), ("", "a mapping")]
)
def test_what_is_not_a_mapping_is_named(toy, tmp_path, text, words):
    path = tmp_path / "study.yaml"
    path.write_text(text)
    with pytest.raises(RefinezooError, match=words):
        read_study(path)


def test_missing_file_is_named(toy, tmp_path):
    with pytest.raises(RefinezooError, match="received no file there"):
        read_study(tmp_path / "none.yaml")


def test_arm_of_real_photos_needs_real_train(toy):
    content = toy.study(real={"test": "test/annotations.json"})
    with pytest.raises(ValueError, match="give real.train"):
        Study.model_validate(content)


def test_a_refiner_that_adapts_was_once_fitted(toy, tmp_path):
    refiners = {
        "r": {"fit": {"class": "Reinhard", "photos": 3}},
        "d": {"adapt": {"class": "PixelDA"}},
    }
    path = toy.write_study(tmp_path / "study.yaml", refiners=refiners)
    with pytest.warns(FutureWarning, match="refiners: fit is called adapt now"):
        study = read_study(path)
    assert study.refiners["r"].adapt == {"class": "Reinhard", "photos": 3}
    assert [study.refiners[name].trains for name in "rd"] == [False, True]


def test_numbers_of_images_were_once_of_pictures(toy, tmp_path):
    content = toy.study()
    content["training"]["pictures"] = 32
    content["measure_pictures"] = content.pop("measure_images")
    with pytest.warns(FutureWarning) as warned:
        study = Study.model_validate(content)
    assert (study.training.augmented_images, study.measure_images) == (32, 0)
    assert {str(each.message).split(";")[0] for each in warned} == {
        "training: pictures is called augmented_images now",
        "study: measure_pictures is called measure_images now",
    }
    content["measure_images"] = 5
    with pytest.raises(ValueError, match="received measure_images and its old name"):
        Study.model_validate(content)
