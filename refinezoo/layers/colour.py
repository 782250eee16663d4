"""Colour statistics of real photos, kept as weights and given to other images."""

import keras
import numpy as np
from keras import ops

from refinezoo.errors import RefinezooError
from refinezoo.layers.lab import lab_to_rgb, rgb_to_lab


def image_hash(images, seed):
    """A whole number in [0, 65521) per image, from its pixels and the seed.

    A pure function, so a draw made of it is the same on every backend, in an exported model, and
    whatever else is in the batch.

    Args:
        images: float `[B, H, W, C]` in [-1, 1].
        seed: int32 `[B]`.

    Returns:
        int32 `[B]`.
    """
    pixels = ops.cast(ops.round((images + 1.0) * 127.5), "int32")
    rows = ops.sum(pixels, axis=(2, 3)) % 65521
    weights = ops.arange(1, ops.shape(rows)[1] + 1, dtype="int32") % 31 + 1
    checksum = ops.sum(rows * weights % 65521, axis=1) % 65521
    return (checksum * 211 + seed % 65521 * 7919 + 104729) % 65521


def draw_photo(images, seed, count, clip=None):
    """An index in [0, count) per image by `image_hash`, of the same arguments.

    One index for all frames of a `clip`, by the first of its frames `[K, H, W, C]`.
    """
    if clip is not None:
        images, seed = clip[:1], seed[:1]
    return ops.cast(image_hash(images, seed) % count, "int32")


def mean_and_deviation(images, clip=None):
    """Per channel of each image, `[B, 1, 1, C]`; with a clip `[K, H, W, C]` those of all of it."""
    of, axes = (images, (1, 2)) if clip is None else (clip, (0, 1, 2))
    return ops.mean(of, axis=axes, keepdims=True), ops.std(of, axis=axes, keepdims=True)


@keras.saving.register_keras_serializable("refinezoo")
class ColourMatch(keras.layers.Layer):
    """Gives each image the mean and deviation, per L*a*b* channel, of a real photo.

    Reference: Reinhard et al. 2001, Color Transfer between Images (there in the l-alpha-beta
    space; L*a*b* here, whose statistics near-black pixels do not dominate).

    Args:
        photos: number of photos whose statistics are kept.
        least, most: bounds of the deviation's gain, so that a flat image is not turned to noise.
    """

    def __init__(self, photos, least=0.25, most=3.0, **kwargs):
        super().__init__(trainable=False, dtype="float32", **kwargs)
        self.photos, self.least, self.most = photos, least, most

    def build(self, *shapes):
        # Unadapted: mid-grey with the deviation of an ordinary photo.
        def neutral(shape, dtype):
            row = ops.array([[50.0, 0.0, 0.0, 25.0, 10.0, 10.0]], dtype)
            return ops.tile(row, [shape[0], 1])

        self.statistics = self.add_weight(
            name="statistics", shape=(self.photos, 6), initializer=neutral, trainable=False
        )
        self.built = True

    def adapt(self, photos, renders=None, seed=0):
        """Takes statistics of `photos`, drawn by `seed`: uint8 `[H, W, 3]` RGB, of any sizes."""
        self.statistics.assign(choose(map(photo_statistics, photos), self.photos, seed))

    def call(self, images, seed, clip=None):
        """Float `[B, H, W, 3]` in [-1, 1] and int32 `[B]` to float `[B, H, W, 3]` in [-1, 1].

        Frames of a video take statistics and draw of their `clip`, float `[K, H, W, 3]`.
        """
        drawn = draw_photo(images, seed, self.photos, clip)
        wanted = ops.take(self.statistics, drawn, axis=0)
        lab = rgb_to_lab((images + 1.0) / 2.0)
        known = None if clip is None else rgb_to_lab((clip + 1.0) / 2.0)
        mean, deviation = mean_and_deviation(lab, known)
        wanted = wanted[:, None, None, :]
        gain = ops.clip(wanted[..., 3:] / (deviation + 1e-3), self.least, self.most)
        return lab_to_rgb((lab - mean) * gain + wanted[..., :3]) * 2.0 - 1.0

    def compute_output_shape(self, images_shape, *_):
        return images_shape

    def get_config(self):
        return {
            **super().get_config(),
            "photos": self.photos,
            "least": self.least,
            "most": self.most,
        }


