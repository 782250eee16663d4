"""The camera of real photos, kept as weights and given to other images.

Sharpness and noise; where they are asked for also the light lost in the corners, and JPEG.
"""

import keras
import numpy as np
from keras import ops

from refinezoo.layers.colour import choose, draw_photo, image_hash
from refinezoo.layers.jpeg import OFF, jpeg, jpeg_quality
from refinezoo.layers.vignetting import MOST, vignetted, vignetting_of

_RADIUS = 4  # pixels of the blur to each side: 2 deviations of the widest
_WIDEST = 2.0
_MOST = 2.0  # of sharpening
_MODULUS = 32749  # prime, and its squares fit int32
_BLOCK = 8


@keras.saving.register_keras_serializable("refinezoo")
class Camera(keras.layers.Layer):
    """Gives each image the sharpness and the noise of a real photo.

        y = J_q(V_v(x + a (x - G_s x)) + n e)

    G_s is a Gaussian of s pixels: a = -1 blurs, a > 0 sharpens; e is unit noise, independent per
    pixel and channel; V_v takes the share v r^2 of the light, r = 1 in the corners; J_q is JPEG of
    quality q. No edge moves.

    Args:
        photos: number of photos whose sharpness, noise and quality are kept.
        vignetting: with V, one v for all images: that of all photos.
        jpeg: with J, each image at the quality of its photo.
    """

    def __init__(self, photos, vignetting=False, jpeg=False, **kwargs):
        super().__init__(trainable=False, dtype="float32", **kwargs)
        self.photos, self.vignetting, self.jpeg = photos, vignetting, jpeg

    def build(self, *shapes):
        # Rows: s in pixels, a, n in [-1, 1]. Unadapted, it changes nothing.
        self.cameras = self.add_weight(
            name="cameras", shape=(self.photos, 3), initializer="zeros", trainable=False
        )
        if self.vignetting:
            self.falloff = self.add_weight(
                name="falloff", shape=(), initializer="zeros", trainable=False
            )
        if self.jpeg:
            self.qualities = self.add_weight(
                name="qualities",
                shape=(self.photos,),
                initializer=keras.initializers.Constant(OFF),
                trainable=False,
            )
        self.built = True

    def measured(self, image):
        """What `adapt` takes of a uint8 image `[H, W, 3]`: blur, noise, v and quality."""
        falloff = vignetting_of(image) if self.vignetting else 0.0
        quality = jpeg_quality(image) if self.jpeg else OFF
        return np.array([*camera_of(image), falloff, quality], "float32")

    def adapt(self, photos, renders, seed=0):
        """Takes what photos have beyond the median render: `measured` of each of both.

        Light lost in the corners counts where the medians differ by more than they may by chance
        (two standard errors).
        """
        photos, renders = np.stack(list(photos)), np.stack(list(renders))
        own, clean, _, saved = np.median(renders, axis=0)
        wanted, noise, _, quality = choose(photos, self.photos, seed).T
        if self.vignetting:
            by_chance = 2.0 * np.hypot(
                *(_error_of_median(part[:, 2]) for part in (photos, renders))
            )
            lost = np.median(photos[:, 2]) - np.median(renders[:, 2])
            self.falloff.assign(min(lost, MOST) if lost > by_chance else 0.0)
        if self.jpeg:
            self.qualities.assign(np.where(quality < saved, quality, OFF))
        softer = wanted >= own
        scale = np.where(softer, np.sqrt(np.maximum(wanted**2 - own**2, 0.0)), 1.0)
        # A step blurred by s has slope 1 / s; x - G_1 x adds 1 - s / sqrt(s^2 + 1) of it.
        sharpening = (own / wanted - 1.0) / (1.0 - own / np.sqrt(own**2 + 1.0))
        amount = np.where(softer, -1.0, np.minimum(sharpening, _MOST))
        noise = np.sqrt(np.maximum(noise**2 - clean**2, 0.0))
        self.cameras.assign(np.stack([scale, amount, noise], axis=1))

    def call(self, images, seen, seed, clip=None):
        """Float `[B, H, W, 3]` in [-1, 1] and int32 `[B]` to float `[B, H, W, 3]` in [-1, 1].

        Photo and noise are drawn by `seen`, the images as they came: of computed ones the last bit,
        which processors round each in their way, would draw anew.

        Frames of a video have the camera of their `clip`, float `[K, H, W, 3]`, and their own
        noise.
        """
        photo = draw_photo(seen, seed, self.photos, clip)
        drawn = ops.take(self.cameras, photo, axis=0)
        scale = drawn[:, :1]
        amount, noise = (drawn[:, None, None, k : k + 1] for k in (1, 2))
        offsets = ops.arange(-_RADIUS, _RADIUS + 1, dtype="float32")
        weights = ops.exp(-ops.square(offsets / ops.maximum(scale, 0.05)) / 2.0)
        weights = weights / ops.sum(weights, axis=1, keepdims=True)
        blurred = _along(_along(images, weights, 1), weights, 2)
        light = images + amount * (images - blurred)
        if self.vignetting:
            light = vignetted(light, self.falloff)
        light = ops.clip(light + noise * gaussian_noise(seen, seed), -1.0, 1.0)
        if self.jpeg:
            light = ops.clip(jpeg(light, ops.take(self.qualities, photo, axis=0)), -1.0, 1.0)
        return light

    def compute_output_shape(self, images_shape, *_):
        return images_shape

    def get_config(self):
        own = {"photos": self.photos, "vignetting": self.vignetting, "jpeg": self.jpeg}
        return {**super().get_config(), **own}


