"""docs/add_an_export.md, followed to the letter in a process of its own."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs/add_an_export.md"


@pytest.mark.tensorflow
def test_a_new_format_is_one_file(tmp_path):
    module, use = re.findall(r"```python\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL)
    (tmp_path / "packed.py").write_text(module)
    shown = "from refinezoo.export.registry import format_table; print(format_table())"
    (tmp_path / "use.py").write_text(f"import packed\n{use}\n{shown}\n")
    done = subprocess.run([sys.executable, "use.py"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    errors = [float(each) for each in re.findall(r"'max_abs_error': ([\d.]+)", done.stdout)]
    assert len(errors) == 1 and errors[0] <= 1
    assert "[(32, 32)]" in done.stdout and "| packed | one | float32 | .packed |" in done.stdout
    files = sorted(path.name for path in (tmp_path / "exports/cyclegan").iterdir())
    assert files == ["EXPORT.md", "cyclegan.packed"]
