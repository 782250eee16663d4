"""Each guard names its failure, waits for its patience and leaves healthy trainings alone."""

import keras
import numpy as np
import pytest

from refinezoo.errors import RefinezooError
from refinezoo.refiners import SimGAN
from refinezoo.training import SampleGrid, StopOnCollapse, StopOnColourFlip, StopOnIdleDiscriminator

pytestmark = pytest.mark.once


class Played:
    """A model whose refinement is a given function."""

    def __init__(self, refine):
        self.function = refine

    def refine(self, images, seed=None):
        return np.clip(self.function(images.astype(float)), 0, 255).astype(np.uint8)


@pytest.fixture
def renders():
    """Four colourful images: uint8 [4, 16, 16, 3], each another red and blue blot on green."""
    images = np.full((4, 16, 16, 3), (40, 110, 60), np.uint8)
    for index in range(4):
        images[index, 2 * index : 2 * index + 6, 2:8] = (230, 40, 40)
        images[index, 4:9, 12 - 2 * index : 16 - 2 * index] = (30, 60, 210)
    return images


def end_epochs(guard, refine, count, logs=None):
    guard.set_model(Played(refine))
    guard.on_train_begin()
    for epoch in range(count):
        guard.on_epoch_end(epoch, logs or {})
    return guard


HEALTHY = {
    "unchanged": lambda x: x,
    "darker": lambda x: 0.3 * x,
    "tinted": lambda x: 0.8 * x + np.array([30.0, 10.0, 0.0]),
    "grey": lambda x: np.repeat(x.mean(-1, keepdims=True), 3, -1),
    "noisy": lambda x: x + np.random.default_rng(0).normal(0, 20, x.shape),
}


@pytest.mark.parametrize("name", HEALTHY)
def test_healthy_refiners_pass(renders, name):
    for guard in (StopOnCollapse(renders, patience=1), StopOnColourFlip(renders, patience=1)):
        assert end_epochs(guard, HEALTHY[name], 3).seen == 0


def test_collapse_is_named_after_its_patience(renders):
    def one_image(images):
        return 0.02 * images + 120.0

    guard = end_epochs(StopOnCollapse(renders, patience=3, checkpoint="backup/7"), one_image, 2)
    assert guard.seen == 2
    with pytest.raises(RefinezooError) as error:
        guard.on_epoch_end(2, {})
    for words in ("mode collapse", "3 epochs (epoch 3)", "self-regularisation", "backup/7"):
        assert words in str(error.value)


def test_a_recovered_training_starts_counting_anew(renders):
    guard = end_epochs(StopOnCollapse(renders, patience=3), lambda x: 0 * x, 2)
    guard.model.function = lambda x: x
    guard.on_epoch_end(2, {})
    assert guard.seen == 0


def test_equal_renders_show_no_collapse(renders):
    same = np.repeat(renders[:1], 4, axis=0)
    assert end_epochs(StopOnCollapse(same, patience=1), lambda x: x, 2).seen == 0


@pytest.mark.parametrize(
    ("refine", "words"),
    [
        (lambda x: 255.0 - x, "luminance"),
        (lambda x: x.mean(-1, keepdims=True) - 0.5 * (x - x.mean(-1, keepdims=True)), "hue"),
    ],
)
def test_colour_flip_is_named(renders, refine, words):
    with pytest.raises(RefinezooError, match=f"colour flip: .*{words}.*inverse.*another seed"):
        end_epochs(StopOnColourFlip(renders), refine, 2)


def test_idle_discriminator_is_named():
    logs = {"discriminator_real": 0.0002, "discriminator_synthetic": 0.2, "cycle": 0.0}
    guard = StopOnIdleDiscriminator(["discriminator_real", "discriminator_synthetic"], patience=2)
    with pytest.raises(RefinezooError, match="zero loss: .*discriminator_real = 0.0002.*Lower"):
        end_epochs(guard, None, 2, logs)
    end_epochs(guard, None, 5, {**logs, "discriminator_real": 0.1})
    end_epochs(guard, None, 5, {"discriminator_real": -3.0})  # a Wasserstein critic's


def test_each_method_names_the_losses_of_its_discriminators():
    model = SimGAN(image_size=16, width=4, blocks=1, discriminator_width=6)
    assert model.discriminator_losses == ("discriminator",)
    guard = StopOnIdleDiscriminator(patience=1)
    guard.set_model(model)
    with pytest.raises(RefinezooError, match="discriminator = 0"):
        guard.on_epoch_end(0, {"discriminator": 0.0, "l_real": 0.0})


def test_guards_end_fit(renders):
    model = SimGAN(
        image_size=16, width=4, blocks=1, discriminator_width=6, pool_size=0, learning_rate=0.0
    )
    model.refiner.set_weights([0 * weight for weight in model.refiner.get_weights()])
    model.compile(run_eagerly=True)  # tracing costs more than the one step
    batch = {"synthetic": {"image": renders}, "real": {"image": renders}}
    with pytest.raises(RefinezooError, match="mode collapse: .*0.0%"):
        model.fit(_One(batch), verbose=0, callbacks=[StopOnCollapse(renders, patience=1)])


class _One(keras.utils.PyDataset):
    def __init__(self, batch):
        super().__init__()
        self.batch = batch

    def __len__(self):
        return 1

    def __getitem__(self, index):
        return self.batch


@pytest.mark.tensorflow
def test_sample_grids_reach_tensorboard(renders, tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    grid = SampleGrid(renders, tmp_path / "samples", tensorboard=tmp_path / "board")
    grid.set_model(Played(lambda x: x))
    grid.on_epoch_end(0)
    assert (tmp_path / "samples" / "epoch_0001.png").is_file()
    events = EventAccumulator(str(tmp_path / "board")).Reload()
    assert events.Tags()["tensors"] == ["renders above their refinement"]
