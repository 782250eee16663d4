"""What `make docs` adds to the pages: model cards, the reference, the changelog; local links alone.

Hooks of MkDocs (https://www.mkdocs.org/user-guide/configuration/#hooks). Nothing is written into
`docs/`: the pages that follow from other files are made anew at each build.
"""

import re
from pathlib import Path

import yaml
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[1]


def registered(room: str) -> list[str]:
    """The modules of a room that register a model."""
    paths = sorted((ROOT / "refinezoo" / room).rglob("*.py"))
    found = [path for path in paths if "\n@register\n" in path.read_text(encoding="utf-8")]
    return [".".join(path.relative_to(ROOT).with_suffix("").parts) for path in found]


#: Page of the reference -> the modules that it documents.
REFERENCE = {
    "refinezoo": ["refinezoo.zoo.loading", "refinezoo.zoo.catalogue", "refinezoo.errors"],
    "models": ["refinezoo.models.base", "refinezoo.models.kind", "refinezoo.models.registry"],
    "refiners": ["refinezoo.refiners.refiner", *registered("refiners")],
    "tasks": ["refinezoo.tasks.detection.detector", *registered("tasks")],
    "refinement and studies": ["refinezoo.refinement", "refinezoo.experiments.compare.study"],
    "metrics": ["refinezoo.metrics.detection", "refinezoo.metrics.confusion"],
    "export": [
        *(f"export.formats.{name}" for name in "saved_model litert onnx openvino".split()),
        "export.runtimes.exported",
        "export.serving.client",
    ],
}


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds the pages that are made from YAML, docstrings and the changelog."""
    for entry in sorted((ROOT / "zoo_configs").glob("*.yaml")):
        card = model_card(yaml.safe_load(entry.read_text(encoding="utf-8")))
        files.append(File.generated(config, f"models/{entry.stem}.md", content=card))
    for title, modules in REFERENCE.items():
        text = f"# {title}\n\n" + "\n\n".join(f"::: {module}" for module in modules) + "\n"
        path = f"reference/{title.replace(' ', '_')}.md"
        files.append(File.generated(config, path, content=text))
    changes = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    changes = changes.replace("](docs/", "](").replace("](SECURITY.md)", "](../SECURITY.md)")
    files.append(File.generated(config, "changelog.md", content=changes))
    names = {"models": "Model cards", "reference": "Reference"}
    for folder, title in names.items():
        pages = [file.src_uri for file in files if file.src_uri.startswith(f"{folder}/")]
        config.nav.append({title: sorted(pages)})
    return files


def on_page_markdown(markdown: str, page: Page, **_) -> str:
    """Links to files of the repository, which no page of the site is, become their paths."""
    return re.sub(r"\[([^\]]*)\]\((?:\.\./)+([^)]+)\)", _named, markdown)


def _named(link: re.Match) -> str:
    text, path = link.groups()
    return text if path in text else f"{text} (`{path}`)"


def model_card(entry: dict) -> str:
    """A zoo entry as a page: what it is, how it was trained, what it measured, its limits."""
    weights = entry.get("weights") or {}
    recipe, told = entry.get("recipe") or {}, entry.get("reference") or ""
    lines = [f"# {entry['name']}", entry["summary"], "", "| | |", "|---|---|"]
    facts = {
        "kind": entry["kind"],
        "class": f"`{entry['class']}`",
        "licence": entry["licence"],
        "weights": f"{weights['bytes'] / 1e6:.1f} MB, sha256 `{weights['sha256']}`"
        if weights
        else "none",
        "reference": "; ".join([told] if isinstance(told, str) else told),
    }
    lines += [f"| {name} | {value} |" for name, value in facts.items() if value]
    lines += ["", "```python", "import refinezoo", "", f'model = refinezoo.load("{entry["name"]}")']
    lines += ["```", "", "## Training", ""]
    for row in entry.get("data", []):
        told = [row.get(key) for key in ("role", "source", "split", "licence")]
        lines.append(f"- **{row['name']}**: {'; '.join(filter(None, told))}")
    lines += ["", f"`{recipe['command'].strip()}`", ""] if recipe.get("command") else []
    if recipe.get("hardware"):
        lines.append(f"{recipe['hardware']}; {recipe['minutes']} minutes, {recipe['date']}.")
    lines += [recipe["notes"]] if recipe.get("notes") else []
    if entry.get("results"):
        lines += ["", "## Results", "", "| on | metric | value | baseline |", "|---|---|---|---|"]
    for row in entry.get("results", []):
        spread = f" ± {row['spread']} (n = {row['n']})" if row.get("spread") is not None else ""
        against = f"{row['baseline_value']} ({row['baseline']})" if row.get("baseline") else ""
        lines.append(
            f"| {row['dataset']}, {row['split']} | {row['metric']}: {row['rule']} "
            f"| {row['value']}{spread} | {against} |"
        )
    lines += ["", "## Limits", "", *(f"- {limit}" for limit in entry.get("limits", []))]
    return "\n".join(lines) + "\n"
