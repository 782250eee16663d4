"""What a server may answer: nothing wrong is stored, nothing ends in a traceback."""

import contextlib
import errno
import http.server
import json
import os
import socketserver
import subprocess
import sys
import threading

import cv2
import numpy as np
import pytest

from refinezoo import RefinezooError, export
from refinezoo.data import write_image
from refinezoo.export.serving.png import decode_png, encode_png
from refinezoo.export.serving.replies import check_reply

IMAGE = np.random.default_rng(0).integers(0, 256, (20, 30, 3), np.uint8)
GOOD = encode_png(IMAGE)


def text(array):
    return cv2.imencode(".png", array)[1].tobytes()


BAD_PNG = {
    "empty": b"",
    "5 bytes": GOOD[:5],
    "truncated": GOOD[:-20],
    "flipped": GOOD[:200] + bytes([GOOD[200] ^ 255]) + GOOD[201:],
    "JPEG": cv2.imencode(".jpg", IMAGE)[1].tobytes(),
    "transposed": encode_png(IMAGE.transpose(1, 0, 2)),
    "bomb": GOOD[:16] + b"\x00\x00\xff\xff\x00\x00\xff\xff" + GOOD[24:],
    "grey": text(IMAGE[..., 0]),
    "16 bits": text(IMAGE.astype("uint16") * 257),
    "alpha": text(np.dstack([IMAGE, IMAGE[..., :1]])),
    "no bytes": "text",
}


def test_good_pngs_are_decoded():
    np.testing.assert_array_equal(decode_png(GOOD, (20, 30)), IMAGE)
    mask, depth = IMAGE[..., 0], IMAGE[..., 0].astype("uint16") * 200
    np.testing.assert_array_equal(decode_png(text(mask), (20, 30), "8-bit grey"), mask)
    np.testing.assert_array_equal(decode_png(text(depth), (20, 30), "16-bit grey"), depth)


@pytest.mark.parametrize("name", BAD_PNG)
def test_bad_pngs_are_worded(name):
    with pytest.raises(RefinezooError, match="expected a PNG of 20 x 30 pixels.*received"):
        decode_png(BAD_PNG[name], (20, 30))


def strings(*items):
    array = np.empty(len(items), object)
    array[:] = items
    return array


BAD_REPLIES = {
    "none": {},
    "two": {"image_bytes": strings(GOOD, GOOD)},
    "zero": {"image_bytes": strings()},
    "scalar": {"image_bytes": np.array(GOOD, object)},
    "wrong size": {"mask_bytes": strings(text(IMAGE[:9, :, 0]))},
    "not finite": {"ranges_m": np.array([[1.0, np.nan]])},
    "text": {"ranges_m": strings(b"1")},
    "count without boxes": {"count": np.array([1])},
    "more than there are": {"boxes": np.zeros((1, 2, 4)), "count": np.array([3])},
    "negative": {"boxes": np.zeros((1, 2, 4)), "count": np.array([-1])},
}


@pytest.mark.parametrize("name", BAD_REPLIES)
def test_bad_replies_are_worded(name):
    with pytest.raises(RefinezooError, match="expected.*received"):
        check_reply(BAD_REPLIES[name], (20, 30))


class LyingServer:
    """REST as TF Serving speaks it, but the body of each predict call is `answer`."""

    def __init__(self):
        self.answer, self.version, self.calls = {"outputs": [coded(GOOD)]}, 1, 0
        lying = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                self.reply(lying.metadata())

            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                if body["signature_name"] == "model_info":
                    info = {"name": "m", "version": lying.version, "weights_sha256": "0" * 64}
                    return self.reply({"outputs": [json.dumps(info)]})
                lying.calls += 1
                self.reply(lying.answer)

            def reply(self, content):
                if not isinstance(content, bytes):
                    content = json.dumps(content).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.server.server_address[1]}"
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.thread.start()

    def metadata(self):
        outputs = {"serving_default": "image_bytes", "model_info": "model_info"}
        signatures = {
            name: {"outputs": {output: {"dtype": "DT_STRING"}}} for name, output in outputs.items()
        }
        return {"metadata": {"signature_def": {"signature_def": signatures}}}

    def close(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


def coded(content):
    import base64

    return {"b64": base64.b64encode(content).decode()}


@pytest.fixture
def lying():
    server = LyingServer()
    yield server
    server.close()


@pytest.fixture
def source(tmp_path):
    for name in ("a", "b"):
        write_image(tmp_path / f"in/{name}.png", IMAGE)
    return tmp_path / "in"


LIES = {
    "5 bytes": {"outputs": [coded(GOOD[:5])]},
    "empty": {"outputs": [coded(b"")]},
    "another size": {"outputs": [coded(encode_png(IMAGE[:10]))]},
    "no outputs": {},
    "null": {"outputs": None},
    "a number": {"outputs": [7]},
    "nested": {"outputs": {"image_bytes": {"b64": {"b64": 1}}}},
    "no base64": {"outputs": [{"b64": "%%"}]},
    "none": {"outputs": []},
    "two": {"outputs": [coded(GOOD)] * 2},
    "a list": [1],
    "no JSON": b"<html>",
    "deep": b"[" * 100_000,
    "no text": b"\xff\xfe",
}


@pytest.mark.parametrize("name", LIES)
def test_no_lie_is_stored(name, lying, source, tmp_path):
    lying.answer = LIES[name]
    with export.ServingClient(lying.address, "m", retries=0) as client:
        sent = export.send_folder(client, source, tmp_path / "out", progress=False)
        assert sorted(sent.failed) == ["a.png", "b.png"] and sent.received == 0
        with pytest.raises(RefinezooError, match="DATA_LOSS: expected.*received|not received"):
            client.refine([IMAGE])
    assert [path for path in (tmp_path / "out").glob("*.[pj]*") if path.stem != "request"] == []


@pytest.mark.parametrize(
    "what", [{}, {"metadata": 1}, {"metadata": {"signature_def": []}}, b"", []]
)
def test_lying_metadata_are_worded(what, lying, monkeypatch):
    monkeypatch.setattr(lying, "metadata", lambda: what)
    with export.ServingClient(lying.address, "m", retries=0) as client:
        for call in (client.info, client.states, lambda: client.refine([IMAGE])):
            with pytest.raises(export.ServingError, match="DATA_LOSS"):
                call()


@pytest.mark.parametrize("start", [b"", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\n\r\n"])
def test_byte_after_byte_is_not_waited_for(start):
    """Each byte comes within the socket's own limit, the whole never."""
    given_up = threading.Event()

    class Dripping(socketserver.BaseRequestHandler):
        def handle(self):
            self.request.sendall(start)
            with contextlib.suppress(OSError):
                while not given_up.wait(0.05):
                    self.request.sendall(b"a")

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Dripping) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,)).start()
        address = f"http://127.0.0.1:{server.server_address[1]}"
        with export.ServingClient(address, "m", timeout=0.3) as client:
            with pytest.raises(export.ServingError, match="DEADLINE_EXCEEDED: no whole reply"):
                client.states()
        given_up.set()
        server.shutdown()


