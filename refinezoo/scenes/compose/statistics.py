"""What a composed scene's layout follows: a few documented numbers, no label of a real photo."""

import os
from collections.abc import Iterable
from typing import Any

import cv2
import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from refinezoo.config import read_json
from refinezoo.errors import RefinezooError, did_you_mean

Quantiles = tuple[float, float, float]


class LayoutStatistics(BaseModel):
    """Sizes, positions, tilts and counts of a target domain, as seen by eye or measured.

    Lengths are fractions of the image's side. Three numbers are the 5, 50 and 95 % quantiles;
    values are drawn from the piecewise linear distribution through them. The defaults fit phone
    photos of a carton held in one hand before a shop's fridge.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    box_height: Quantiles = Field(
        (0.63, 0.86, 0.97), description="height of the large product's visible box"
    )
    box_width: Quantiles = Field(
        (0.26, 0.45, 0.71), description="its width; the last one is an upper limit"
    )
    centre_x: Quantiles = Field((0.30, 0.47, 0.69), description="centre of the box, from the left")
    centre_y: Quantiles = Field((0.41, 0.50, 0.57), description="centre of the box, from the top")
    cut: float = Field(0.19, ge=0, le=1, description="share cut by the image's edge")
    tilt: Quantiles = Field((-25.0, 0.0, 25.0), description="tilt of the product, degrees")
    yaw: Quantiles = Field((-40.0, 0.0, 40.0), description="turn about its long axis, degrees")
    pitch: Quantiles = Field((-5.0, 14.0, 48.0), description="seen from above if > 0, degrees")
    side_face: float = Field(0.45, ge=0, le=1, description="share of cartons shown with a side")
    hand: float = Field(0.92, ge=0, le=1, description="share of held products with a drawn hand")
    hand_from_left: float = Field(0.85, ge=0, le=1, description="share of hands from the left")
    row_height: Quantiles = Field(
        (0.20, 0.32, 0.50), description="height of a background shelf's row"
    )
    background_products: float = Field(
        0.5, ge=0, le=1, description="share of background items that are products"
    )
    background_blur: float = Field(
        0.006, ge=0, le=0.1, description="largest blur of the background: Gaussian sigma"
    )
    shelf_height: Quantiles = Field((0.55, 0.75, 0.9), description="row height of the shelf layout")
    tray_count: tuple[int, int] = Field((3, 8), description="fewest and most products on a tray")
    tray_height: Quantiles = Field((0.30, 0.42, 0.60), description="product height on a tray")
    mixture: tuple[float, float, float] = Field(
        (0.75, 0.20, 0.05), description="hand_held, shelf, tray shares of the mixed layout"
    )
    min_labelled_area: float = Field(
        0.05, ge=0, le=1, description="visible area below which an instance is iscrowd"
    )
    min_labelled_visibility: float = Field(
        0.25, ge=0, le=1, description="visible fraction below which an instance is iscrowd"
    )

    @field_validator(
        "box_height",
        "box_width",
        "centre_x",
        "centre_y",
        "tilt",
        "yaw",
        "pitch",
        "row_height",
        "shelf_height",
        "tray_height",
    )
    @classmethod
    def _ascending(cls, value: Quantiles) -> Quantiles:
        if not value[0] <= value[1] <= value[2]:
            raise ValueError(f"expected ascending 5, 50 and 95 % quantiles, received {value}")
        return value

    @field_validator("box_height", "box_width", "row_height", "shelf_height", "tray_height")
    @classmethod
    def _positive(cls, value: Quantiles) -> Quantiles:
        if not 0.02 <= value[0] <= value[2] <= 2:
            raise ValueError(f"expected fractions of the image from 0.02 to 2, received {value}")
        return value

    @field_validator("tray_count")
    @classmethod
    def _counts(cls, value: tuple[int, int]) -> tuple[int, int]:
        if not 1 <= value[0] <= value[1]:
            raise ValueError(f"expected 1 <= fewest <= most, received {value}")
        return value

    @field_validator("mixture")
    @classmethod
    def _shares(cls, value: tuple[float, float, float]) -> tuple[float, float, float]:
        if min(value) < 0 or sum(value) <= 0:
            raise ValueError(f"expected three shares of 0 or more, received {value}")
        return value

    @classmethod
    def measured(cls, masks: Iterable[np.ndarray], min_area: float = 0.02, **known: Any):
        """Statistics of unlabelled photos, read off the foreground masks of their objects.

        Measures height, width, position and cut of the largest region of each mask, and the number
        of regions for `tray_count`. What a mask does not show (tilt, hands, mixture) keeps its
        default or what `known` says.

        Args:
            masks: `[H, W]` or `[H, W, 1]`, > 0.5 = object, of `masks.BackgroundTemplates`, say.
            min_area: smaller regions count as noise, fraction of the image.
            **known: further fields.

        Raises:
            RefinezooError: no mask holds an object.
        """
        boxes, counts = [], []
        for mask in masks:
            binary = (np.asarray(mask).reshape(np.shape(mask)[:2]) > 0.5).astype(np.uint8)
            height, width = binary.shape
            _, _, regions, _ = cv2.connectedComponentsWithStats(binary, connectivity=8)
            regions = regions[1:][regions[1:, cv2.CC_STAT_AREA] >= min_area * binary.size]
            if not len(regions):
                continue
            x, y, w, h, _ = regions[np.argmax(regions[:, cv2.CC_STAT_AREA])]
            cut = x == 0 or y == 0 or x + w == width or y + h == height
            boxes.append((h / height, w / width, (x + w / 2) / width, (y + h / 2) / height, cut))
            counts.append(len(regions))
        if not boxes:
            raise RefinezooError(
                f"expected masks with an object of at least {min_area:.0%} of the image, "
                "received none. Check the polarity (1 = object) or lower min_area."
            )
        rows = np.array(boxes, float)
        low, middle, high = np.quantile(rows[:, :4], (0.05, 0.5, 0.95), axis=0).round(3).tolist()
        names = ("box_height", "box_width", "centre_x", "centre_y")
        found: dict[str, Any] = dict(zip(names, zip(low, middle, high, strict=True), strict=True))
        found["cut"] = round(float(rows[:, 4].mean()), 3)
        fewest, most = np.quantile(counts, (0.05, 0.95)).round().astype(int).tolist()
        return cls.read({**found, "tray_count": (fewest, most), **known})

    @classmethod
    def read(
        cls, source: "LayoutStatistics | dict | str | os.PathLike | None"
    ) -> "LayoutStatistics":
        """Statistics from an object, a dict, a JSON file, or the defaults for None.

        Raises:
            RefinezooError: an unknown name or an impossible value.
        """
        if source is None:
            source = {}
        if isinstance(source, LayoutStatistics):
            return source
        try:
            if not isinstance(source, dict):
                source = _read(source)
            for name in source:
                if name not in cls.model_fields:
                    raise RefinezooError(
                        f"statistics.{name} is not known; expected some of "
                        f"{', '.join(cls.model_fields)}.{did_you_mean(name, cls.model_fields)}"
                    )
            return cls.model_validate(source)
        except ValidationError as error:
            first = error.errors()[0]
            name = ".".join(str(part) for part in first["loc"])
            raise RefinezooError(f"statistics.{name}: {first['msg']}") from None


def _read(path: str | os.PathLike) -> dict[str, Any]:
    try:
        found = read_json(path)
    except RefinezooError as error:
        raise RefinezooError(f"expected layout statistics as JSON: {error}") from None
    if not isinstance(found, dict):
        raise RefinezooError(
            f"expected layout statistics as JSON, an object, in {path}, received "
            f"{type(found).__name__}."
        )
    return found
