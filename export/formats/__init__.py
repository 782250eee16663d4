"""Writers of each format: SavedModel, LiteRT, ONNX, OpenVINO."""
