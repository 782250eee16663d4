"""docs/add_a_method.md, followed to the letter in a process of its own."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from small_sets import photo, put

DOCS = Path(__file__).parents[2] / "docs/add_a_method.md"


@pytest.mark.tensorflow
def test_a_new_method_is_one_file(tmp_path):
    text = DOCS.read_text(encoding="utf-8")
    module, use, _ = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    (settings,) = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    for name, content in {"pixelgan.py": module, "use.py": use, "pixelgan.yaml": settings}.items():
        (tmp_path / name).write_text(content)
    for number in range(3):
        for folder in ("renders", "photos"):
            put(tmp_path / folder / f"{number}.png", photo(number, 40, 48))
    done = subprocess.run([sys.executable, "use.py"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (error,) = json.loads(done.stdout.splitlines()[-1])
    assert error <= 1
    assert len(list((tmp_path / "refined").rglob("*.png"))) == 3
    first, tuned = (
        json.loads((tmp_path / f"runs/{run}/preset/config.json").read_text())
        for run in ("pixelgan", "tuned")
    )
    assert first["class"] == "PixelGAN" and first["config"]["lambda_content"] == 2.0
    assert [each["training"]["steps"] for each in (first, tuned)] == [4, 8]
    assert (tmp_path / "exports/pixelgan/pixelgan.tflite").is_file()
