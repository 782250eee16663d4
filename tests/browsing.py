"""A real browser for tests: `make test-browser` brings one; yours by REFINEZOO_CHROMIUM."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent / "browser"
BROWSER = os.environ.get("REFINEZOO_CHROMIUM") or next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
needs_browser = pytest.mark.skipif(
    not (BROWSER and shutil.which("node") and (FOLDER / "node_modules/puppeteer-core").is_dir()),
    reason="no browser, or not what drives it: make test-browser",
)


def in_browser(script, *arguments):
    """What a script of tests/browser tells."""
    command = ["node", FOLDER / script, BROWSER, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
