import sys

import pytest

from refinezoo.errors import RefinezooError


def test_what_would_steer_a_terminal_is_escaped():
    message = str(RefinezooError("no \x1b[2Jimage\r caf\udce9.png \u202e\x9b\n\tgröße 漢字"))
    assert message == "no \\x1b[2Jimage\\r caf\\udce9.png \\u202e\\x9b\n\tgröße 漢字"
    message.encode("utf-8")


def test_a_backend_that_is_not_installed_is_said(monkeypatch):
    from refinezoo.quiet import start_backend

    monkeypatch.setitem(sys.modules, "keras", None)
    with pytest.raises(RefinezooError, match="KERAS_BACKEND=tensorflow"):
        start_backend()


def test_channels_first_is_said():
    import keras

    from refinezoo.refiners import Reinhard

    keras.config.set_image_data_format("channels_first")
    try:
        with pytest.raises(RefinezooError, match="channels_last"):
            Reinhard()
    finally:
        keras.config.set_image_data_format("channels_last")
