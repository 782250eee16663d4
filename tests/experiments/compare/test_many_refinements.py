"""Many refinements of each render: stored variants in turn, or anew at each step."""

import json

import keras
import numpy as np
import pytest

import refinezoo
from refinezoo.data import CocoDataset, list_images, read_image, write_image
from refinezoo.data.epochs import EpochBatches
from refinezoo.errors import RefinezooError
from refinezoo.experiments.checkpoint import Checkpoint
from refinezoo.experiments.compare.prepare import Preparation
from refinezoo.experiments.compare.schema import read_study
from refinezoo.experiments.compare.tasks import task_named
from refinezoo.experiments.compare.training import prepare, train
from refinezoo.experiments.compare.trainings import Trainings
from refinezoo.tasks.online import OnlineRefiner, RefinedBatches, TurnsBatches

DRAWS = {"adapt": {"class": "Reinhard", "photos": 6}}


@pytest.fixture
def world(toy, tmp_path):
    """`world(NAME={...}, ...)`: a `Preparation` of the toy study with that refiner as an arm."""
    toy.write_world(tmp_path / "data")

    def make(out="out", training=None, others=None, **section):
        path = toy.write_study(
            tmp_path / "study.yaml",
            real={"test": "test/annotations.json", "unlabelled": ["real/images"]},
            refiners={"drawn": {**DRAWS, **section}, **(others or {})},
            arms={"drawn": ["drawn"]},
            seeds=[1],
            training=training
            or {"steps": 4, "batch_size": 4, "backup_every": 2, "augmentation": False},
        )
        return Preparation(read_study(path), tmp_path / out, tmp_path / "data", lambda _: None)

    return make


def folder_of(preparation):
    sets, test = preparation.sets(), preparation.test()
    trainings = Trainings(preparation.study, preparation.folder.parent, sets, test)
    return trainings.of("drawn", 1).folder


def spec_of(preparation):
    return json.loads((folder_of(preparation) / "spec.json").read_text())


@pytest.mark.once
def test_online_batches_are_new_refinements_of_the_same_renders(world):
    spec = spec_of(world(online=True))
    (part,) = spec["sets"]
    assert part["images"].endswith("data/synthetic")  # nothing is stored but the refiner
    first, again = (prepare(task_named("detection"), spec)[2] for _ in range(2))
    plain_spec = {**spec, "sets": [{k: v for k, v in part.items() if k != "online"}]}
    plain = prepare(task_named("detection"), plain_spec)[2]
    shown = {}
    for epoch in (0, 1, 2, 3):
        first.epoch = plain.epoch = epoch
        for index in range(len(first)):
            (images, targets), (renders, wanted) = first[index], plain[index]
            np.testing.assert_array_equal(targets, wanted)
            for image, render in zip(images, renders, strict=True):
                shown.setdefault(render.tobytes(), []).append(image)
    assert len(shown) == 8 and all(len(images) == 4 for images in shown.values())
    ways = [len({image.tobytes() for image in images}) for images in shown.values()]
    assert np.mean(ways) > 2  # of 6 photos to draw from
    again.epoch = 1  # as a resumed training begins
    first.epoch = 1
    np.testing.assert_array_equal(again[1][0], first[1][0])
    refiner = refinezoo.load(part["online"]["preset"])
    first.epoch = 0
    place = 2
    seed = int(np.random.default_rng([1, place * 4]).integers(2**31 - 1))
    plain.epoch = 0
    wanted = refiner.refine(plain[0][0][place], seed=seed)
    np.testing.assert_array_equal(first[0][0][place], wanted)


class ImagesAlone(EpochBatches):
    """Images of other batches, and their mean: for a model that trains in no time."""

    def __init__(self, batches):
        super().__init__()
        self.batches = batches

    def __len__(self):
        return len(self.batches)

    def __getitem__(self, index):
        self.batches.epoch = self.epoch
        images = self.batches[index][0].astype("float32") / 255.0
        return images, images.mean(axis=(1, 2, 3))[:, None]


