import keras
import numpy as np
import pytest

from refinezoo.errors import RefinezooError
from refinezoo.experiments.checkpoint import Checkpoint
from refinezoo.experiments.compare.training import (
    MixedBatches,
    optimizer,
    samples_per_set,
    steps_per_epoch,
    train,
)

TRAINING = {
    "steps": 6,
    "batch_size": 4,
    "optimizer": "sgd",
    "learning_rate": 0.1,
    "warmup": 0,
    "schedule": "cosine",
    "backup_every": 2,
}


class Numbered(keras.utils.PyDataset):
    """Batches of `count` rows that hold set, epoch and index: what was drawn can be read off."""

    def __init__(self, number, count, steps):
        super().__init__()
        self.number, self.count, self.steps, self.epoch = number, count, steps, 0
        self.drawn = []

    def __len__(self):
        return self.steps

    def __getitem__(self, index):
        self.drawn.append((self.epoch, index))
        random = np.random.default_rng([self.number, self.epoch, index])
        rows = random.normal(size=(self.count, 3)).astype("float32")
        return rows, rows.sum(1, keepdims=True)


def batches(steps=2):
    return MixedBatches([Numbered(0, 3, steps), Numbered(1, 1, steps)])


def model(seed=0):
    keras.utils.set_random_seed(seed)
    network = keras.Sequential([keras.Input((3,)), keras.layers.Dense(4), keras.layers.Dense(1)])
    network.compile(optimizer(TRAINING), "mse")
    return network


@pytest.mark.parametrize(
    ("shares", "batch_size", "expected"),
    [
        ([1.0], 16, [16]),
        ([0.5, 0.5], 16, [8, 8]),
        ([0.25, 0.75], 16, [4, 12]),
        ([0.01, 0.99], 16, [1, 15]),
        ([1 / 3, 1 / 3, 1 / 3], 16, None),
        ([0.01, 0.01, 0.98], 3, [1, 1, 1]),
    ],
)
def test_samples_follow_the_shares_and_fill_the_batch(shares, batch_size, expected):
    found = samples_per_set(shares, batch_size)
    assert sum(found) == batch_size and min(found) >= 1
    assert max(abs(n - s * batch_size) for n, s in zip(found, shares, strict=True)) < 2
    assert expected in (None, found)


def test_more_sets_than_places_are_refused():
    with pytest.raises(RefinezooError, match="at least 3"):
        samples_per_set([0.3, 0.3, 0.4], 2)


@pytest.mark.parametrize(
    ("steps", "every", "expected"),
    [(1000, 100, 100), (6, 2, 2), (7, 2, 1), (997, 100, 997), (240, 100, 80), (50, 100, 50)],
)
def test_an_epoch_divides_the_steps(steps, every, expected):
    found = steps_per_epoch({"steps": steps, "backup_every": every})
    assert steps % found == 0
    assert found == expected


def test_each_set_fills_its_places_in_every_batch():
    rows, sums = batches()[1]
    assert rows.shape == (4, 3) and sums.shape == (4, 1)
    first, second = Numbered(0, 3, 2)[1], Numbered(1, 1, 2)[1]
    np.testing.assert_array_equal(rows, np.concatenate([first[0], second[0]]))


def test_training_takes_exactly_its_steps_and_draws_each_epoch_anew(tmp_path):
    data, network = batches(), model()
    loss = train(network, data, TRAINING, tmp_path / "backup_a")
    assert int(network.optimizer.iterations) == 6
    assert {(epoch, index) for epoch in range(3) for index in range(2)} <= set(data.parts[0].drawn)
    assert loss is not None and np.isfinite(loss)


def test_a_cut_off_training_ends_where_an_uninterrupted_one_does(tmp_path):
    whole = model()
    train(whole, batches(), TRAINING, tmp_path / "whole" / "backup_a")

    class Cut(Exception):
        pass

    class CutBatches(MixedBatches):
        def __getitem__(self, index):
            if self.epoch == 2:
                raise Cut
            return super().__getitem__(index)

    with pytest.raises(Exception, match="Cut"):
        train(model(), CutBatches(batches().parts), TRAINING, tmp_path / "cut" / "backup_a")
    data, resumed = batches(), model(seed=5)
    train(resumed, data, TRAINING, tmp_path / "cut" / "backup_a")
    assert (2, 0) in data.parts[0].drawn and (1, 0) not in data.parts[0].drawn
    for expected, found in zip(whole.get_weights(), resumed.get_weights(), strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-6)


def test_a_backup_of_another_recipe_is_dropped(tmp_path):
    (tmp_path / "backup_old").mkdir()
    train(model(), batches(), TRAINING, tmp_path / "backup_new")
    assert [path.name for path in tmp_path.iterdir()] == ["backup_new"]


def test_a_loss_of_nan_stops_with_step_and_remedy(tmp_path):
    network = model()
    network.layers[0].kernel.assign(np.full((3, 4), np.nan))
    with pytest.raises(RefinezooError, match="nan before step 2.*learning_rate"):
        train(network, batches(), TRAINING, tmp_path / "backup_a")


def test_cosine_falls_from_the_rate_after_a_warmup():
    made = optimizer({**TRAINING, "steps": 100, "warmup": 10})
    rate = made._learning_rate
    assert float(rate(0)) == pytest.approx(1e-4, rel=0.01)
    assert float(rate(10)) == pytest.approx(0.1, rel=0.01)
    assert float(rate(100)) < 0.01
    constant = optimizer({**TRAINING, "schedule": "constant"})
    assert float(constant.learning_rate) == pytest.approx(0.1)


def test_a_backbone_moves_at_its_share_of_the_rate():
    made = optimizer({**TRAINING, "optimizer": "adam", "backbone_rate": 0.1})
    assert made.multipliers("lite0_stem/kernel")[0] == 0.1
    assert made.multipliers("stride16_scores/kernel")[0] == 1.0
    with pytest.raises(RefinezooError, match="expected optimizer: adam"):
        optimizer({**TRAINING, "backbone_rate": 0.1})


def test_an_unknown_optimizer_is_named():
    with pytest.raises(RefinezooError, match="Did you mean 'adam'"):
        optimizer({**TRAINING, "optimizer": "adm"})


def test_a_killed_training_resumes_from_either_side_of_the_rename(tmp_path):
    """Old and new state may both be there after a kill; what was half-written does not count."""
    whole, cut = model(), model(seed=5)
    train(whole, batches(), TRAINING, tmp_path / "whole" / "backup_a")
    (kept,) = Checkpoint(tmp_path / "whole" / "backup_a").kept()
    for name in ("epoch_00001.weights.h5", ".refinezoo-0123456789ab-0/epoch_00003.weights.h5"):
        torn = tmp_path / "cut" / "backup_a" / name
        torn.parent.mkdir(parents=True, exist_ok=True)
        torn.write_bytes(b"\x89HDF\r\n\x1a\n torn")
    (tmp_path / "cut" / "backup_a" / kept.name).write_bytes(kept.read_bytes())
    train(cut, batches(), TRAINING, tmp_path / "cut" / "backup_a")
    for expected, found in zip(whole.get_weights(), cut.get_weights(), strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-6)


def test_a_checkpoint_of_another_model_is_worded(tmp_path):
    train(model(), batches(), TRAINING, tmp_path / "backup_a")
    (kept,) = Checkpoint(tmp_path / "backup_a").kept()
    kept.write_bytes(kept.read_bytes()[:1000])
    with pytest.raises(RefinezooError, match="cannot resume from .* to start again"):
        train(model(), batches(), TRAINING, tmp_path / "backup_a")
