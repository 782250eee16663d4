"""The contract of every model: its registered class, its preset, its weights."""
