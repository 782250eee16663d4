"""Presets from a web server (a real one, on the loopback) and from the hub (a stand-in)."""

import functools
import http.server
import json
import shutil
import sys
import threading
from types import SimpleNamespace

import numpy as np
import pytest

import refinezoo
from refinezoo.errors import RefinezooError
from refinezoo.files import sha256
from refinezoo.zoo import remote

pytestmark = pytest.mark.once


class Handler(http.server.SimpleHTTPRequestHandler):
    def do_GET(self):
        self.server.asked.append(self.path)
        super().do_GET()

    def log_message(self, *arguments):
        pass


@pytest.fixture
def served(tmp_path, tiny_class, monkeypatch):
    """A preset on a server, the cache in a folder of the test."""
    monkeypatch.setenv("REFINEZOO_CACHE", str(tmp_path / "cache"))
    for name in ("HF_HUB_OFFLINE", "REFINEZOO_OFFLINE", "http_proxy", "HTTP_PROXY"):
        monkeypatch.delenv(name, raising=False)
    folder = tiny_class(filters=3).save_to_preset(tmp_path / "www/tiny")
    handler = functools.partial(Handler, directory=tmp_path / "www")
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.asked = []
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_port}/tiny"
    pinned = f"{address}#sha256={sha256(folder / 'config.json')}"
    yield SimpleNamespace(folder=folder, address=address, pinned=pinned, asked=server.asked)
    server.shutdown()
    server.server_close()


def test_a_pinned_preset_is_fetched_once_and_is_the_preset(served, monkeypatch):
    here, there = refinezoo.load(served.folder), refinezoo.load(served.pinned)
    assert there.preset_name == served.pinned and there.weights_sha256 == here.weights_sha256
    for one, other in zip(here.get_weights(), there.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    assert served.asked == ["/tiny/config.json", "/tiny/model.weights.h5"]
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    refinezoo.load(served.pinned)
    assert len(served.asked) == 2
    assert refinezoo.info(served.pinned)["class"] == "Tiny"


def test_without_a_pin_the_message_has_it(served):
    with pytest.raises(RefinezooError, match="ends in #sha256=") as told:
        refinezoo.load(served.address + "/")
    assert served.pinned in str(told.value)


def test_offline_is_worded(served, monkeypatch):
    for variable in ("HF_HUB_OFFLINE", "REFINEZOO_OFFLINE"):
        monkeypatch.setenv(variable, "1")
        for address in (served.pinned, served.address):
            with pytest.raises(RefinezooError, match=f"{variable} is set.*not in the cache"):
                refinezoo.load(address)
        monkeypatch.delenv(variable)
    assert served.asked == []


def edit(path, **changes):
    values = json.loads(path.read_text())
    path.write_text(json.dumps({**values, "weights": {**values["weights"], **changes}}))


def pinned_anew(served):
    return f"{served.address}#sha256={sha256(served.folder / 'config.json')}"


def test_what_is_not_as_said_is_refused_and_not_kept(served, tmp_path, monkeypatch):
    config, weights = served.folder / "config.json", served.folder / "model.weights.h5"
    good = config.read_bytes()
    config.write_bytes(good + b" ")
    with pytest.raises(RefinezooError, match="changed since"):
        refinezoo.load(served.pinned)
    config.write_bytes(good)
    original = weights.read_bytes()
    weights.write_bytes(original + b"x")
    with pytest.raises(RefinezooError, match=f"at most {len(original)} bytes, received more"):
        refinezoo.load(served.pinned)
    weights.write_bytes(original[:-1] + bytes([original[-1] ^ 1]))
    with pytest.raises(RefinezooError, match="expected sha256"):
        refinezoo.load(served.pinned)
    edit(config, bytes=1 << 40)
    monkeypatch.setattr(remote, "check_room", lambda *arguments: None)
    with pytest.raises(RefinezooError, match="expected weights of at most"):
        refinezoo.load(pinned_anew(served))
    edit(config, file="../../x.weights.h5")
    with pytest.raises(RefinezooError, match="weights.file"):
        refinezoo.load(pinned_anew(served))
    config.write_bytes(b"[" * (remote.MAX_CONFIG_BYTES + 1))
    with pytest.raises(RefinezooError, match="at most 1048576 bytes"):
        refinezoo.load(served.pinned)
    weights.unlink()
    config.write_bytes(good)
    with pytest.raises(RefinezooError, match="received 404"):
        refinezoo.load(served.pinned)
    assert not list((tmp_path / "cache").rglob("config.json"))


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("https://user:secret@host/x#sha256=1", r"without user.*\*\*\*@host"),
        ("https://host/x?token=secret", "without user, password and query"),
        ("http://127.0.0.1:9/x#sha256=" + "0" * 64, "cannot be reached"),
    ],
)
def test_addresses_that_do_not_serve_are_worded(served, address, words):
    with pytest.raises(RefinezooError, match=words) as told:
        refinezoo.load(address)
    assert "user:secret" not in str(told.value)


class Refused(OSError):
    """The hub's client says no, in its own way."""


NO = {
    name: type(name, (Refused,), {})
    for name in ("GatedRepo", "RepositoryNotFound", "RevisionNotFound", "EntryNotFound")
}


def test_the_hub_is_asked_for_the_config_and_what_it_names(served, monkeypatch, tmp_path):
    commit, asked = "a" * 40, []

    def download(repo, name, revision, local_dir):
        asked.append((repo, name, revision))
        (local_dir / ".cache/huggingface").mkdir(parents=True)
        shutil.copy(served.folder / name, local_dir / name)

    def size(url):
        for name, error in NO.items():
            if name in url:
                raise error("404 Client Error")
        if "unreachable" in url:
            raise OSError("Connection refused\nsecond line")
        return SimpleNamespace(size=(served.folder / url.split("/")[-1]).stat().st_size)

    hub = SimpleNamespace(
        errors=SimpleNamespace(**{f"{name}Error": error for name, error in NO.items()}),
        try_to_load_from_cache=lambda repo, name, revision: None,
        hf_hub_download=download,
        hf_hub_url=lambda repo, name, revision: f"{repo}/{revision}/{name}",
        get_hf_file_metadata=size,
        HfApi=lambda: SimpleNamespace(
            model_info=lambda repo, revision: SimpleNamespace(sha=commit)
        ),
    )
    monkeypatch.setitem(sys.modules, "huggingface_hub", hub)
    model = refinezoo.load(f"hf://me/tiny@{commit}")
    assert model.arguments["filters"] == 3
    assert asked == [("me/tiny", name, commit) for name in ("config.json", "model.weights.h5")]
    assert not list((tmp_path / "cache").rglob(".cache"))
    with pytest.raises(RefinezooError, match=f"take hf://me/tiny@{commit}"):
        refinezoo.load("hf://me/tiny@main")
    for name, words in {
        "GatedRepo": "Ask on its page",
        "RepositoryNotFound": "no such repository, or a private one",
        "RevisionNotFound": "no such commit",
        "EntryNotFound": "without config.json",
        "unreachable": r"cannot be reached \(Connection refused\)",
    }.items():
        with pytest.raises(RefinezooError, match=words):
            refinezoo.load(f"hf://me/{name}@{commit}")
    with pytest.raises(RefinezooError, match="hf://organisation/name@COMMIT"):
        refinezoo.load("hf://tiny")
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(RefinezooError, match=r"refinezoo\[hub\]"):
        refinezoo.load("hf://me/tiny")