def _error_of_median(values):
    """The standard error of the median of values that are spread normally."""
    return 1.2533 * np.std(values) / np.sqrt(len(values))


def _along(images, weights, axis):
    """Images `[B, H, W, C]` summed along an axis with weights `[B, K]`; the edge is repeated."""
    size = ops.shape(images)[axis]
    pads = [(0, 0)] * 4
    pads[axis] = (1, 1)
    for _ in range(_RADIUS):  # symmetric padding of 1 repeats the edge at any size
        images = ops.pad(images, pads, mode="symmetric")
    total = 0.0
    for k in range(2 * _RADIUS + 1):
        part = images[:, k : k + size] if axis == 1 else images[:, :, k : k + size]
        total = total + part * weights[:, k, None, None, None]
    return total


def gaussian_noise(images, seed):
    """Unit noise per pixel and channel, a pure function of each image `[B, H, W, C]` and its seed.

    Four hashes of place and image, each uniform, summed: the same on every backend, in an
    exported model, and whatever else is in the batch.
    """
    _, height, width, channels = ops.shape(images)
    key = image_hash(images, seed)[:, None, None, None] % _MODULUS
    row = ops.arange(height, dtype="int32")[None, :, None, None] % _MODULUS
    column = ops.arange(width, dtype="int32")[None, None, :, None] % _MODULUS
    channel = ops.arange(channels, dtype="int32")[None, None, None, :]
    x = (_scrambled(row, 11) * 101 + _scrambled(column, 977) + channel * 7001 + key) % _MODULUS
    total = 0.0
    for turn in range(4):
        x = _scrambled((x + row * 13 + column * 7) % _MODULUS, 4001 * turn + 17)
        total = total + ops.cast(x, "float32")
    return (total / _MODULUS - 2.0) * 3.0**0.5


def _scrambled(x, salt):
    """A power of whole numbers in [0, _MODULUS), x -> (x + salt)^5, which mixes all of them."""
    x = (x + salt) % _MODULUS
    square = x * x % _MODULUS
    return square * square % _MODULUS * x % _MODULUS


def camera_of(image):
    """The blur (pixels) and noise ([-1, 1]) of a uint8 photo `[H, W, 3]`, float32 `[2]`.

    Blur: on the strongest edges, how much a second blur of 1 pixel lowers the gradient; for a
    step blurred by s it is sqrt(1 + 1 / s^2) (Zhuo & Sim 2011, Defocus map estimation). Noise: the
    quietest tenth of the blocks under a filter that edges do not pass (Immerkaer 1996).
    """
    import cv2

    grey = image.astype("float32").mean(axis=-1) / 127.5 - 1.0
    slope, softer = (
        np.hypot(*np.gradient(each)) if min(grey.shape) > 1 else np.zeros_like(grey)
        for each in (grey, cv2.GaussianBlur(grey, (0, 0), 1.0))
    )
    edges = slope >= max(np.quantile(slope, 0.97), 0.05)
    ratio = np.median(slope[edges] / np.maximum(softer[edges], 1e-6)) if edges.any() else np.inf
    blur = 1.0 / np.sqrt(max(ratio**2 - 1.0, 1.0 / _WIDEST**2))
    mask = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], "float32")
    left = np.abs(cv2.filter2D(image.astype("float32") / 127.5 - 1.0, -1, mask))
    blocks = (
        cv2.resize(left, None, fx=1 / _BLOCK, fy=1 / _BLOCK, interpolation=cv2.INTER_AREA)
        if (min(grey.shape) >= 2 * _BLOCK)
        else left
    )
    noise = np.sqrt(np.pi / 2.0) / 6.0 * np.quantile(blocks.mean(axis=-1), 0.1)
    return np.array([blur, noise], "float32")