def test_replies_have_a_limit(lying):
    lying.answer = b" " * 5000
    client = export.ServingClient(lying.address, "m", retries=0, max_message_bytes=2000)
    with client, pytest.raises(export.ServingError, match="RESOURCE_EXHAUSTED"):
        client.refine([IMAGE])


def test_the_journal_decides_what_is_done(lying, source, tmp_path):
    out = tmp_path / "out"

    def send():
        with export.ServingClient(lying.address, "m", retries=0) as client:
            sent = export.send_folder(client, source, out, progress=False)
        return sent.received, sent.resumed

    assert send() == (2, 0) and lying.calls == 2
    assert send() == (0, 2) and lying.calls == 2
    (out / "a.png").write_bytes(GOOD[:5])  # not what was received
    write_image(source / "b.png", 255 - IMAGE)  # another image of the same name
    with open(out / "request.jsonl", "a") as journal:
        journal.write('{"image": "c.png", "sour')  # a run was killed while it wrote this
    assert send() == (2, 0) and (out / "a.png").read_bytes() == GOOD
    assert send() == (0, 2)
    assert all(map(json.loads, (out / "request.jsonl").read_text().splitlines()))
    lying.version = 2
    with pytest.raises(RefinezooError, match=r"holds replies of m version 1.*m version 2"):
        send()
    write_image(tmp_path / "other/a.png", IMAGE)
    with export.ServingClient(lying.address, "m", retries=0) as client:
        with pytest.raises(RefinezooError, match="no reply of an earlier run"):
            export.send_folder(client, source, tmp_path / "other", progress=False)
    np.testing.assert_array_equal(cv2.imread(str(tmp_path / "other/a.png"))[..., ::-1], IMAGE)


def test_a_full_disk_leaves_whole_lines_in_the_journal(lying, source, tmp_path, monkeypatch):
    def full(file):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with export.ServingClient(lying.address, "m") as client:
        with monkeypatch.context() as patch, pytest.raises(RefinezooError, match="Make room"):
            patch.setattr(os, "fsync", full)
            export.send_folder(client, source, tmp_path / "out", progress=False)
        assert not (tmp_path / "out/request.jsonl").read_text()
        sent = export.send_folder(client, source, tmp_path / "out", progress=False)
    assert (sent.received, sent.resumed) == (2, 0)
    assert (tmp_path / "out/request.jsonl").read_text().count("\n") == 2


def test_a_reply_that_a_kill_cut_off_is_asked_for_again(lying, source, tmp_path):
    """The journal is written before the file: what is not there is not done, and nothing blocks."""
    with export.ServingClient(lying.address, "m") as client:
        export.send_folder(client, source, tmp_path / "out", progress=False)
        (tmp_path / "out/a.png").unlink()
        sent = export.send_folder(client, source, tmp_path / "out", progress=False)
    assert (sent.received, sent.resumed) == (1, 1)


@pytest.mark.parametrize(
    "address",
    [
        "http://user:s3cret@localhost:8501",
        "grpc://user:s3cret@localhost:8500",
        "user:s3cret@localhost",
        "http://us/er:s3cret@localhost",
        "http://localhost:port",
        "http://localhost:99999",
        "http://[::1",
    ],
)
def test_addresses_are_checked_and_passwords_not_repeated(address, source, tmp_path):
    with pytest.raises(RefinezooError, match="expected an address such as") as caught:
        export.ServingClient(address, "m")
    assert "s3cret" not in str(caught.value)


def test_the_command_never_prints_a_password(source, tmp_path):
    command = [sys.executable, "-c", "from refinezoo.cli import main; main()", "--debug", "request"]
    command += [source, tmp_path / "out", "--model", "m", "--server", "http://u:s3cret@127.0.0.1:9"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode and "expected an address" in done.stderr
    assert "s3cret" not in done.stdout + done.stderr
