"""Read by every Python that `make test` starts: TensorFlow starts in half of its time.

TensorFlow imports JAX where it finds it, to convert functions of JAX, and Keras matplotlib, to plot
training images. No test asks for either, so both are hidden while those are imported, no longer.

Python's garbage collector looks through all objects again and again while imports and traces make
ever more of them, nearly all of which stay. That took a tenth of the tests: it is done more seldom.
"""

import gc
import os
import sys
from importlib.machinery import PathFinder

gc.set_threshold(700, 10, 200)  # the last was 10: all objects are looked through more seldom

HIDDEN = ("jax", "matplotlib")


class WithoutWhatIsHidden:
    """Finds TensorFlow and Keras where they lie, and hides the rest while they are imported."""

    @staticmethod
    def find_spec(name, path=None, target=None):
        if name not in ("tensorflow", "keras") or os.environ.get("KERAS_BACKEND") != "tensorflow":
            return None
        spec = PathFinder.find_spec(name, path, target)
        if spec is None or spec.loader is None:
            return None
        execute = spec.loader.exec_module

        def execute_without(module):
            hidden = [package for package in HIDDEN if package not in sys.modules]
            sys.modules.update(dict.fromkeys(hidden))  # None is what an import does not find
            try:
                execute(module)
            finally:
                for package in hidden:
                    del sys.modules[package]

        spec.loader.exec_module = execute_without
        return spec


sys.meta_path.insert(0, WithoutWhatIsHidden)
