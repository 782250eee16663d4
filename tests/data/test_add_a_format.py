"""docs/add_a_format.md, followed to the letter in a process of its own."""

import re
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from small_sets import photo, put

DOCS = Path(__file__).parents[2] / "docs/add_a_format.md"


@pytest.mark.tensorflow
def test_a_new_format_is_one_file(tmp_path):
    module, use = re.findall(r"```python\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL)
    for name, content in {"shots.py": module, "use.py": use}.items():
        (tmp_path / name).write_text(content)
    for number in range(2):
        shot = tmp_path / f"renders/shots/{number:04d}"
        put(shot / "beauty.png", photo(number, 40, 48))
        put(shot / "ids.png", np.tile(np.arange(48, dtype=np.uint8) // 16, (40, 1)))
    done = subprocess.run([sys.executable, "use.py"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "shots ['shots/0000/beauty.png', 'shots/0001/beauty.png']" in done.stdout
    for number in range(2):
        shot = f"shots/{number:04d}"
        before, after = (tmp_path / root / shot for root in ("renders", "refined"))
        assert (before / "ids.png").read_bytes() == (after / "ids.png").read_bytes()
        images = [cv2.imread(str(folder / "beauty.png")) for folder in (before, after)]
        assert images[0].shape == images[1].shape and (images[0] != images[1]).any()
