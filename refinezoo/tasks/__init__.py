"""Downstream tasks: the models whose gain on real photos is the point of refinement."""