def transported(images, mean, deviation, populations, least, most):
    """Images whose statistics, of them or of a region, go from one population to another.

    Args:
        images: float `[B, H, W, 3]`.
        mean: `[B, 1, 1, 3]`.
        deviation: `[B, 1, 1, 3]`.
        populations: `[4, 6]`, as `ColourTransport` keeps them.
        least: bound of the gain of the deviation.
        most: bound of it, too.

    Returns:
        The same as `images`, not clipped.
    """
    m, d, m_real, d_real = ops.split(populations, 4)
    statistics = ops.concatenate([mean, deviation], axis=-1)
    wanted = m_real + (statistics - m) * d_real / d
    gain = ops.clip(wanted[..., 3:] / (deviation + 1e-3), least, most)
    return (images - mean) * gain + wanted[..., :3]


@keras.saving.register_keras_serializable("refinezoo")
class ColourTransport(keras.layers.Layer):
    """Moves the renders' colour statistics, as a population, onto those of real photos.

    Per statistic s of an image (mean and deviation of R, G and B): s' = m_real + (s - m) d_real / d
    with mean m and deviation d over all renders. An image that is yellower than other renders,
    for what it shows, stays yellower than others; `ColourMatch` gives it the mean of a photo
    that shows something else, and so takes a part of the objects' own colours away. A gain per
    channel is also what a light's colour does; a shift of L*a*b* turns deep blue into purple.

    Args:
        least, most: bounds of the gain of an image's deviation.
    """

    def __init__(self, least=0.25, most=3.0, **kwargs):
        super().__init__(trainable=False, dtype="float32", **kwargs)
        self.least, self.most = least, most

    def build(self, *shapes):
        # Rows: mean and deviation over renders, then over photos. Unadapted, it changes nothing.
        self.populations = self.add_weight(
            name="populations", shape=(4, 6), initializer="ones", trainable=False
        )
        self.built = True

    def adapt(self, photos, renders=None, seed=0):
        """Takes the statistics of both: iterables of uint8 `[H, W, 3]` RGB, of any sizes.

        Raises:
            RefinezooError: there are no photos or no renders.
        """
        renders = () if renders is None else renders
        parts = [list(map(channel_statistics, part)) for part in (renders, photos)]
        if not all(parts):
            raise RefinezooError(
                "expected renders and photos to transport colours between, received "
                f"{len(parts[0])} renders and {len(parts[1])} photos. Call "
                "adapt(photos, renders=renders)."
            )
        rows = [f(part, axis=0) for part in parts for f in (np.mean, np.std)]
        rows[1] = np.maximum(rows[1], 1e-3)
        self.populations.assign(np.stack(rows))

    def call(self, images, seed=None, clip=None):
        """Float `[B, H, W, 3]` in [-1, 1] to the same; `seed` is not used: nothing is drawn.

        Frames of a video take the statistics of their `clip`, float `[K, H, W, 3]`.
        """
        statistics = mean_and_deviation(images, clip)
        moved = transported(images, *statistics, self.populations, self.least, self.most)
        return ops.clip(moved, -1.0, 1.0)

    def compute_output_shape(self, images_shape, *_):
        return images_shape

    def get_config(self):
        return {**super().get_config(), "least": self.least, "most": self.most}


def channel_statistics(image):
    """Mean and deviation of R, G and B in [-1, 1]: 6 floats of a uint8 photo `[H, W, 3]`."""
    pixels = image.reshape(-1, 3).astype("float32") / 127.5 - 1.0
    return np.concatenate([pixels.mean(axis=0), pixels.std(axis=0)])


def colour_layer(kind, photos):
    """The layer called `"match"`, which draws from `photos` photos, or `"transport"`."""
    if kind == "match":
        return ColourMatch(photos, name="colour")
    if kind == "transport":
        return ColourTransport(name="colour")
    raise RefinezooError(f"expected colour 'match' or 'transport', received {kind!r}.")


def choose(rows, count, seed):
    """`count` of the rows drawn by `seed`, each as often as possible; float32 `[count, ...]`.

    Raises:
        RefinezooError: when there is no row.
    """
    rows = np.asarray(list(rows), "float32")
    if not len(rows):
        raise RefinezooError("expected at least one real photo to adapt to, received none.")
    order = np.random.default_rng(seed).permutation(len(rows))
    return rows[np.resize(order, count)]


def photo_statistics(image):
    """Mean and deviation of the L*a*b* channels: 6 floats of a uint8 RGB photo `[H, W, 3]`."""
    lab = rgb_to_lab(ops.convert_to_tensor(image.astype("float32") / 255.0))
    statistics = ops.concatenate([ops.mean(lab, axis=(0, 1)), ops.std(lab, axis=(0, 1))])
    return ops.convert_to_numpy(statistics)
