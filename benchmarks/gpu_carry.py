"""Gathers the wheels that a GPU machine without a network lacks for refinezoo.

    python benchmarks/gpu_carry.py .carry

They are those of constraints.txt for Python 3.12 on Linux, checked by their hashes. The rest
(numpy, h5py, OpenCV, PyYAML, rich, matplotlib, ...) is expected there: `--also NAME` adds one.
"""

import argparse
import re
import subprocess
import sys
from pathlib import Path

CONSTRAINTS = Path(__file__).resolve().parents[1] / "constraints.txt"
NAMES = ["keras", "namex", "optree", "pydantic", "pydantic-core", "annotated-types", "typer"]
NAMES += ["pycocotools", "typing-inspection", "typing-extensions"]
MOST_BYTES = 64 << 20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--also", nargs="*", default=[], help="more names of constraints.txt")
    asked = parser.parse_args()
    asked.folder.mkdir(parents=True, exist_ok=True)
    wanted = asked.folder / "requirements.txt"
    wanted.write_text("".join(pinned([*NAMES, *asked.also])))
    line = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes"]
    line += ["--only-binary=:all:", "--python-version", "3.12", "--implementation", "cp"]
    for version in ("2_28", "2_27", "2_17"):
        line += ["--platform", f"manylinux_{version}_x86_64"]
    line += ["--platform", "manylinux2014_x86_64", "-d", str(asked.folder), "-r", str(wanted)]
    subprocess.run(line, check=True)
    size = sum(path.stat().st_size for path in asked.folder.iterdir())
    print(f"{asked.folder}: {size / 1e6:.1f} MB")
    if size > MOST_BYTES:
        raise SystemExit(f"expected at most {MOST_BYTES >> 20} MiB to carry, received more.")


def pinned(names: list[str]) -> list[str]:
    """The blocks of constraints.txt, hashes included, of the packages called `names`."""
    text = CONSTRAINTS.read_text()
    blocks = re.findall(r"^\S+==[^\n]*\n(?: +--hash[^\n]*\n)*", text, re.M)
    found = {block.partition("==")[0]: block for block in blocks}
    missing = [name for name in names if name not in found]
    if missing:
        raise SystemExit(f"expected names of constraints.txt, received {', '.join(missing)}.")
    return [re.sub(r" ; [^\\\n]*", " ", found[name]) for name in names]


if __name__ == "__main__":
    main()