def test_a_killed_online_training_goes_on_as_if_nothing_had_happened(world, monkeypatch, tmp_path):
    spec = spec_of(world(online=True, least_strength=0.2))
    _, _, mixed = prepare(task_named("detection"), spec)

    def trained(backup):
        keras.utils.set_random_seed(1)
        layers = [keras.Input((64, 64, 3)), keras.layers.AveragePooling2D(64)]
        small = keras.Sequential([*layers, keras.layers.Flatten(), keras.layers.Dense(1)])
        small.compile(keras.optimizers.Adam(0.1), "mse")
        train(small, ImagesAlone(mixed), spec["training"], tmp_path / backup)
        return small.get_weights()

    class Killed(Exception):
        pass

    save = Checkpoint.save

    def save_and_die(self, model, epochs):
        save(self, model, epochs)
        raise Killed

    whole = trained("backup_whole")
    with monkeypatch.context() as patch:
        patch.setattr(Checkpoint, "save", save_and_die)
        with pytest.raises(Killed):
            trained("cut/backup_cut")
    for one, other in zip(whole, trained("cut/backup_cut"), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.once
def test_stored_variants_come_in_turn(world):
    preparation = world(variants=3)
    spec = spec_of(preparation)
    (part,) = spec["sets"]
    assert len(part["variants"]) == 2
    folders = sorted(path.name for path in preparation.folder.iterdir() if path.is_dir())
    assert folders == [f"drawn.variant_{k}" for k in range(3)]
    seeds = [
        json.loads((preparation.folder / name / "manifest.json").read_text())["seed"]
        for name in folders
    ]
    assert seeds == [0, 1, 2]
    stored = [CocoDataset.load(p["annotations"], p["images"]) for p in (part, *part["variants"])]
    known = [{stored[k].read(i).tobytes() for i in range(8)} for k in range(3)]
    mixed = prepare(task_named("detection"), spec)[2]
    for epoch in range(2):
        mixed.epoch = epoch
        for index in range(2):
            images, _ = mixed[index]
            turn = (2 * epoch + index) % 3
            assert all(image.tobytes() in known[turn] for image in images)
    assert preparation.sets()["drawn"].fingerprint == world(variants=3).sets()["drawn"].fingerprint
    assert world(variants=2).sets()["drawn"].fingerprint != preparation.sets()["drawn"].fingerprint


@pytest.mark.once
@pytest.mark.parametrize("way", ["online", "variants"])
def test_stored_features_are_of_many_refinements_too(world, way):
    training = {"steps": 4, "batch_size": 4, "backup_every": 2, "augmentation": False}
    training |= {"freeze": "conv4_3", "augmented_images": 48}
    spec = spec_of(world(training=training, **{way: 2 if way == "variants" else True}))
    _, _, mixed = prepare(task_named("detection"), spec)
    (part,) = mixed.parts
    kept = part.features if not isinstance(part.features, (tuple, list)) else part.features[0]
    assert len(kept) == 48
    assert len({row.tobytes() for row in kept}) > 8  # renders there are


@pytest.mark.once
def test_objects_keep_what_another_refiner_made_of_them(world, tmp_path):
    moved = {"moved": {"adapt": {"class": "PopulationTransport"}}}
    synthetic = tmp_path / "data/synthetic"
    for path in list_images(synthetic / "images"):
        mask = np.zeros(read_image(path).shape[:2], np.uint8)
        mask[:, :20] = 255
        (synthetic / "foreground_masks").mkdir(exist_ok=True)
        write_image(synthetic / "foreground_masks" / f"{path.stem}.png", mask)
    both = world(others=moved, strength=[0, 1], over="moved")
    alone = world(out="alone").sets()["drawn"].images
    made = both.sets()["drawn"].images
    for path in list_images(made):
        name = path.relative_to(made)
        found, under = read_image(path), read_image(both.folder / "moved/images" / path.name)
        np.testing.assert_array_equal(found[:, :20], under[:, :20])
        np.testing.assert_array_equal(found[:, 20:], read_image(alone / name)[:, 20:])
    before = both.sets()["drawn"].fingerprint
    moved["moved"]["strength"] = 0.5
    changed = world(others=moved, strength=[0, 1], over="moved").sets()["drawn"]
    assert changed.fingerprint != before
    for wrong, words in {
        "over: 'mowed' is none.*Did you mean 'moved'": {"over": "mowed", "strength": 0.5},
        "over: expected another refiner": {"over": "drawn", "strength": 0.5},
        "one strength and without over": {"over": "moved", "online": True},
        "a strength below 1 beside over: moved": {"over": "moved"},
        "a number from 0 to 1, or two": {"over": "moved", "strength": []},
    }.items():
        with pytest.raises(RefinezooError, match=wrong):
            world(others=moved, **words)


@pytest.mark.once
def test_what_draws_nothing_or_sees_more_is_refused(world):
    moved = {"adapt": {"class": "PopulationTransport"}}
    with pytest.raises(RefinezooError, match="online: expected a refiner that draws.*least_str"):
        world(online=True, **moved).sets()
    with pytest.raises(RefinezooError, match="variants: expected a refiner that draws"):
        world(variants=2, **moved).sets()
    assert "online" in world(online=True, least_strength=0.0, **moved).sets()["drawn"].details
    for wrong, words in {
        "both: online": {"online": True, "variants": 2},
        "expected online: true beside least": {"least_strength": 0.5},
        "least_strength below strength=0.4": {
            "online": True,
            "strength": 0.4,
            "least_strength": 0.5,
        },
        "PixelDA without variants": {"online": True, "adapt": {"class": "PixelDA"}},
    }.items():
        with pytest.raises(RefinezooError, match=wrong):
            world(**words)


@pytest.mark.once
def test_strengths_are_drawn_between_the_two():
    class White:
        def refine(self, images, strength=1.0, seed=None):
            return np.full_like(images, round(255 * strength))

    online = OnlineRefiner(White(), seed=0, strength=0.8, least_strength=0.4)
    levels = [online(np.zeros((2, 2, 3), "uint8"), k)[0, 0, 0] / 255 for k in range(200)]
    assert 0.39 < min(levels) < 0.45 and 0.75 < max(levels) < 0.81
    assert np.mean(levels) == pytest.approx(0.6, abs=0.03)


@pytest.mark.once
def test_arrays_are_refined_before_they_are_augmented():
    from refinezoo.data.arrays import ArrayBatches

    class Says:
        """The draw itself, as a level."""

        def refine(self, images, strength=1.0, seed=None):
            return np.full_like(images, seed % 256)

    data = (np.zeros((4, 2, 2, 3), "uint8"), np.arange(4))
    batches = RefinedBatches(ArrayBatches(data, batch_size=2, steps=3), OnlineRefiner(Says(), 5))
    seen = []
    for epoch in (0, 1):
        batches.epoch = epoch
        for index in range(3):
            images, labels = batches[index]
            assert images.shape == (2, 2, 2, 3) and labels.shape == (2,)
            seen += images[:, 0, 0, 0].tolist()
    wanted = [int(np.random.default_rng([5, k]).integers(2**31 - 1)) % 256 for k in range(12)]
    assert seen == wanted
    turns = TurnsBatches([batches, batches])
    assert len(turns) == 3
