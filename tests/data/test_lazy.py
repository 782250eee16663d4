"""`import refinezoo.data` costs nothing."""

import subprocess
import sys

import pytest


def test_import_loads_neither_keras_nor_opencv():
    code = (
        "import sys, refinezoo.data; print([m for m in ('keras', 'cv2', 'tensorflow') "
        "if m in sys.modules]); refinezoo.data.read_image; print('keras' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split("\n")[:2] == ["[]", "False"]


def test_names_and_modules():
    from refinezoo import data

    assert callable(data.unpaired) and callable(data.read_image)
    assert data.masks.grabcut_mask and set(data.__all__) <= set(dir(data))
    with pytest.raises(AttributeError, match="no attribute 'pears'"):
        data.pears  # noqa: B018
