"""The house as docs/architecture.md draws it: no circle, and nothing imports upwards."""

import ast
import re
from graphlib import TopologicalSorter
from pathlib import Path

ROOT = Path(__file__).parents[1]
LOOKS_UP = {("zoo", "export")}  # for an exported file


def floors():
    """Room -> its floor in docs/architecture.md."""
    table = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (\d+) \|([^|]+)\|", table, re.M)
    return {room: int(floor) for floor, rooms in rows for room in re.findall(r"`(\w+)`", rooms)}


FLOOR = floors()


def module_files():
    files = {}
    for folder, package in (("refinezoo", "refinezoo"), ("export", "refinezoo.export")):
        for path in sorted((ROOT / folder).rglob("*.py")):
            parts = path.relative_to(ROOT / folder).with_suffix("").parts
            if (folder, parts[0]) == ("refinezoo", "export"):  # a link to the other folder
                continue
            parts = parts[:-1] if parts[-1] == "__init__" else parts
            files[".".join((package, *parts))] = path
    return files


FILES = module_files()


def imported(node):
    """The modules of the package that an import statement reads."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names if alias.name in FILES]
    if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "refinezoo":
        named = [f"{node.module}.{alias.name}" for alias in node.names]
        # A package is read by `from package import name` only where the name is not a module.
        return [name if name in FILES else node.module for name in named]
    return []


def imports(path):
    """Those of a file, inside functions too."""
    nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    return {name for node in nodes for name in imported(node)}


def room(module):
    return (module.split(".") + [""])[1]


def test_no_circle():
    # The package itself gives names of all rooms, on first use.
    graph = {name: imports(path) - {name, "refinezoo"} for name, path in FILES.items()}
    TopologicalSorter(graph).prepare()  # a CycleError names the circle


def test_nothing_imports_upwards():
    inside = {name: path for name, path in FILES.items() if room(name) not in ("", "__main__")}
    assert {room(name) for name in inside} == set(FLOOR), "give each room a floor in the table"
    upwards = {
        (room(name), room(other))
        for name, path in inside.items()
        for other in imports(path) - {"refinezoo"}
        if FLOOR[room(other)] > FLOOR[room(name)]
    }
    assert upwards == LOOKS_UP
