"""Renderers of labelled synthetic scenes: composed shelves, streets, forests."""

from refinezoo.scenes.compose import LayoutStatistics, compose_scenes
from refinezoo.scenes.street import render_street

__all__ = ["LayoutStatistics", "compose_scenes", "render_street"]
