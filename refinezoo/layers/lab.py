"""CIE L*a*b* from sRGB, and back."""

from keras import ops

_RGB_TO_XYZ = [
    [0.412453, 0.212671, 0.019334],
    [0.357580, 0.715160, 0.119193],
    [0.180423, 0.072169, 0.950227],
]
_XYZ_TO_RGB = [
    [3.240479, -0.969256, 0.055648],
    [-1.537150, 1.875992, -0.204043],
    [-0.498535, 0.041556, 1.057311],
]
_WHITE = [0.950456, 1.0, 1.088754]  # D65


def rgb_to_lab(images):
    """CIE L*a*b* of sRGB images `[..., 3]` in [0, 1]: L in [0, 100], a and b about +-100."""
    linear = ops.where(
        images > 0.04045,
        ops.power((ops.maximum(images, 0.04045) + 0.055) / 1.055, 2.4),
        images / 12.92,
    )
    xyz = ops.matmul(linear, ops.array(_RGB_TO_XYZ, "float32")) / ops.array(_WHITE, "float32")
    f = ops.where(
        xyz > 0.008856, ops.power(ops.maximum(xyz, 0.008856), 1.0 / 3.0), 7.787 * xyz + 16.0 / 116.0
    )
    x, y, z = f[..., 0:1], f[..., 1:2], f[..., 2:3]
    return ops.concatenate([116.0 * y - 16.0, 500.0 * (x - y), 200.0 * (y - z)], axis=-1)


def lab_to_rgb(lab):
    """sRGB images `[..., 3]`, clipped to [0, 1], of CIE L*a*b*."""
    y = (lab[..., 0:1] + 16.0) / 116.0
    f = ops.concatenate([y + lab[..., 1:2] / 500.0, y, y - lab[..., 2:3] / 200.0], axis=-1)
    xyz = ops.where(f > 0.206893, f * f * f, (f - 16.0 / 116.0) / 7.787)
    linear = ops.matmul(xyz * ops.array(_WHITE, "float32"), ops.array(_XYZ_TO_RGB, "float32"))
    linear = ops.clip(linear, 0.0, 1.0)
    return ops.where(
        linear > 0.0031308,
        1.055 * ops.power(ops.maximum(linear, 0.0031308), 1.0 / 2.4) - 0.055,
        12.92 * linear,
    )
