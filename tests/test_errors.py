from refinezoo.errors import RefinezooError


def test_what_would_steer_a_terminal_is_escaped():
    message = str(RefinezooError("no \x1b[2Jpicture\r caf\udce9.png \u202e\x9b\n\tgröße 漢字"))
    assert message == "no \\x1b[2Jpicture\\r caf\\udce9.png \\u202e\\x9b\n\tgröße 漢字"
    message.encode("utf-8")
