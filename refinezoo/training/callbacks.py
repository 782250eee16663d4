"""Callbacks for adversarial training; the stock Keras ones work as well."""

import math
from pathlib import Path

import keras
import numpy as np

from refinezoo.errors import RefinezooError
from refinezoo.files import atomic_path


class StopOnNaN(keras.callbacks.Callback):
    """Ends training at the first loss that is not finite, and says which and when.

    Args:
        checkpoint: file or folder of the last good checkpoint, named in the message.
    """

    def __init__(self, checkpoint=None):
        super().__init__()
        self.checkpoint = checkpoint

    def on_train_batch_end(self, batch, logs=None):
        """Checks every loss of the step.

        Raises:
            RefinezooError: naming the step, the loss and the last good checkpoint.
        """
        broken = [name for name, value in (logs or {}).items() if not math.isfinite(float(value))]
        if broken:
            step = int(self.model.optimizer.iterations)
            raise RefinezooError(
                f"expected finite losses, received {', '.join(broken)} = "
                f"{float(logs[broken[0]])} at step {step}. Last good checkpoint: "
                f"{self.checkpoint or 'none was kept (add BackupAndRestore)'}. "
                "Lower the learning rate, or check the images for NaN."
            )


class SampleGrid(keras.callbacks.Callback):
    """Writes fixed renders above their refinement after each epoch, as `epoch_0001.png`, ...

    Args:
        images: uint8 `[N, H, W, 3]`, a handful.
        folder: where the grids go.
        every: epochs between grids.
        tensorboard: a log folder of TensorBoard that gets the grids too (needs TensorFlow), beside
            the scalars of `keras.callbacks.TensorBoard`.
    """

    def __init__(self, images, folder, every=1, tensorboard=None):
        super().__init__()
        self.images, self.folder, self.every = np.asarray(images), Path(folder), every
        self.tensorboard = tensorboard

    def on_epoch_end(self, epoch, logs=None):
        """Refines the fixed images and writes the grid."""
        if (epoch + 1) % self.every:
            return
        import cv2

        refined = self.model.refine(self.images, seed=0)
        grid = np.concatenate([np.concatenate(list(row), axis=1) for row in (self.images, refined)])
        with atomic_path(self.folder / f"epoch_{epoch + 1:04d}.png") as path:
            cv2.imwrite(str(path), grid[..., ::-1])
        if self.tensorboard:
            import tensorflow as tf

            with tf.summary.create_file_writer(str(self.tensorboard)).as_default():
                tf.summary.image("renders above their refinement", grid[None], step=epoch)
