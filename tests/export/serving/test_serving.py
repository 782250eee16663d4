"""Client and servables over real sockets, against the protocol test server (not TF Serving)."""

import http.client
import json
import shutil
import subprocess
import time

import cv2
import numpy as np
import pytest

from refinezoo import RefinezooError, export
from refinezoo.data import write_image
from refinezoo.export.serving.png import encode_png

pytestmark = pytest.mark.tensorflow

PATIENT = 600  # seconds; no test may depend on speed


@pytest.fixture(scope="module")
def server(refiner_folder, detector_folder):
    from refinezoo.export.serving.testing import ProtocolTestServer

    with ProtocolTestServer(refiner_folder.parents[1]) as server:
        yield server


@pytest.fixture(params=["grpc", "rest"])
def connect(request, server):
    """Makes clients over one of the two protocols, and closes them."""
    opened = []

    def client(model="cyclegan", **options):
        address = server.grpc_address if request.param == "grpc" else server.rest_address
        opened.append(export.ServingClient(address, model, **{"timeout": PATIENT, **options}))
        return opened[-1]

    yield client
    for each in opened:
        each.close()


def test_refined_images_come_back(connect, refiner, photos):
    refined = connect().refine(photos)
    for image, received in zip(photos, refined, strict=True):
        assert received.shape == image.shape and received.dtype == np.uint8
        assert np.abs(refiner.refine(image).astype(int) - received).max() <= 1


def test_tensors_keep_type_and_shape(connect, session, photos):
    wanted = session.run("tensor", images=photos[1][None])["images"]
    received = connect().predict("tensor", images=photos[1][None])["images"]
    assert received.dtype == np.uint8
    np.testing.assert_array_equal(received, wanted)


def test_detections(connect, detector, photos):
    found = connect("ssd").predict(image_bytes=[encode_png(image) for image in photos])
    wanted = detector.predict(photos)
    for key, dtype in {"boxes": "f4", "scores": "f4", "classes": "i4", "count": "i4"}.items():
        assert found[key].dtype == dtype and found[key].shape == wanted[key].shape
        np.testing.assert_allclose(found[key], wanted[key], atol=0.05)


def test_who_is_there(connect):
    client = connect()
    client.wait_until_ready(5)
    assert client.states() == {1: "AVAILABLE"}
    assert client.info()["kind"] == "refiner"
    assert connect("ssd").info()["class_names"] == ["milk", "juice"]


def jpeg(image):
    return cv2.imencode(".jpg", image)[1].tobytes()


