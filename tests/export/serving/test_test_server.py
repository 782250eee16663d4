"""The server for tests bounds what it takes: connections, time, bytes, and who may connect."""

import socket
import time

import pytest

pytestmark = pytest.mark.tensorflow


class NoModels:
    def find(self, name, version, label):
        from refinezoo.export.serving.testing.models import NOT_FOUND, Refusal

        raise Refusal(NOT_FOUND, "no models here")


@pytest.fixture
def server():
    pytest.importorskip("tensorflow_serving")
    import threading

    from refinezoo.export.serving.testing.rest import RestServer

    with RestServer(NoModels(), 0, connections=3, seconds=0.5) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def connect(server):
    connection = socket.create_connection(server.server_address, timeout=60)
    return connection


def said(connection):
    """All that the server sends until it hangs up."""
    content = b""
    while piece := connection.recv(4096):
        content += piece
    return content


def ask(server, request=b"GET /v1/models/m HTTP/1.1\r\nConnection: close\r\n\r\n"):
    with connect(server) as connection:
        connection.sendall(request)
        return said(connection)


def test_it_listens_on_this_machine_only(server):
    assert server.server_address[0] == "127.0.0.1"
    assert b"404" in ask(server) and b"no models here" in ask(server)


def test_idle_connections_are_bounded_and_cut_off(server):
    slow = [connect(server) for _ in range(3)]
    for connection in slow:
        connection.sendall(b"POST /v1/models/m:predict HTTP/1.1\r\nContent-Length: 9\r\n\r\n1")
    while b"503" not in ask(server):  # until all three are being served
        time.sleep(0.01)
    assert [said(connection) for connection in slow] == [b""] * 3
    while b"404" not in ask(server):  # their places are free again
        time.sleep(0.01)
    for connection in slow:
        connection.close()


def test_byte_after_byte_does_not_help(server):
    with connect(server) as connection, pytest.raises(OSError):
        for _ in range(600):  # each well within the limit, all together beyond it
            connection.sendall(b"x")
            time.sleep(0.1)


@pytest.mark.parametrize("length", ["-1", "many", str(1 << 40)])
def test_bodies_have_a_limit(server, length):
    request = f"POST /v1/models/m:predict HTTP/1.1\r\nContent-Length: {length}\r\n\r\n"
    assert b"413" in ask(server, request.encode())
