"""Stands in for `run_arm`: same files out, no training; marks every time that it ran."""

import json
import os
import sys
import time
from pathlib import Path

folder = Path(sys.argv[1])
spec = json.loads((folder / "spec.json").read_text())
with open(os.environ["TOY_RUNS"], "a") as runs:
    runs.write(f"{spec['arm']} {spec['seed']}\n")
if os.environ.get("TOY_FAIL") == f"{spec['arm']} {spec['seed']}":
    sys.exit("error: the toy broke on purpose")
if os.environ.get("TOY_SLOW"):
    time.sleep(float(os.environ["TOY_SLOW"]))
value = round(0.1 * len(spec["sets"]) + 0.01 * spec["seed"] + 0.05 * len(spec["arm"]) / 10, 4)
(folder / "detections.json").write_text(
    json.dumps([{"image_id": 1, "category_id": 3, "bbox": [5, 5, 20, 20], "score": 0.5}])
)
(folder / "preset").mkdir(exist_ok=True)
labelled = {
    part["name"]: {"kept": 4, "photos": 6} for part in spec["sets"] if "pseudo_labels" in part
}
metrics = {"AP": value / 2, "AP50": value, "AP75": value / 3}
(folder / "result.json").write_text(
    json.dumps(
        {
            "hash": spec["hash"],
            "arm": spec["arm"],
            "seed": spec["seed"],
            "metrics": metrics,
            "by_class": {"carton": value},
            "seconds": 1.0,
            "backend": "none",
            "pseudo_labels": labelled,
        }
    )
)
