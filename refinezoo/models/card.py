"""The model card of a preset: `README.md` with the front matter that the Hugging Face hub reads.

https://huggingface.co/docs/hub/model-cards
"""

from pathlib import Path
from typing import Any

from refinezoo.config import yaml_text

CARD_FILE = "README.md"
MARK = "<!-- Written by refinezoo; without this line it is kept when the preset is saved again. -->"


def card(model: Any, config: dict[str, Any]) -> str:
    """The card of a preset.

    Args:
        model: what was saved.
        config: what its `config.json` says.
    """
    head = {"library_name": "refinezoo", "tags": ["refinezoo", "keras", model.kind.name]}
    if model.kind.hub_task:
        head["pipeline_tag"] = model.kind.hub_task
    weights, training = config["weights"] or {}, config["training"] or {}
    summary = next(iter((type(model).__doc__ or "").strip().splitlines()), "")
    facts = {
        "class": config["class"],
        "trained for": f"{training['steps']} steps" if training.get("steps") else "",
        "weights": f"{weights['bytes']:,} bytes, sha256 `{weights['sha256']}`"
        if weights
        else "none",
        "written by": f"refinezoo {config['refinezoo_version']}",
    }
    lines = [
        f"---\n{yaml_text(head)}---",
        MARK,
        f"# {config['class']}",
        summary,
        "",
        "| | |",
        "|---|---|",
    ]
    lines += [f"| {name} | {value} |" for name, value in facts.items() if value]
    lines += ["", "```python", "import refinezoo", ""]
    lines += ['model = refinezoo.load("hf://ORGANISATION/NAME@COMMIT")  # or this folder']
    lines += ["answer = model.predict(images)  # uint8 RGB [B, H, W, 3]", "```", ""]
    lines += [
        "## To be told by who trained it",
        "",
        "- data, their licences, and so the licence of",
    ]
    lines += [
        "  these weights",
        "- command, hardware, minutes, seeds",
        "- what it measured on",
        "- limits",
    ]
    lines += ["", "## Arguments", "", "```yaml", yaml_text(config["config"]).rstrip(), "```", ""]
    return "\n".join(lines)


def kept_card(folder: Path) -> str | None:
    """The card of an earlier save that its author has made their own."""
    path = folder / CARD_FILE
    text = path.read_text(encoding="utf-8") if path.is_file() else MARK
    return None if MARK in text else text
