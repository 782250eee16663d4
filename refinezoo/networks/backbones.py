"""What the networks share that can stand on EfficientNet-Lite0 in place of the paper's trunk."""

from collections.abc import Sequence

from keras import layers

from refinezoo.errors import RefinezooError, did_you_mean
from refinezoo.networks.efficientnet_lite0 import efficientnet_lite0_maps


def check_backbone(
    backbone: str, known: Sequence[str], batch_norm: bool | None = None, **multipliers: float
) -> None:
    """Refuses unknown backbones, and settings that the backbone does not have.

    Args:
        backbone: as the user gave it.
        known: what there is, the paper's own first.
        batch_norm: True trains the batch normalisation of EfficientNet-Lite0; False or None keeps
            its statistics and scales as they are, which suits pretrained weights and batches below
            about 16. The papers' trunks always train theirs: None.
        **multipliers: of the paper's trunk, which EfficientNet-Lite0 has only as 1.

    Raises:
        RefinezooError: see above.
    """
    if backbone not in known:
        raise RefinezooError(
            f"expected backbone as one of {', '.join(known)}, received {backbone!r}."
            + did_you_mean(str(backbone), known)
        )
    if backbone == known[0]:
        if batch_norm is not None:
            raise RefinezooError(
                f"expected batch_norm with backbone={known[-1]!r} only, received {batch_norm} with "
                f"{backbone!r}, which always trains its own. Leave it out."
            )
        return
    check_one_size(**multipliers)


def check_one_size(**multipliers: float) -> None:
    """Refuses to make EfficientNet-Lite0 wider or deeper than it is published.

    Raises:
        RefinezooError: a multiplier is not 1.
    """
    for name, value in multipliers.items():
        if value != 1:
            raise RefinezooError(
                f"expected no {name} with efficientnet_lite0, received {value}: it has one size, "
                "that of its weights. Leave it out."
            )


def lite0_taps(
    images, taps: Sequence[int], batch_norm: bool | None = None, *, output_stride: int = 32
) -> list:
    """Taps of EfficientNet-Lite0 on pixels in 0..255.

    Args:
        images: [B, H, W, 3] RGB, uint8 or float in 0..255.
        taps: strides of the maps to give.
        batch_norm: see `check_backbone`.
        output_stride: see `networks.efficientnet_lite0`.

    Returns:
        The maps, in the order of `taps`.
    """
    scaled = layers.Rescaling(1 / 127.5, -1.0, name="scale", dtype="float32")(images)
    maps = efficientnet_lite0_maps(
        scaled, output_stride=output_stride, deepest=max(taps), batch_norm=bool(batch_norm)
    )
    return [maps[tap] for tap in taps]
