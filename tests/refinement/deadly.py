"""Refiners for workers of Ray, which import them: one adds 20 levels, others kill their process."""

import os
import signal
from pathlib import Path

import numpy as np


class Brighter:
    """Adds 20 levels."""

    def refine(self, images, strength=1.0, seed=None):
        return np.clip(images.astype(np.int16) + 20, 0, 255).astype(np.uint8)

    def get_config(self):
        return {"levels": 20}


class Deadly(Brighter):
    """As `Brighter`, but kills its process, `times` times, over an image with one odd pixel."""

    def __init__(self, folder, times):
        self.folder, self.times = Path(folder), times

    def refine(self, images, strength=1.0, seed=None):
        killed = len(list(self.folder.glob("killed_*")))
        if killed < self.times and (images[:, 0, 0] == (1, 2, 3)).all(-1).any():
            (self.folder / f"killed_{killed}").touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return super().refine(images)
