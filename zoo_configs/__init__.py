"""One YAML per zoo entry, and `weights/` beside them. Read through `refinezoo.zoo`."""
