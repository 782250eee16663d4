import json

import cv2
import numpy as np
import pytest

from refinezoo import RefinezooError, export
from refinezoo.files import own_folder
from refinezoo.refiners.kind import REFINER

pytestmark = pytest.mark.tensorflow
REFINERS = ["cyclegan", "cyclegan_resize", "cyclegan_fgbg", "reinhard", "fda"]


def png(image):
    return cv2.imencode(".png", image[..., ::-1])[1].tobytes()


def jpeg(image):
    return cv2.imencode(".jpg", image[..., ::-1])[1].tobytes()


def decoded(content):
    return cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED)[..., ::-1]


@pytest.mark.parametrize("name", REFINERS)
def test_refiners_give_the_pixels_of_keras(name, make_refiner, photos, tmp_path):
    model = make_refiner(name)
    folder = export.saved_model(model, tmp_path / name / "1")
    report = export.check_saved_model(folder, model, photos)
    assert report.max_abs_error <= 1 and report.psnr > 75
    assert report.images == len(photos)
    plain = np.concatenate([image.ravel() for image in photos]).astype(int)
    refined = np.concatenate([model.refine(image).ravel() for image in photos])
    assert np.abs(plain - refined).mean() > 3  # it does something


def test_batches_equal_single_images(session, photos):
    batch = np.stack([photos[1], photos[1][::-1], photos[1] // 2])
    together = session.run("tensor", images=batch)["images"]
    assert together.shape == batch.shape and together.dtype == np.uint8
    for image, refined in zip(batch, together, strict=True):
        alone = session.run("tensor", images=image[None])["images"][0]
        assert np.abs(alone.astype(int) - refined).max() <= 1


def test_bytes_and_tensor_agree(session, photos):
    replies = session.run(image_bytes=[png(image) for image in photos])["image_bytes"]
    for image, reply in zip(photos, replies, strict=True):
        assert reply.startswith(b"\x89PNG")
        tensor = session.run("tensor", images=image[None])["images"][0]
        np.testing.assert_array_equal(decoded(reply), tensor)


def test_jpeg_is_decoded_as_opencv_does(session, photos):
    encoded = jpeg(photos[2])
    reply = session.run(image_bytes=[encoded])["image_bytes"][0]
    tensor = session.run("tensor", images=decoded(encoded)[None])["images"][0]
    np.testing.assert_array_equal(decoded(reply), tensor)


@pytest.mark.parametrize("size", [(1, 1), (1, 50), (3, 9), (61, 83)])
def test_any_size_comes_back(session, size):
    image = np.random.default_rng(0).integers(0, 256, (*size, 3), np.uint8)
    reply = session.run(image_bytes=[png(image)])["image_bytes"][0]
    assert decoded(reply).shape == image.shape
    assert session.run("tensor", images=image[None])["images"].shape == (1, *image.shape)


def test_grey_and_rgba_pngs_are_taken(session, photos):
    grey = photos[0][..., 0]
    rgb = np.dstack([grey] * 3)
    wanted = session.run("tensor", images=rgb[None])["images"][0]
    encoded = [grey, np.dstack([rgb, grey]), grey.astype(np.uint16) * 257]
    encoded = [cv2.imencode(".png", image)[1].tobytes() for image in encoded]
    for reply in session.run(image_bytes=encoded)["image_bytes"]:
        np.testing.assert_array_equal(decoded(reply), wanted)


def test_no_images_give_no_images(session):
    assert session.run(image_bytes=np.zeros([0], object))["image_bytes"].shape == (0,)


def bad_bytes():
    image = np.random.default_rng(0).integers(0, 256, (60, 60, 3), np.uint8)
    bomb = np.zeros((2000, 2000, 3), np.uint8)
    empty_png = bytearray(png(image))
    empty_png[16:20] = bytes(4)
    return {
        "zero bytes": (b"", "received zero bytes"),
        "text": (b"hello", "JPEG or PNG"),
        "GIF": (b"GIF89a" + bytes(40), "JPEG or PNG"),
        "one byte": (b"\x89", "JPEG or PNG"),
        "PNG magic only": (png(image)[:8], "truncated"),
        "truncated PNG": (png(image)[:2000], "PNG"),
        "JPEG magic only": (b"\xff\xd8\xff", "JPEG"),
        "truncated JPEG": (jpeg(image)[:1500], "JPEG"),
        "PNG bomb": (png(bomb), "1 to 40000 pixels"),
        "JPEG bomb": (jpeg(bomb), "1 to 40000 pixels"),
        "PNG without width": (bytes(empty_png), "1 to 40000 pixels"),
    }


@pytest.mark.parametrize("name", bad_bytes())
def test_bad_bytes_are_invalid_arguments_and_the_session_lives_on(session, photos, name):
    content, message = bad_bytes()[name]
    with pytest.raises(export.SessionError, match=message) as caught:
        session.run(image_bytes=[png(photos[0]), content])
    assert (caught.value.code, caught.value.code_name) == (3, "INVALID_ARGUMENT")
    assert len(session.run(image_bytes=[png(photos[0])])["image_bytes"]) == 1


def test_pixels_are_counted_over_a_request(session):
    images = [png(np.zeros((100, 100, 3), np.uint8))] * 4
    assert len(session.run(image_bytes=images)["image_bytes"]) == 4
    with pytest.raises(export.SessionError, match="at most 40000 pixels in one request"):
        session.run(image_bytes=[*images, images[0]])


@pytest.mark.parametrize("shape", [(1, 300, 300, 3), (1, 0, 5, 3)])
def test_tensor_limits(session, shape):
    with pytest.raises(export.SessionError, match="1 to 40000 pixels"):
        session.run("tensor", images=np.zeros(shape, np.uint8))


def test_model_info(session, refiner, refiner_folder):
    from refinezoo.refinement import weights_sha256

    info = json.loads(session.run("model_info", request=[b""])["model_info"].item())
    assert (info["name"], info["version"], info["kind"]) == ("cyclegan", 1, "refiner")
    assert info["weights_sha256"] == weights_sha256(refiner)
    assert info == json.loads((refiner_folder / "assets.extra/model_info.json").read_text())


def test_weights_are_stored_once_as_floats(refiner, refiner_folder):
    from tensorflow.core.protobuf import saved_model_pb2

    content = (refiner_folder / "saved_model.pb").read_bytes()
    graph = saved_model_pb2.SavedModel.FromString(content).meta_graphs[0].graph_def
    nodes = [*graph.node, *(node for f in graph.library.function for node in f.node_def)]
    network = refiner.inference_network
    assert sum(node.op == "VarHandleOp" for node in nodes) == len(network.variables)
    size = (refiner_folder / "variables/variables.data-00000-of-00001").stat().st_size
    assert network.count_params() * 4 <= size < network.count_params() * 4 + 8_000
    assert len(content) < 1_000_000


def test_existing_versions_are_kept_unless_overwritten(refiner, refiner_folder):
    before = {p: p.read_bytes() for p in refiner_folder.rglob("*") if p.is_file()}
    with pytest.raises(RefinezooError, match="exists.*overwrite=True"):
        export.saved_model(refiner, refiner_folder)
    assert before == {p: p.read_bytes() for p in refiner_folder.rglob("*") if p.is_file()}


def test_overwrite_replaces_the_version(refiner, tmp_path):
    old = tmp_path / "m/2/saved_model.pb"
    own_folder(old.parent)
    old.write_bytes(b"old")
    export.saved_model(refiner, tmp_path / "m/2", overwrite=True)
    assert old.stat().st_size > 1000
    assert [path.name for path in (tmp_path / "m").iterdir()] == ["2"]


def test_failure_leaves_nothing(tmp_path):
    class Broken:
        name, kind = "broken", REFINER
        inference_network = None
        variables = ()

        def refine(self, images):
            return images

    with pytest.raises((AttributeError, TypeError)):
        export.saved_model(Broken(), tmp_path / "m/1")
    assert list(tmp_path.glob("m/*")) == []


@pytest.mark.parametrize("folder", ["servable/cyclegan", "servable/v1"])
def test_folders_that_serving_would_not_load_are_refused(refiner, tmp_path, folder):
    with pytest.raises(RefinezooError, match="last part is a number.*Use "):
        export.saved_model(refiner, tmp_path / folder)


def test_other_things_are_refused(tmp_path):
    with pytest.raises(RefinezooError, match="expected a model of refinezoo.*received dict"):
        export.saved_model({}, tmp_path / "m/1")


def test_detector_finds_what_keras_finds(detector, detector_folder, photos):
    wanted = detector.predict(photos[:3])
    assert wanted["count"].min() > 0
    with export.SavedModelSession(detector_folder, threads=1) as session:
        received = session.run(image_bytes=[png(image) for image in photos[:3]])
        single = session.run("tensor", images=photos[2][None])
        info = json.loads(session.run("model_info", request=[b""])["model_info"].item())
        with pytest.raises(export.SessionError, match="zero bytes"):
            session.run(image_bytes=[b""])
    for key, dtype in {"boxes": "f4", "scores": "f4", "classes": "i4", "count": "i4"}.items():
        assert received[key].dtype == dtype and received[key].shape == wanted[key].shape
        tolerance = 0.05 if key == "boxes" else 2e-3
        np.testing.assert_allclose(received[key], wanted[key], atol=tolerance)
        np.testing.assert_allclose(single[key][0], wanted[key][2], atol=tolerance)
    assert info["kind"] == "detector" and info["class_names"] == ["milk", "juice"]
