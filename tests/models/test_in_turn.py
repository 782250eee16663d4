"""Large requests wait for each other; one that fails blocks nobody."""

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

pytestmark = pytest.mark.tensorflow

LARGE = np.zeros((1, 600, 600, 3), np.uint8)


class Network:
    """Counts how many run at once; the first call may fail."""

    def __init__(self, fail=False):
        import tensorflow as tf

        from refinezoo.models.graph_images import in_turn

        self.now = self.most = 0
        self.lock, self.fail = threading.Lock(), fail

        def answer(images):
            (value,) = tf.numpy_function(self.run, [images], [tf.float32])
            return {"value": tf.ensure_shape(value, [])}

        spec = tf.TensorSpec([None, None, None, 3], tf.uint8)
        self.call = tf.function(lambda images: in_turn(answer, images), input_signature=[spec])

    def run(self, images):
        if self.fail:
            self.fail = False
            raise ValueError("broken")
        with self.lock:
            self.now += 1
            self.most = max(self.most, self.now)
        with self.lock:
            self.now -= 1
        return np.float32(1)

    def together(self, count):
        with ThreadPoolExecutor(count) as pool:
            return [answer["value"].numpy() for answer in pool.map(self.call, [LARGE] * count)]


def test_large_requests_run_one_at_a_time():
    network = Network()
    assert network.together(4) == [1.0] * 4 and network.most == 1


def test_small_requests_are_answered_too():
    network = Network()
    assert network.call(LARGE[:, :9, :9])["value"].numpy() == 1.0


def test_a_failed_request_gives_its_turn_back():
    import tensorflow as tf

    network = Network(fail=True)
    with pytest.raises(tf.errors.OpError, match="broken"):
        network.call(LARGE)
    assert network.together(2) == [1.0] * 2
