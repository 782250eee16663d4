"""A folder of images sent by several threads: bounded, ended by a dead server or a full disk."""

import functools
import threading

import numpy as np
import pytest

from refinezoo import RefinezooError, export
from refinezoo.data import write_image
from refinezoo.files import locked_folder

pytestmark = pytest.mark.tensorflow

NOISE = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)


class Stub:
    """A client that counts what is under way; its first answers wait until `together` calls are."""

    def __init__(self, code_name=None, together=1):
        self.code_name, self.now, self.most, self.calls = code_name, 0, 0, 0
        self.lock, self.met = threading.Lock(), threading.Barrier(together)
        self.together = together

    def info(self):
        return {"name": "m", "version": 1, "weights_sha256": "0" * 64}

    def predict(self, image_bytes):
        with self.lock:
            self.now, self.calls = self.now + 1, self.calls + 1
            self.most = max(self.most, self.now)
            early = self.calls <= self.together
        if early:
            self.met.wait(60)
        with self.lock:
            self.now -= 1
        if self.code_name:
            raise export.ServingError(self.code_name, "no")
        return {"image_bytes": np.array(image_bytes, object)}


@pytest.fixture
def many(tmp_path):
    for place in range(12):
        write_image(tmp_path / f"many/{place}.png", NOISE[:4, :4])
    return tmp_path / "many"


def test_concurrency_is_bounded(many, tmp_path):
    client = Stub(together=3)
    export.send_folder(client, many, tmp_path / "out", concurrency=3, progress=False)
    assert client.calls == 12 and client.most == 3


def test_a_dead_server_ends_the_run(many, tmp_path):
    client = Stub("UNAVAILABLE")
    with pytest.raises(export.ServingError, match="UNAVAILABLE"):
        export.send_folder(client, many, tmp_path / "out", concurrency=2, progress=False)
    assert client.calls <= 4 and not (tmp_path / "out").exists()


def test_a_full_disk_ends_in_words_and_the_rest_is_asked_for(many, full_disk, tmp_path):
    send = functools.partial(export.send_folder, source=many, out=tmp_path / "out", progress=False)
    with full_disk(3), pytest.raises(RefinezooError, match="No space left.*Make room"):
        send(Stub(), concurrency=1)
    sent = send(Stub())
    assert 0 < sent.resumed < 12 and sent.received + sent.resumed == 12
    assert not [path for path in (tmp_path / "out").rglob(".refinezoo-*")]


def test_two_at_once_are_one_too_many(many, tmp_path):
    with locked_folder(tmp_path / "out", "busy"):
        with pytest.raises(RefinezooError, match="another run writes replies"):
            export.send_folder(Stub(), many, tmp_path / "out", progress=False)


def test_two_images_of_one_stem_are_refused(many, tmp_path):
    write_image(many / "0.jpg", NOISE)
    with pytest.raises(RefinezooError, match="one name"):
        export.send_folder(Stub(), many, tmp_path / "out", progress=False)
