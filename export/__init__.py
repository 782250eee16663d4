"""Servable models: SavedModel, and the checks that they run where they are served."""
