"""What models of fixed-size images with targets have in common."""

import numpy as np

from refinezoo.data.image_size import height_and_width
from refinezoo.errors import RefinezooError
from refinezoo.models.base import Model
from refinezoo.models.images import resized
from refinezoo.training.first_batch import first_batch


class SupervisedModel(Model):
    """A model that learns from (images, targets) and looks at them before it starts.

    A subclass sets `network` and `image_size`, a side or
    (height, width), and says in `check_targets` what its targets must be.
    """

    targets_name = "targets"

    @property
    def inference_network(self):
        """The functional model whose weights a preset ships."""
        return self.network

    @property
    def size(self):
        """(height, width) of the images that the network sees."""
        return height_and_width(self.image_size)

    mixed_sizes = True

    def to_batch(self, images):
        """Images of any size at that of the network, uint8 `[B, height, width, 3]`."""
        return np.stack([resized(image, *self.size) for image in images])

    def fit(self, x=None, y=None, *args, **kwargs):
        """As `keras.Model.fit`; arrays are checked as a whole, data sets by their first batch."""
        if y is not None:
            self.check_values((x, y))
        else:
            batch, x = first_batch(x)
            self.check_values(batch)
        return super().fit(x, y, *args, **kwargs)

    def check_values(self, batch):
        """Checks `(images, targets)`, NumPy.

        Raises:
            RefinezooError: images of another shape or type, or targets that are none.
        """
        if not isinstance(batch, tuple | list) or len(batch) < 2:
            raise RefinezooError(
                f"expected batches (images, {self.targets_name}), received {type(batch).__name__}."
            )
        self.check_images(batch[0])
        self.check_targets(batch[1], len(batch[0]))

    def check_images(self, images):
        """Checks that `images` are uint8 RGB of the network's size."""
        height, width = self.size
        dtype, shape = getattr(images, "dtype", type(images)), np.shape(images)
        if str(dtype) != "uint8" or len(shape) != 4 or shape[1:] != (height, width, 3):
            raise RefinezooError(
                f"expected uint8 RGB images [N, {height}, {width}, 3], received {dtype} "
                f"{list(shape)}. Resize them, or build the model with another image_size."
            )

    def check_targets(self, targets, count):
        """Checks the targets of `count` images."""
        raise NotImplementedError(f"{type(self).__name__} checks no {self.targets_name}.")