NOISE = np.random.default_rng(0).integers(0, 256, (60, 60, 3), np.uint8)
BAD = {
    "zero bytes": b"",
    "rubbish": b"no image",
    "truncated JPEG": jpeg(NOISE)[:1500],
    "PNG bomb": encode_png(np.zeros((3000, 3000, 3), np.uint8)),
    "GIF": b"GIF89a" + bytes(2) * 60,
    "BMP": cv2.imencode(".bmp", NOISE)[1].tobytes(),
    "WebP": cv2.imencode(".webp", NOISE)[1].tobytes(),
    "6000 x 4000": jpeg(np.zeros((4000, 6000, 3), np.uint8)),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_images_are_refused_and_the_server_lives_on(connect, name):
    client = connect()
    with pytest.raises(export.ServingError) as caught:
        client.predict(image_bytes=[encode_png(NOISE), BAD[name]])
    assert caught.value.code_name == "INVALID_ARGUMENT"
    one_pixel = client.refine([NOISE[:1, :1]])[0]
    assert one_pixel.shape == (1, 1, 3)


@pytest.mark.parametrize(
    ("model", "options", "call", "codes"),
    [
        ("cyclegan", {}, ("tensor", {"images": NOISE[None] / 2}), ["INVALID_ARGUMENT"]),
        ("cyclegan", {}, ("tensor", {"images": NOISE}), ["INVALID_ARGUMENT"]),
        ("cyclegan", {}, ("tensor", {"photos": NOISE}), ["INVALID_ARGUMENT"]),
        (
            "cyclegan",
            {},
            ("tensors", {"images": NOISE[None]}),
            ["INVALID_ARGUMENT", "FAILED_PRECONDITION"],
        ),
        ("cyclegen", {}, ("serving_default", {"image_bytes": [b""]}), ["NOT_FOUND"]),
        ("cyclegan", {"version": 9}, ("serving_default", {"image_bytes": [b""]}), ["NOT_FOUND"]),
        ("cyclegan", {"label": "no"}, ("serving_default", {"image_bytes": [b""]}), ["NOT_FOUND"]),
    ],
)
def test_wrong_calls_are_refused(connect, model, options, call, codes):
    signature, inputs = call
    with pytest.raises(export.ServingError) as caught:
        connect(model, **options).predict(signature, **inputs)
    assert caught.value.code_name in codes


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "JSON Parse error"),
        (b"[1]", "Is not object"),
        (b'{"instances": []}', "with values"),
        (b'{"instances": [1], "inputs": [1]}', "one of"),
        (b'{"instances": [{"b64": "%%%"}]}', "base64"),
        (b'{"instances": [{"b64": 7}]}', "b64"),
        (b'{"instances": [{"b64": "/9j/"}]}', "JPEG"),
        (b'{"signature_name": ["x"], "instances": [""]}', "not found"),
        (b'{"signature_name": "tensor", "instances": [[[1, 2], [3]]]}', "ragged"),
        (b'{"signature_name": "tensor", "instances": [[[[0, 0, 256]]]]}', "0 to 255"),
        (b'{"signature_name": "tensor", "inputs": {"image": 1}}', "Missing named input"),
    ],
)
def test_bad_json_is_refused(server, body, message):
    status, reply = post(server, "/v1/models/cyclegan:predict", body)
    assert status == 400 and message in reply["error"]


def test_both_json_formats(server):
    """The formats of TF Serving's api_rest.md, written out: nothing of the client's is used."""
    path, pixel = "/v1/models/cyclegan:predict", [[[9, 9, 9]]]
    by_row = {"signature_name": "tensor", "instances": [pixel, pixel]}
    rows = post(server, path, json.dumps(by_row).encode())[1]["predictions"]
    by_column = {"signature_name": "tensor", "inputs": {"images": [pixel, pixel]}}
    columns = post(server, path, json.dumps(by_column).encode())[1]["outputs"]
    assert rows == columns and np.shape(rows) == (2, 1, 1, 3)
    text = {"signature_name": "model_info", "instances": ["", ""]}
    infos = post(server, path, json.dumps(text).encode())[1]["predictions"]
    assert [json.loads(info)["name"] for info in infos] == ["cyclegan"] * 2
    image = {"b64": "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGP4z8AAAAMBAQDJ/pLv"}
    image["b64"] += "AAAAAElFTkSuQmCC"
    found = post(server, "/v1/models/ssd:predict", json.dumps({"instances": [image]}).encode())[1]
    assert set(found["predictions"][0]) == {"boxes", "scores", "classes", "count"}
    refined = post(server, path, json.dumps({"inputs": [image]}).encode())[1]
    assert list(refined["outputs"][0]) == ["b64"]
    assert post(server, "/v1/models/cyclegan:classify", b"{}")[0] == 400


def post(server, path, body):
    connection = http.client.HTTPConnection(server.rest_address.removeprefix("http://"))
    connection.request("POST", path, body)
    response = connection.getresponse()
    status, reply = response.status, json.loads(response.read())
    connection.close()
    return status, reply


def test_large_messages(server):
    with export.ServingClient(server.grpc_address, "cyclegan", timeout=PATIENT) as client:
        replies = client.predict("model_info", request=[b""] * 20_000)["model_info"]
        assert sum(map(len, replies)) > 4 << 20  # gRPC's own limit
    small = export.ServingClient(server.grpc_address, "cyclegan", max_message_bytes=10_000)
    with small, pytest.raises(export.ServingError) as caught:
        small.predict("model_info", request=[b""] * 100)
    assert caught.value.code_name == "RESOURCE_EXHAUSTED"


