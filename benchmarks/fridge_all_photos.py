"""The fridge's detectors that learnt without labels of photos, on all labelled photos: 268 + 154.

    python benchmarks/fridge_all_photos.py RUN/STUDY ...    # folders that `refinezoo compare` wrote

154 test photos scatter by 0.02 AP50. Arms that train on no label can be measured on the 268 train
photos, too; their refiners have seen those as images. Each trained model of each run (arms that
name `real`, or photos that detectors named, left out) is measured on both sets as one; its rows in
results/fridge_all_photos.json are replaced, the others stay.
"""

import argparse
import json
from datetime import date
from pathlib import Path

import refinezoo
from refinezoo.data import CocoDataset
from refinezoo.experiments.compare.recipe import hardware, versions
from refinezoo.files import write_json

HERE = Path(__file__).parent
RESULTS = HERE / "results/fridge_all_photos.json"
METRICS = "AP50", "AP", "AP75"


def main() -> None:
    """Measures the models of the runs, and writes the results."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("runs", type=Path, nargs="+")
    runs = parser.parse_args().runs
    fridge = HERE / "data/fridge"
    sets = [CocoDataset.load(fridge / f"{name}.json") for name in ("train", "test")]
    photos = sets[0].concat(sets[1])
    known = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.is_file() else {"rows": []}
    rows = {(row["model"], row["arm"], row["metric"]): row for row in known["rows"]}
    for run in runs:
        study = json.loads((run / "results.json").read_text(encoding="utf-8"))
        model = study["recipe"]["settings"]["model"]["name"]
        for arm in dict.fromkeys(row["arm"] for row in study["rows"]):
            if {"real", "pseudo"} & set(arm.split("+")):
                continue
            presets = sorted((run / "arms" / arm).glob("seed_*/preset"))
            found = [refinezoo.load(preset).evaluate_coco(photos) for preset in presets]
            for metric in METRICS:
                values = [float(result[metric]) for result in found]
                rows[model, arm, metric] = {
                    "model": model,
                    "arm": arm,
                    "metric": metric,
                    "values": values,
                    "measured": {"hardware": hardware(), "date": date.today().isoformat()},
                }
            print(model, arm, *(f"{result['AP50']:.3f} ({result['AP']:.3f})" for result in found))
    write_json(
        RESULTS,
        {
            "command": "python benchmarks/fridge_all_photos.py RUN ...",
            "photos": len(photos.records),
            "versions": versions(),
            "rows": [rows[key] for key in sorted(rows)],
        },
    )


if __name__ == "__main__":
    main()
