"""The house as docs/architecture.md draws it: no circle, and nothing imports upwards when read."""

import ast
from graphlib import TopologicalSorter
from pathlib import Path

ROOT = Path(__file__).parents[1]
FLOORS = [
    {"disk", "errors", "lazy", "memory", "paths", "quiet", "renames", "workshop"},
    {"files", "config", "layers", "losses"},
    {"networks", "data"},
    {"models", "metrics", "report", "scenes"},
    {"training", "refinement", "doctor", "zoo"},
    {"tasks"},
    {"refiners"},
    {"export", "experiments"},
    {"demo"},
    {"cli"},
]
FLOOR = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}


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


def imports(path, *, when_read):
    """Of a file: those of its top level alone, or those inside functions too."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    nodes = tree.body if when_read else ast.walk(tree)
    return {name for node in nodes for name in imported(node)}


def room(module):
    return (module.split(".") + [""])[1]


def test_no_circle():
    # The package itself gives names of all rooms, on first use.
    graph = {
        name: imports(path, when_read=False) - {name, "refinezoo"} for name, path in FILES.items()
    }
    TopologicalSorter(graph).prepare()  # a CycleError names the circle


def test_nothing_imports_upwards_when_it_is_read():
    inside = {name: path for name, path in FILES.items() if room(name) not in ("", "__main__")}
    unknown = {room(name) for name in inside} - set(FLOOR)
    assert not unknown, "a new room: give it a floor above, and in docs/architecture.md"
    upwards = [
        (name, other)
        for name, path in inside.items()
        for other in imports(path, when_read=True) - {"refinezoo"}
        if FLOOR[room(other)] > FLOOR[room(name)]
    ]
    assert not upwards
