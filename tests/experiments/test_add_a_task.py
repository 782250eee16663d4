"""docs/add_a_task.md, followed to the letter in a process of its own."""

import json
import re
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

DOCS = Path(__file__).parents[2] / "docs/add_a_task.md"


def write_shelves(folder, count, empty):
    """Shelves of 24 px, grey where empty, with what is full of them in colour, and the share."""
    (folder / "images").mkdir(parents=True)
    shares = {}
    for number in range(count):
        full = 4 * (number + 1)
        image = np.random.default_rng(number).integers(0, 255, (24, 24, 3), "uint8")
        image[full:] = empty
        cv2.imwrite(str(folder / f"images/{number}.png"), image)
        shares[f"{number}.png"] = full / 24
    (folder / "shares.json").write_text(json.dumps(shares))


@pytest.mark.tensorflow
def test_a_new_task_is_one_folder(tmp_path):
    text = DOCS.read_text(encoding="utf-8")
    kind, model, study, use = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    (settings,) = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    (tmp_path / "fullness").mkdir()
    for name, code in (("kind", kind), ("model", model), ("study", study)):
        (tmp_path / f"fullness/{name}.py").write_text(code)
    (tmp_path / "fullness/__init__.py").write_text("import fullness.model\n")
    (tmp_path / "shelves.yaml").write_text(settings)
    (tmp_path / "use.py").write_text(use)
    write_shelves(tmp_path / "renders", 4, empty=10)
    write_shelves(tmp_path / "photos/train", 3, empty=90)
    write_shelves(tmp_path / "photos/test", 3, empty=100)

    done = subprocess.run([sys.executable, "use.py"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    out = tmp_path / "runs/studies/shelves"
    results = json.loads((out / "results.json").read_text())
    assert [(row["arm"], row["metric"]) for row in results["rows"]] == [
        (arm, metric)
        for arm in ("reinhard", "real")
        for metric in ("mean_abs_error", "within_tolerance")
    ]
    assert all(0 <= row["values"][0] <= 1 for row in results["rows"])
    refined = out / "data/reinhard"
    assert (refined / "shares.json").read_bytes() == (tmp_path / "renders/shares.json").read_bytes()
    assert "50% full" in (out / "page.html").read_text()  # the truth of the last test shelf
    drawn = cv2.imread(str(out / "arms/real/seed_0/examples/2_truth.jpg"))
    assert drawn.shape == (320, 320, 3) and (drawn[-12:-4, 4:60] > 200).any()  # words on a ground
    of_keras, of_file = re.findall(r"\[\[([\d.]+)\]\]", done.stdout.splitlines()[-1])
    assert float(of_file) == pytest.approx(float(of_keras), abs=1e-4)