@pytest.mark.parametrize("scheme", ["grpc", "http"])
def test_a_server_that_is_not_there(scheme):
    started = time.monotonic()
    with export.ServingClient(f"{scheme}://127.0.0.1:9", "m", timeout=5, retries=1) as client:
        with pytest.raises(export.ServingError) as caught:
            client.states()
    assert caught.value.code_name == "UNAVAILABLE" and time.monotonic() - started < 5


def test_a_deadline_is_kept(connect, photos):
    client = connect("ssd", timeout=0.001, retries=0)
    with pytest.raises(export.ServingError) as caught:
        client.predict(image_bytes=[encode_png(photos[2])] * 5)
    assert caught.value.code_name == "DEADLINE_EXCEEDED"


class Flaky:
    """A transport that is unavailable a few times."""

    def __init__(self, failures, code_name="UNAVAILABLE"):
        self.failures, self.code_name, self.tries = failures, code_name, 0

    def states(self, seconds):
        self.tries += 1
        if self.tries <= self.failures:
            raise export.ServingError(self.code_name, "down")
        return {1: "AVAILABLE"}


@pytest.mark.parametrize(
    ("failures", "code_name", "tries", "works"),
    [(2, "UNAVAILABLE", 3, True), (3, "UNAVAILABLE", 3, False), (1, "INVALID_ARGUMENT", 1, False)],
)
def test_only_the_unreachable_is_tried_again(monkeypatch, failures, code_name, tries, works):
    client = export.ServingClient("http://127.0.0.1:9", "m", retries=2)
    monkeypatch.setattr("refinezoo.export.serving.client._FIRST_PAUSE", 0.001)
    client._transport = Flaky(failures, code_name)
    if works:
        assert client.states() == {1: "AVAILABLE"}
    else:
        with pytest.raises(export.ServingError, match=code_name):
            client.states()
    assert client._transport.tries == tries


@pytest.mark.parametrize("address", ["localhost:8500", "ftp://localhost", "grpc://"])
def test_other_addresses_are_refused(address):
    with pytest.raises(RefinezooError, match="expected an address such as"):
        export.ServingClient(address, "m")


def test_version_and_label_exclude_each_other():
    with pytest.raises(RefinezooError, match="version or a label"):
        export.ServingClient("http://localhost:1", "m", version=1, label="stable")


def test_a_folder_is_sent_and_resumed(connect, refiner, photos, tmp_path):
    source, out = tmp_path / "renders", tmp_path / "refined"
    for place, image in enumerate(photos):
        write_image(source / f"{place}.png", image)
    (source / "broken.jpg").write_bytes(b"\xff\xd8\xff")
    sent = export.send_folder(connect(), source, out, concurrency=3, progress=False)
    assert (sent.images, sent.received, sent.resumed) == (4, 3, 0)
    assert list(sent.failed) == ["broken.jpg"]
    assert sorted(path.name for path in out.glob("*.png")) == ["0.png", "1.png", "2.png"]
    written = cv2.imread(str(out / "1.png"))[..., ::-1]
    assert np.abs(refiner.refine(photos[1]).astype(int) - written).max() <= 1
    (source / "broken.jpg").unlink()
    (out / "1.png").unlink()
    again = export.send_folder(connect(), source, out, progress=False)
    assert (again.received, again.resumed, again.failed) == (1, 2, {})


def test_detections_of_a_folder_are_json(connect, photos, tmp_path):
    write_image(tmp_path / "in/a.png", photos[0])
    client = connect("ssd")
    export.send_folder(client, tmp_path / "in", tmp_path / "out", progress=False)
    found = json.loads((tmp_path / "out/a.json").read_text())
    count = client.predict(image_bytes=[encode_png(photos[0])])["count"][0]
    assert len(found["boxes"]) == len(found["scores"]) == len(found["classes"]) == count > 0


