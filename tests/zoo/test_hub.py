"""Presets from the hub by its real client, which a server answers as the hub does."""

import hashlib
import http.server
import json
import shutil
import threading
from pathlib import Path

import pytest

import refinezoo
from refinezoo.errors import RefinezooError

pytest.importorskip("huggingface_hub")
pytestmark = pytest.mark.once
COMMIT = "c" * 40


class Hub(http.server.BaseHTTPRequestHandler):
    """`/api/models/OWNER/NAME` and `/OWNER/NAME/resolve/COMMIT/FILE`, over folders OWNER/NAME."""

    def do_HEAD(self):
        self.server.asked.append(self.path)
        *first, repo, revision, file = self.asked_for()
        folder = self.server.root / repo
        if repo == "me/gated":
            self.refuse(401, "GatedRepo")
        elif not folder.is_dir():
            self.refuse(404, "RepoNotFound")
        elif revision not in ("main", COMMIT):
            self.refuse(404, "RevisionNotFound")
        elif first == ["api"]:
            self.answer(json.dumps({"id": repo, "sha": COMMIT, "siblings": []}).encode())
        elif (folder / file).is_file():
            self.answer((folder / file).read_bytes())
        else:
            self.refuse(404, "EntryNotFound")

    do_GET = do_HEAD

    def asked_for(self):
        parts = self.path.partition("?")[0].strip("/").split("/")
        if parts[0] == "api":
            return "api", "/".join(parts[2:4]), parts[5] if len(parts) > 5 else "main", ""
        return "/".join(parts[:2]), parts[3], parts[4]

    def refuse(self, code, reason):
        self.answer(b"", code, {"X-Error-Code": reason, "X-Error-Message": reason})

    def answer(self, content, code=200, headers=()):
        self.send_response(code)
        checksum = hashlib.sha256(content).hexdigest()
        about = {"Content-Length": len(content), "ETag": f'"{checksum}"', "X-Repo-Commit": COMMIT}
        for name, value in {**about, **dict(headers)}.items():
            self.send_header(name, str(value))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(content)

    def log_message(self, *arguments):
        pass


@pytest.fixture
def hub(tmp_path, tiny_class, monkeypatch):
    from huggingface_hub import constants

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    server.root, server.asked = tmp_path / "hub", []
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("REFINEZOO_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "client"))
    address = f"http://127.0.0.1:{server.server_port}"
    monkeypatch.setattr(constants, "ENDPOINT", address)
    template = address + "/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    tiny_class(filters=3).save_to_preset(server.root / "me/tiny")
    yield server
    server.shutdown()
    server.server_close()


def test_a_commit_is_fetched_once_and_a_branch_is_told_its_commit(hub, monkeypatch):
    pinned = f"hf://me/tiny@{COMMIT}"
    for address in ("hf://me/tiny", "hf://me/tiny@main"):
        with pytest.raises(RefinezooError, match=f"take {pinned}"):
            refinezoo.load(address)
    assert refinezoo.load(pinned).arguments["filters"] == 3
    count = len(hub.asked)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    refinezoo.load(pinned)
    with pytest.raises(RefinezooError, match="HF_HUB_OFFLINE is set"):
        refinezoo.load(f"hf://me/other@{COMMIT}")
    assert len(hub.asked) == count


def test_what_the_client_has_downloaded_is_taken(hub, tmp_path, monkeypatch):
    snapshot = tmp_path / "client/models--me--kept/snapshots" / COMMIT
    shutil.copytree(hub.root / "me/tiny", snapshot)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert refinezoo.load(f"hf://me/kept@{COMMIT}").arguments["filters"] == 3
    Path(snapshot / "model.weights.h5").write_bytes(b"other")
    shutil.rmtree(tmp_path / "cache")
    with pytest.raises(RefinezooError, match="expected"):
        refinezoo.load(f"hf://me/kept@{COMMIT}")
    assert hub.asked == []


def test_refusals_are_worded(hub):
    (hub.root / "me/empty").mkdir()
    for address, words in {
        f"hf://me/gated@{COMMIT}": "Ask on its page",
        "hf://me/gated": "Ask on its page",
        f"hf://me/missing@{COMMIT}": "no such repository, or a private one",
        "hf://me/tiny@" + "d" * 40: "no such commit",
        "hf://me/tiny@v2": "no such commit",
        f"hf://me/empty@{COMMIT}": "without config.json",
    }.items():
        with pytest.raises(RefinezooError, match=words):
            refinezoo.load(address)


def test_a_hub_out_of_reach_is_worded(hub, monkeypatch):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(RefinezooError, match="Check the network"):
        refinezoo.load("hf://me/tiny")
