"""Streams of batches: a plain fit, one that goes on and one that is resumed see the same."""

import keras
import pytest

from refinezoo.data import AugmentedBatches, FollowEpoch, UnpairedArrays
from refinezoo.data.augmentation import Augmentation
from refinezoo.models.base import Model


class Recorder(Model):
    """Its loss is the mean of the images, so that the history tells which ones came."""

    def __init__(self):
        super().__init__()
        self.scale = self.add_weight(shape=(), initializer="ones")
        self.built = True

    def call(self, batch):
        return keras.ops.cast(batch["synthetic"]["image"], "float32") * self.scale

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        return keras.ops.mean(y_pred)


class Stop(keras.callbacks.Callback):
    """Interrupts a training when its third epoch begins."""

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == 2:
            raise KeyboardInterrupt


def test_each_fit_sees_its_part_of_the_stream(rng, tmp_path):
    images = {"image": rng.integers(0, 256, (9, 8, 8, 3), "uint8")}
    model = Recorder()
    model.compile(keras.optimizers.SGD(0.0), jit_compile=False)

    def stream():
        batches = UnpairedArrays(images, images, batch_size=2, steps=1)
        return AugmentedBatches(batches, Augmentation(brightness=0.5), seed=3)

    def losses(data, epochs, **options):
        return model.fit(data, epochs=epochs, verbose=0, **options).history["loss"]

    whole = losses(stream(), 4)
    assert len(set(whole)) == 4
    assert losses(stream(), 4, initial_epoch=2) == whole[2:]
    data = stream()
    assert losses(data, 1) + losses(data, 4, initial_epoch=1) == whole
    data, resumed = stream(), stream()
    assert losses(data, 2) == losses(resumed, 2, callbacks=FollowEpoch(resumed)) == whole[:2]

    backup = str(tmp_path / "backup")
    with pytest.raises(KeyboardInterrupt):
        losses(stream(), 4, callbacks=[keras.callbacks.BackupAndRestore(backup), Stop()])
    assert losses(stream(), 4, callbacks=keras.callbacks.BackupAndRestore(backup)) == whole[2:]
