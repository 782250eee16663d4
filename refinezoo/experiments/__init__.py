"""Whole runs: `train` a model, `compare` what a refiner gains downstream."""
