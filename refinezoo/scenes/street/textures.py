"""Procedural textures: fractal noise, materials, and a pyramid that is read without aliasing."""

from functools import cache

import cv2
import numpy as np

SIDE = 256


@cache
def fractal_noise(number: int, roughness: float) -> np.ndarray:
    """Tileable noise with a 1/f^(1/roughness) spectrum: float32 [256, 256], mean 0, deviation 1.

    Args:
        number: which of them.
        roughness: 0.5 is smooth as clouds, 1 as plaster, 4 nearly white.
    """
    rng = np.random.default_rng([7, number])
    spectrum = np.fft.rfft2(rng.standard_normal((SIDE, SIDE)))
    frequency = np.hypot(np.fft.fftfreq(SIDE)[:, None], np.fft.rfftfreq(SIDE)[None])
    frequency[0, 0] = np.inf
    noise = np.fft.irfft2(spectrum * frequency ** (-1.0 / roughness), (SIDE, SIDE))
    noise = ((noise - noise.mean()) / noise.std()).astype(np.float32)
    noise.flags.writeable = False
    return noise


@cache
def _repeated(number: int, roughness: float) -> np.ndarray:
    """`fractal_noise` three times in each direction, so that every piece is a slice."""
    return np.tile(fractal_noise(number, roughness), (3, 3))


@cache
def _steps(number: int, roughness: float) -> np.ndarray:
    """The same as uint8: 128 + 32 x deviations."""
    return np.clip(_repeated(number, roughness) * 32 + 128.5, 0, 255).astype(np.uint8)


def _piece(rng: np.random.Generator, height: int, width: int, of, roughness: float) -> np.ndarray:
    row, column, number = rng.integers(0, (SIDE, SIDE, 4))
    return of(int(number), roughness)[row : row + height, column : column + width]


def noise_like(rng: np.random.Generator, height: int, width: int, roughness: float) -> np.ndarray:
    """A random piece of `fractal_noise`, float32 [height, width], sides up to 512."""
    return _piece(rng, height, width, _repeated, roughness)


def mottled(
    rng: np.random.Generator, colour, height: int, width: int, contrast=0.1, roughness=1.0
) -> np.ndarray:
    """A material of one colour with noise: uint8 [height, width, 3].

    Args:
        rng: of the draw.
        colour: RGB, 0 to 255.
        height: pixels.
        width: pixels.
        contrast: deviation of the brightness, 0 to 1.
        roughness: of `fractal_noise`.
    """
    gain = 1.0 + contrast * (np.arange(256)[:, None] - 128) / 32
    levels = np.clip(np.asarray(colour) * gain, 0, 255).astype(np.uint8)
    return levels[_piece(rng, height, width, _steps, roughness)]


class Texture:
    """An image in halved sizes, all in one array, so that each pixel reads its own size.

    Args:
        pixels: uint8 [h, w, 3] or [h, w, 4] (alpha), sides powers of two; it repeats.
    """

    def __init__(self, pixels: np.ndarray) -> None:
        self.height, self.width = pixels.shape[:2]
        self.opaque = pixels.shape[2] == 3
        levels = [np.ascontiguousarray(pixels)]
        while min(levels[-1].shape[:2]) > 2 and len(levels) < 8:
            h, w = levels[-1].shape[:2]
            levels.append(cv2.resize(levels[-1], (w // 2, h // 2), interpolation=cv2.INTER_AREA))
        self.last = len(levels) - 1
        self.texels = np.concatenate([level.reshape(-1, pixels.shape[2]) for level in levels])
        starts = np.cumsum([0] + [level.shape[0] * level.shape[1] for level in levels[:-1]])
        self.starts = starts.astype(np.int32)

    def sample(self, s: np.ndarray, t: np.ndarray, texels_per_pixel: np.ndarray) -> np.ndarray:
        """The texels at s (right) and t (down), in units of the image: uint8 [N, 3 or 4]."""
        level = np.log2(np.maximum(texels_per_pixel, 1.0)).astype(np.int32)
        np.minimum(level, self.last, out=level)
        h, w = self.height >> level, self.width >> level
        row = (t * h).astype(np.int32) & (h - 1)
        column = (s * w).astype(np.int32) & (w - 1)
        return self.texels[self.starts[level] + row * w + column]


@cache
def plain() -> Texture:
    """White, to be coloured by what it lies on."""
    return Texture(np.full((2, 2, 3), 255, np.uint8))


def cut_out(height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """An empty image to draw a shape into: RGB [h, w, 3] and alpha [h, w], both uint8 zeros."""
    return np.zeros((height, width, 3), np.uint8), np.zeros((height, width), np.uint8)


def with_alpha(rgb: np.ndarray, alpha: np.ndarray) -> Texture:
    """A texture with holes; outside, colours spread so that smaller sizes get no dark rim."""
    inside = alpha > 0
    rgb[~inside] = cv2.mean(rgb, alpha)[:3]
    return Texture(np.dstack([rgb, alpha]))
