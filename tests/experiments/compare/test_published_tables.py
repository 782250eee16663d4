"""Tables of README and docs hold what the result files of the studies hold."""

import json
import re
from pathlib import Path
from statistics import mean, stdev

ROOT = Path(__file__).parents[3]


def published(names):
    """Mean and spread of AP50 and AP, and AP50 of each seed, as a row of a table; by arm."""
    rows = {}
    for name in names:
        results = json.loads((ROOT / "benchmarks/results" / f"{name}.json").read_text())
        several = len({row["model"] for row in results["rows"]}) > 1
        values = {}
        for row in results["rows"]:
            arm = f"{row['model']}, {row['arm']}" if several else row["arm"]
            values[arm, row["metric"]] = row["values"]
        for arm in dict.fromkeys(arm for arm, _ in values):
            cells = [
                f"{mean(found):.3f}" + (f" ± {stdev(found):.3f}" if len(found) > 1 else "")
                for found in (values[arm, "AP50"], values[arm, "AP"])
            ]
            seeds = ", ".join(f"{value:.3f}" for value in values[arm, "AP50"])
            rows[arm] = [arm, *cells, seeds]
    return rows


def test_the_fridge_tables_are_those_of_the_results():
    pages = "README.md", "docs/studies.md", "docs/detection.md"
    text = "\n".join((ROOT / page).read_text(encoding="utf-8") for page in pages)
    tables = re.findall(r"<!-- (fridge_[\w, ]+) -->\n(\|.*?)\n<!-- end -->", text, re.S)
    assert len(tables) == 8
    for names, table in tables:
        rows = published(names.split(", "))
        lines = [line.strip("| ").split(" | ") for line in table.splitlines()[2:]]
        assert lines and len({arm for arm, *_ in lines}) == len(lines)
        for line in lines:
            assert line == rows[line[0]]
