"""The street renderer: synthetic frames with exact masks, depth and boxes."""

from refinezoo.data.street.camera import Camera
from refinezoo.data.street.classes import CLASS_NAMES
from refinezoo.data.street.dataset import render_street
from refinezoo.data.street.forest import ForestWorld
from refinezoo.data.street.scene import Frame
from refinezoo.data.street.streets import StreetScene

__all__ = ["CLASS_NAMES", "Camera", "ForestWorld", "Frame", "StreetScene", "render_street"]
