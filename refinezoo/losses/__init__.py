"""Losses: pure functions with the papers' names, float32 inside, a scalar out."""
