"""The scene composer: synthetic scenes with exact labels from product cut-outs."""

from refinezoo.scenes.compose.composer import ComposedScene, Composer
from refinezoo.scenes.compose.scenes import compose_scenes
from refinezoo.scenes.compose.statistics import LayoutStatistics

__all__ = ["ComposedScene", "Composer", "LayoutStatistics", "compose_scenes"]
