"""The street renderer: synthetic frames with exact masks, depth and boxes."""

from refinezoo.scenes.street.camera import Camera
from refinezoo.scenes.street.classes import CLASS_NAMES
from refinezoo.scenes.street.dataset import render_street
from refinezoo.scenes.street.forest import ForestWorld
from refinezoo.scenes.street.scene import Frame
from refinezoo.scenes.street.streets import StreetScene

__all__ = ["CLASS_NAMES", "Camera", "ForestWorld", "Frame", "StreetScene", "render_street"]
