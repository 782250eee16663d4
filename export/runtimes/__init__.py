"""Opening and running exported files, without Keras."""
