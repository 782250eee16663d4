import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from refinezoo import RefinezooError, export
from refinezoo.export.runtimes.metagraph import read_signatures

pytestmark = pytest.mark.tensorflow


def test_signatures_are_those_tensorflow_reads(session, refiner_folder):
    from tensorflow.core.protobuf import saved_model_pb2

    content = (refiner_folder / "saved_model.pb").read_bytes()
    meta_graph = saved_model_pb2.SavedModel.FromString(content).meta_graphs[0]
    assert session.signatures == read_signatures(meta_graph.SerializeToString())
    wanted = {n: s for n, s in meta_graph.signature_def.items() if not n.startswith("__")}
    assert set(session.signatures) == set(wanted) == {"serving_default", "tensor", "model_info"}
    for name, signature in session.signatures.items():
        for side in ("inputs", "outputs"):
            received, expected = getattr(signature, side), getattr(wanted[name], side)
            assert set(received) == set(expected)
            for key, spec in received.items():
                assert spec.tensor == expected[key].name
                assert spec.shape == tuple(d.size for d in expected[key].tensor_shape.dim)
    assert session.signatures["tensor"].inputs["images"].dtype == "uint8"
    assert session.signatures["serving_default"].inputs["image_bytes"].dtype == "string"


def test_no_python_of_tensorflow_is_needed(refiner_folder):
    script = (
        "import sys, numpy as np\n"
        "from refinezoo.export import SavedModelSession\n"
        f"session = SavedModelSession({str(refiner_folder)!r}, threads=1)\n"
        "print(session.run('tensor', images=np.zeros((1, 20, 24, 3), np.uint8))['images'].shape)\n"
        "assert not {'tensorflow', 'keras'} & set(sys.modules)\n"
        "import numpy.random\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "(1, 20, 24, 3)" in done.stdout


def test_threads_share_a_session(session, photos):
    wanted = session.run("tensor", images=photos[0][None])["images"]
    with ThreadPoolExecutor(4) as pool:
        jobs = [pool.submit(session.run, "tensor", images=photos[0][None]) for _ in range(12)]
    for job in jobs:
        np.testing.assert_array_equal(job.result()["images"], wanted)


@pytest.mark.parametrize(
    ("signature", "inputs", "message"),
    [
        ("tensors", {"images": 0}, "Did you mean 'tensor'"),
        ("tensor", {"image": 0}, r"expects the inputs \['images'\], received \['image'\]"),
        ("tensor", {"images": np.zeros((1, 8, 8, 3), np.float32)}, "uint8, received float32"),
        ("serving_default", {"image_bytes": ["text"]}, "pass bytes"),
    ],
)
def test_wrong_calls_are_worded(session, signature, inputs, message):
    with pytest.raises(RefinezooError, match=message):
        session.run(signature, **inputs)


def test_wrong_rank_keeps_the_code_of_tensorflow(session):
    with pytest.raises(export.SessionError) as caught:
        session.run("tensor", images=np.zeros((8, 8, 3), np.uint8))
    assert caught.value.code_name == "INVALID_ARGUMENT"


def test_closed_sessions_say_so(refiner_folder):
    session = export.SavedModelSession(refiner_folder)
    session.close()
    session.close()
    with pytest.raises(RefinezooError, match="closed"):
        session.run("model_info", request=[b""])


def test_no_model_there(tmp_path):
    with pytest.raises(RefinezooError, match="saved_model.pb"):
        export.SavedModelSession(tmp_path)
    (tmp_path / "saved_model.pb").write_bytes(b"no protobuf at all")
    with pytest.raises(export.SessionError):
        export.SavedModelSession(tmp_path)


def test_the_loader_refuses_what_serving_refuses(refiner, tmp_path):
    """The check has teeth: the obvious way to save a Keras 3 model loads in Python only."""
    import tensorflow as tf

    module = tf.Module()
    module.network = refiner.inference_network
    spec = tf.TensorSpec([1, 32, 32, 3], tf.float32)
    run = tf.function(lambda images: {"images": module.network(images)}, input_signature=[spec])
    tf.saved_model.save(module, str(tmp_path / "1"), signatures=run.get_concrete_function())
    assert tf.saved_model.load(str(tmp_path / "1")) is not None
    with pytest.raises(export.SessionError, match="Could not find variable"):
        with export.SavedModelSession(tmp_path / "1", threads=1) as session:
            session.run("serving_default", images=np.zeros((1, 32, 32, 3), np.float32))


def test_closing_waits_for_calls_of_other_threads(refiner_folder, photos):
    """Freed while it computes, the C++ session would take the process with it."""
    session = export.SavedModelSession(refiner_folder, threads=1)
    batch = np.stack([photos[0]] * 9)
    with ThreadPoolExecutor(4) as pool:
        calls = [pool.submit(session.run, "tensor", images=batch) for _ in range(12)]
        calls[0].result()
        session.close()
        for call in calls:
            if (error := call.exception()) is not None:
                assert "the session is closed" in str(error)
