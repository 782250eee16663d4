"""Servables of refiners that see depth, in the C++ session loader."""

import cv2
import keras
import numpy as np
import pytest

import refinezoo
from refinezoo import export
from refinezoo.data import write_image

pytestmark = pytest.mark.tensorflow


def png(image):
    return cv2.imencode(".png", image[..., ::-1])[1].tobytes()


def depth_png(metres, dtype=np.uint16):
    return cv2.imencode(".png", np.rint(metres * 1000).astype(dtype))[1].tobytes()


def depth_of(scene):
    """Metres of a slope, with a hole above it."""
    millimetres = np.linspace(500, 2500, scene.shape[0] * scene.shape[1]).round().astype("float32")
    depth = (millimetres / np.float32(1000)).reshape(*scene.shape[:2], 1)
    depth[:7] = 0
    return depth


@pytest.fixture(scope="module")
def model():
    from refinezoo.refiners import PixelDA

    keras.utils.set_random_seed(0)
    model = PixelDA(use_depth=True, width=4, blocks=1, tower_width_multiplier=0.1, max_depth=2.0)
    for weight in model.inference_network.trainable_weights:
        weight.assign(np.random.default_rng(0).normal(0, 0.6, weight.shape))
    return model


@pytest.fixture(scope="module")
def folder(model, tmp_path_factory):
    return export.saved_model(model, tmp_path_factory.mktemp("servable") / "pixelda/1")


def test_a_refiner_of_images_and_depth(model, folder, photos, tmp_path):
    from tensorflow import make_ndarray

    from refinezoo.export.serving.warmup import read_warmup

    scene = photos[1]
    depth = depth_of(scene)
    wanted, wanted_m = model.refine_rgbd(scene[None], depth[None])
    exported = refinezoo.load(folder)
    given, given_m = exported.refine_rgbd(scene[None], depth[None])
    assert np.abs(wanted.astype(int) - given).max() <= 1
    np.testing.assert_allclose(given_m, wanted_m, atol=1e-4)
    assert (wanted_m == 0).any() and (wanted_m > 0).any()
    with pytest.raises(refinezoo.RefinezooError, match="refine_rgbd"):
        exported.refine(scene)
    with pytest.raises(refinezoo.RefinezooError, match="of one size, received"):
        exported.refine_rgbd(scene[None], depth[None, 1:])
    with pytest.raises(refinezoo.RefinezooError, match="as a SavedModel alone"):
        export.litert(model, tmp_path / "m.tflite", 32)

    with export.SavedModelSession(folder, threads=1) as session:

        def ask(**inputs):
            return session.run(**{"image_bytes": [png(scene)], **inputs})

        answer = ask(depth_mm_bytes=[depth_png(depth)])
        pixels = cv2.imdecode(np.frombuffer(answer["image_bytes"][0], "u1"), 1)[..., ::-1]
        assert np.abs(wanted[0].astype(int) - pixels).max() <= 1
        millimetres = cv2.imdecode(np.frombuffer(answer["depth_mm_bytes"][0], "u1"), -1)
        np.testing.assert_allclose(millimetres / 1000, wanted_m[0, ..., 0], atol=1.1e-3)
        for bad, message in [
            ({"depth_mm_bytes": [depth_png(depth, np.uint8)]}, "a PNG of bits, colour type"),
            ({"depth_mm_bytes": [b"no depth"]}, "16-bit grey PNG in millimetres"),
            ({"depth_mm_bytes": [depth_png(depth[1:])]}, "number and size"),
            ({"depth_mm_bytes": []}, "as many depth maps as images"),
        ]:
            with pytest.raises(export.SessionError, match=message):
                ask(**bad)
        with pytest.raises(export.SessionError, match="expected depth in metres"):
            session.run("tensor", images=scene[None], depth_m=-depth[None])
        for request in read_warmup(folder):
            inputs = {key: make_ndarray(value) for key, value in request.inputs.items()}
            session.run(request.model_spec.signature_name, **inputs)
    rows = export.export_formats(
        model, "pixelda", tmp_path / "all", ["saved_model", "onnx"], image_size=40, runs=1
    )
    assert [bool(row.refused) for row in rows] == [False, True]
    assert rows[0].parity["max_abs_error"] <= 1 and rows[0].speed[1].p50_ms > 0


@pytest.mark.parametrize("protocol", ["grpc", "rest"])
def test_a_folder_of_images_and_depth_is_sent(protocol, model, folder, photos, tmp_path):
    from refinezoo.export.serving.testing import ProtocolTestServer

    source, maps, out = tmp_path / "renders", tmp_path / "depth", tmp_path / "refined"
    maps.mkdir()
    for place, image in enumerate(photos):
        write_image(source / f"{place}.png", image)
        (maps / f"{place}.png").write_bytes(depth_png(depth_of(image)))
    (maps / "0.png").unlink()
    (maps / "2.png").write_bytes(b"no depth")
    with ProtocolTestServer(folder.parents[1]) as server:
        address = server.grpc_address if protocol == "grpc" else server.rest_address
        with export.ServingClient(address, "pixelda", timeout=600) as client:
            sent = export.send_folder(client, source, out, depth=maps, progress=False)
            assert sent.received == 1
            assert "cannot read" in sent.failed["0.png"] and "depth/0.png" in sent.failed["0.png"]
            assert "16-bit grey PNG in millimetres" in sent.failed["2.png"]
            assert {path.name for path in out.iterdir()} == {"1.png", "depth", "request.jsonl"}
            (maps / "0.png").write_bytes(depth_png(depth_of(photos[0])))
            again = export.send_folder(client, source, out, depth=maps, progress=False)
            assert (again.received, again.resumed, list(again.failed)) == (1, 1, ["2.png"])
            with pytest.raises(refinezoo.RefinezooError, match="expected a folder of depth maps"):
                export.send_folder(client, source, out, depth=tmp_path / "none", progress=False)
            with pytest.raises(refinezoo.RefinezooError, match="expected replies elsewhere"):
                export.send_folder(client, source, tmp_path, depth=maps, progress=False)
    pixels, metres = model.refine_rgbd(photos[1][None], depth_of(photos[1])[None])
    written = cv2.imread(str(out / "1.png"))[..., ::-1]
    assert np.abs(pixels[0].astype(int) - written).max() <= 1
    far = cv2.imread(str(out / "depth/1.png"), cv2.IMREAD_UNCHANGED)
    np.testing.assert_allclose(far / 1000, metres[0, ..., 0], atol=1.1e-3)
