"""One render on its way through `refine_dataset`."""

from dataclasses import dataclass

import numpy as np

from refinezoo.data.images import ImageFile
from refinezoo.errors import RefinezooError


@dataclass
class Job:
    """One render on its way; `render` is None where reading failed or was not needed."""

    name: str
    source_sha256: str
    labels_sha256: str | None = None
    render: ImageFile | None = None
    mask: np.ndarray | None = None
    depth_m: np.ndarray | None = None
    over: np.ndarray | None = None  # what is painted over, where that is not the render
    error: str = ""
    done: bool = False
    kept: float | None = None  # as the gate's teacher says

    @property
    def under(self) -> np.ndarray:
        """What is painted over, and blended towards."""
        return self.rgb if self.over is None else self.over

    @property
    def rgb(self) -> np.ndarray:
        """The render's pixels, uint8 `[H, W, 3]`."""
        if self.render is None:
            raise RuntimeError(f"{self.name} was not read")
        return self.render.rgb


def worded(name: str, error: Exception) -> str:
    """What a failed render is said to have failed by."""
    if isinstance(error, RefinezooError):
        return str(error)
    what = f"{type(error).__name__}: {error}"
    return f"{name}: expected an image that can be refined, received {what}"