def test_labels_choose_versions(refiner_folder, photos, tmp_path):
    from refinezoo.export.serving.testing import ProtocolTestServer

    for version in ("1", "2", "3"):
        shutil.copytree(refiner_folder, tmp_path / "models/cyclegan" / version)
    labels = {"cyclegan": {"stable": 1, "canary": 2}}
    export.serve_config(tmp_path / "models", tmp_path / "kit", labels=labels)
    config = tmp_path / "kit/config/models.config"
    with ProtocolTestServer(tmp_path / "models", config=config) as server:
        for address in (server.grpc_address, server.rest_address):
            with export.ServingClient(
                address, "cyclegan", label="canary", timeout=PATIENT
            ) as client:
                assert client.states() == {1: "AVAILABLE", 2: "AVAILABLE"}
                assert client.refine(photos[:1])[0].shape == photos[0].shape
            with export.ServingClient(address, "cyclegan", version=3) as client:
                with pytest.raises(export.ServingError, match="NOT_FOUND"):
                    client.refine(photos[:1])


@pytest.mark.skipif(shutil.which("curl") is None, reason="the script needs curl")
def test_the_smoke_test_asks_every_model(server, refiner_folder, tmp_path):
    export.serve_config(refiner_folder.parents[1], tmp_path)
    command = ["sh", str(tmp_path / "smoke_test.sh"), server.rest_address]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["ok", "cyclegan", "ok", "ssd"]
    config = tmp_path / "config/models.config"
    config.write_text(config.read_text().replace('name: "ssd"', 'name: "yolo"'))
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 1 and "FAILED yolo: not available" in done.stderr


def test_warmup_requests_are_answered(refiner_folder, session):
    import tensorflow as tf

    from refinezoo.export.serving.warmup import read_warmup

    requests = read_warmup(refiner_folder)
    assert [r.model_spec.signature_name for r in requests] == ["serving_default"] * 3 + ["tensor"]
    for request in requests:
        assert request.model_spec.name == "cyclegan"
        inputs = {name: tf.make_ndarray(tensor) for name, tensor in request.inputs.items()}
        reply = session.run(request.model_spec.signature_name, **inputs)
        assert len(next(iter(reply.values()))) == 1


def test_warmup_images_are_what_the_model_takes(tmp_path):
    from refinezoo.export.serving.warmup import read_warmup, write_warmup

    write_image(tmp_path / "small.png", NOISE)
    write_image(tmp_path / "large.png", np.tile(NOISE, (2, 1, 1)))
    write_image(tmp_path / "other.bmp", NOISE)
    paths = [tmp_path / name for name in ("small.png", "large.png", "other.bmp")]
    write_warmup(tmp_path, "m", paths, max_image_pixels=3600)
    sent = [request.inputs["image_bytes"].string_val[0] for request in read_warmup(tmp_path)[:3]]
    assert sent[0] == paths[0].read_bytes()
    shapes = [cv2.imdecode(np.frombuffer(content, np.uint8), 1).shape for content in sent]
    assert shapes == [(60, 60, 3), (84, 42, 3), (60, 60, 3)]
    assert all(content.startswith(b"\x89PNG") for content in sent)
    with pytest.raises(RefinezooError, match="1 to 999 images"):
        write_warmup(tmp_path, "m", [], max_image_pixels=1)


def test_the_smoke_check_holds_served_images_against_the_graph(server, refiner_folder, monkeypatch):
    from refinezoo.export.serving import smoke

    servable = refiner_folder.parents[1]
    addresses = [server.grpc_address, server.rest_address]
    lines = smoke.check(servable, addresses)
    assert len(lines) == 4
    assert sum("refiner answers, at most" in line for line in lines) == 2
    monkeypatch.setattr(smoke, "MOST", -1)
    with pytest.raises(RefinezooError, match="Please report this"):
        smoke.check(servable, addresses[:1])
    monkeypatch.setenv("PATH", "")
    with pytest.raises(RefinezooError, match="expected the command docker"):
        with smoke.docker(servable):
            pass
