"""What a model of each kind signs: the entry points of its graph."""
