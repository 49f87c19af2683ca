"""HTTP as the servers speak it that share targets/http_protocol.py: the same bytes, whatever the architecture."""

import socket
from collections.abc import Iterator

import pytest

from .architectures import ARCHITECTURES
from .server_process import Server, hello, receive, receive_all, serving

REQUEST = b"GET /hello HTTP/1.1\r\nHost: test\r\n\r\n"
BODY = b"Hello, world!\n"
RESPONSE = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 14\r\n\r\n" + BODY


@pytest.fixture(scope="module", params=[each for each in ARCHITECTURES if each.own_protocol], ids=str)
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    """One server for all tests here: none of them does it any harm."""
    with serving(request.param.name, *request.param.arguments) as running:
        yield running


def test_the_response_is_this_and_nothing_more(server: Server) -> None:
    with server.connect() as client:
        client.sendall(REQUEST * 2)
        client.shutdown(socket.SHUT_WR)
        assert receive_all(client) == RESPONSE * 2


def test_head_has_the_length_and_no_body(server: Server) -> None:
    with server.connect() as client:
        client.sendall(REQUEST.replace(b"GET", b"HEAD") + REQUEST)
        assert receive(client, 2 * len(RESPONSE) - len(BODY)) == RESPONSE.removesuffix(BODY) + RESPONSE


def test_a_body_is_read_and_ignored(server: Server) -> None:
    body = REQUEST * 3000  # looks like requests, is none, and comes in many pieces
    with server.connect() as client:
        client.sendall(b"POST /hello HTTP/1.1\r\nContent-Length: %d\r\n\r\n%b%b" % (len(body), body, REQUEST))
        assert receive(client, 2 * len(RESPONSE)) == RESPONSE * 2


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (REQUEST + REQUEST.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n") + REQUEST, b"200"),
        (b"GET /hello HTTP/1.0\r\n\r\n", b"200"),
        (b"hello?\r\n\r\n", b"400"),
        (b"GET /hello HTTP/2.0\r\n\r\n", b"400"),
        (b"GET /hello HTTP/1.1\r\nno colon\r\n\r\n", b"400"),
        (b"GET /hello HTTP/1.1\r\nName : value\r\n\r\n", b"400"),
        (b"GET /hello HTTP/1.1\r\nContent-Length: ten\r\n\r\n", b"400"),
        (b"GET /hello HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", b"400"),
        (b"GET /hello HTTP/1.1\n\n", b"400"),
        (b"\x16\x03\x01\x02\x00\x01", b"400"),
        (b"GET /hello HTTP/1.1\r\nX: " + b"x" * 16 * 1024 + b"\r\n\r\n" + b"y" * 100_000, b"431"),
        (b"x" * (16 * 1024 + 1), b"431"),
        (b"POST /hello HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", b"501"),
    ],
)
def test_what_ends_a_connection_is_answered_and_then_closed(
    server: Server, request_bytes: bytes, status: bytes
) -> None:
    with server.connect() as client:
        client.sendall(request_bytes)
        responses = receive_all(client)
        last = responses[responses.rindex(b"HTTP/1.1 ") :]
        assert last.startswith(b"HTTP/1.1 " + status)
        assert b"\r\nConnection: close\r\n" in last


@pytest.mark.parametrize(
    ("request_bytes", "wanted"),
    [
        (b"GET /hello HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", b"HTTP/1.1 200 OK\r\n"),
        (b"GET /hello?us=100 HTTP/1.1\r\n\r\n", b"HTTP/1.1 200 OK\r\n"),
        (b"\r\nGET /hello HTTP/1.1\r\n\r\n", b"HTTP/1.1 200 OK\r\n"),
        (b"GET /other HTTP/1.1\r\n\r\n", b"HTTP/1.1 404 Not Found\r\n"),
        (b"DELETE /hello HTTP/1.1\r\n\r\n", b"HTTP/1.1 405 Method Not Allowed\r\n"),
    ],
)
def test_what_does_not_end_a_connection(server: Server, request_bytes: bytes, wanted: bytes) -> None:
    with server.connect() as client:
        client.sendall(request_bytes)
        assert receive(client, len(wanted)) == wanted
        client.sendall(REQUEST)
        client.shutdown(socket.SHUT_WR)
        assert receive_all(client).endswith(RESPONSE)


@pytest.mark.parametrize(
    "query", ["/cpu?us=fast", "/cpu?us=10000001", "/sleep?ms=-1", "/sleep?ms=1.5", "/disk-read?kib=1025", "/sleep?ms="]
)
def test_a_bad_parameter_is_a_bad_request_and_does_not_end_a_connection(server: Server, query: str) -> None:
    with server.connect() as client:
        client.sendall(f"GET {query} HTTP/1.1\r\n\r\n".encode())
        assert receive(client, 12) == b"HTTP/1.1 400"
        assert b" must be a number from 0 to " in client.recv(4096)
        hello([client])
