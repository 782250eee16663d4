"""The pages of `make docs`: built without a warning, and asking no other host for anything."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from browsing import in_browser, needs_browser

pytest.importorskip("mkdocs")
ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "-d", str(folder)]
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return folder


def test_every_entry_has_a_card_and_every_reference_page_its_classes(site):
    from refinezoo import zoo
    from refinezoo.models.registry import model_names

    for row in zoo.list_models():
        card = (site / "models" / f"{row['name']}.html").read_text(encoding="utf-8")
        assert "Limits" in card and row["name"] in card and "['" not in card
    pages = [site / f"reference/{room}.html" for room in ("refiners", "tasks")]
    reference = "".join(page.read_text(encoding="utf-8") for page in pages)
    assert not [name for name in model_names() if f'.{name}"' not in reference]
    assert "max_objects" in reference and "Traceback" not in reference


def test_no_page_asks_another_host(site):
    asked = re.compile(
        r"""<(?:script|img|iframe)[^>]+src=["']?(?:https?:)?//|"""
        r"""<link(?![^>]+rel=["']?(?:canonical|next|prev))[^>]+href=["']?(?:https?:)?//"""
    )
    for page in site.rglob("*.html"):
        assert not asked.search(page.read_text(encoding="utf-8")), page.name


@needs_browser
def test_pages_from_disk_show_and_search_in_a_browser(site):
    pages = ("index", "studies", "errors", "reference/refiners", "models/pvanet_fridge")
    told = in_browser("site.mjs", site, *pages)
    assert told["faults"] == told["broken"] == told["wide"] == []
    assert told["schemes"] == ["slate", "default"]
    assert {"cyclegan", "cyclegan_fgbg"} <= set(told["found"])
