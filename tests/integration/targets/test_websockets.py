"""WebSockets of the servers that have the handler `echo`: against the package websockets, and against hostile bytes."""

import os
import signal
import socket
import struct
import time
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.frames import Frame, Opcode
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

from .server_process import Server, ask, hello, receive, receive_response, serving, wait_until

HANDSHAKE = (
    b"GET /echo HTTP/1.1\r\nHost: test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
RESET_ON_CLOSE = struct.pack("ii", 1, 0)
LONGEST_BYTES = 16 * 1024 * 1024
READ_AHEAD_BYTES = 256 * 1024 * 1024


def open_client(server: Server, path: str = "/echo", subprotocols: list[Subprotocol] | None = None) -> ClientConnection:
    """Open a WebSocket with the client of the package websockets, with its defaults: it offers compression."""
    host, port = server.address
    return connect(f"ws://{host}:{port}{path}", subprotocols=subprotocols, max_size=None, proxy=None)


def upgrade(server: Server, behind: bytes = b"") -> socket.socket:
    """Open a WebSocket by hand, with some bytes behind the request in the same piece."""
    client = server.connect()
    client.sendall(HANDSHAKE + behind)
    read_handshake(client)
    return client


def read_handshake(client: socket.socket) -> None:
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        byte = client.recv(1)
        assert byte, f"the server closed after {head!r}"
        head += byte
    assert head.startswith(b"HTTP/1.1 101 ")
    assert b"\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n" in head


def masked(opcode: Opcode, payload: bytes, fin: bool = True) -> bytes:
    return Frame(opcode, payload, fin).serialize(mask=True)


def read_frame(client: socket.socket) -> tuple[int, bytes]:
    """Return the first byte and the payload of the server's next frame."""
    first, length = receive(client, 2)
    if length > 125:
        length = int.from_bytes(receive(client, 2 if length == 126 else 8), "big")
    return first, receive(client, length)


@pytest.mark.parametrize(
    "message",
    ["hello", "", "höß" * 20, b"\x00\xff", b"x" * 100_000, "y" * 1_000_000, bytes(LONGEST_BYTES)],
    ids=["text", "empty", "not ASCII", "binary", "100 kB", "1 MB", "16 MiB"],
)
def test_a_message_comes_back_as_it_was(streaming_server: Server, message: str | bytes) -> None:
    with open_client(streaming_server) as client:
        for _ in range(2):
            client.send(message)
            assert client.recv() == message


def test_fragments_come_back_as_one_message(streaming_server: Server) -> None:
    with open_client(streaming_server) as client:
        client.send(["a", "", "bc", "d" * 70_000])
        assert client.recv() == "abc" + "d" * 70_000
        client.send([b"\x00", b"\x01"])
        assert client.recv() == b"\x00\x01"


def test_many_messages_at_once_come_back_in_order(streaming_server: Server) -> None:
    with open_client(streaming_server) as client:
        messages = [f"message {number}" for number in range(2000)]
        for message in messages:
            client.send(message)
        assert [client.recv() for _ in messages] == messages


def test_pings_are_answered_between_fragments_too(streaming_server: Server) -> None:
    with upgrade(streaming_server) as client:
        client.sendall(masked(Opcode.TEXT, b"a", fin=False) + masked(Opcode.PING, b"now"))
        assert read_frame(client) == (0x8A, b"now")
        client.sendall(masked(Opcode.PONG, b"unasked") + masked(Opcode.CONT, b"b"))
        assert read_frame(client) == (0x81, b"ab")


@pytest.mark.parametrize("code", [1000, 1001, 3000, 4999])
def test_a_close_frame_is_answered_with_its_code(streaming_server: Server, code: int) -> None:
    with upgrade(streaming_server) as client:
        client.sendall(masked(Opcode.TEXT, b"a"))
        assert read_frame(client) == (0x81, b"a")
        client.sendall(masked(Opcode.CLOSE, code.to_bytes(2, "big") + b"bye"))
        first, payload = read_frame(client)
        assert (first, payload[:2]) == (0x88, code.to_bytes(2, "big"))
        assert client.recv(1) == b""


def test_a_close_frame_without_a_code_is_answered(streaming_server: Server) -> None:
    with upgrade(streaming_server) as client:
        client.sendall(masked(Opcode.CLOSE, b""))
        assert read_frame(client)[0] == 0x88
        assert client.recv(1) == b""


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (b"\x81\x01a", 1002),
        (b"\xc1\x80abcd", 1002),
        (b"\x83\x80abcd", 1002),
        (b"\x09\x80abcd", 1002),
        (b"\x80\x80abcd", 1002),
        (masked(Opcode.TEXT, b"a", fin=False) + masked(Opcode.TEXT, b"b"), 1002),
        (masked(Opcode.CLOSE, b"\x03"), 1002),
        (masked(Opcode.TEXT, b"\xff"), 1007),
        (b"\x82\xff" + (LONGEST_BYTES + 1).to_bytes(8, "big") + b"abcd", 1009),
    ],
    ids=[
        "not masked", "reserved bits", "reserved opcode", "fragmented ping", "nothing to continue",
        "a message within another one", "half a code", "not UTF-8", "too long",
    ],
)  # fmt: skip
def test_what_a_client_must_not_send_ends_its_own_connection(streaming_server: Server, sent: bytes, code: int) -> None:
    with upgrade(streaming_server) as client, upgrade(streaming_server) as other:
        client.sendall(sent)
        first, payload = read_frame(client)
        assert (first, payload[:2]) == (0x88, code.to_bytes(2, "big"))
        with suppress(ConnectionResetError):  # if it has not read all of it
            assert client.recv(1) == b""
        other.sendall(masked(Opcode.TEXT, b"a"))
        assert read_frame(other) == (0x81, b"a")


def test_the_first_subprotocol_is_accepted_and_no_compression(streaming_server: Server) -> None:
    with open_client(streaming_server, subprotocols=[Subprotocol("chat.v2"), Subprotocol("chat.v1")]) as client:
        assert client.subprotocol == "chat.v2"
        assert client.protocol.extensions == []
    with open_client(streaming_server) as client:
        assert client.subprotocol is None


def test_requests_may_come_before_and_a_message_together_with_the_handshake(streaming_server: Server) -> None:
    with streaming_server.connect() as client:
        hello([client] * 2)
        client.sendall(HANDSHAKE)
        read_handshake(client)
        client.sendall(masked(Opcode.TEXT, b"hello"))
        assert read_frame(client) == (0x81, b"hello")
    with upgrade(streaming_server, behind=masked(Opcode.BINARY, b"x" * 1000)) as client:
        assert read_frame(client) == (0x82, b"x" * 1000)
        client.sendall(masked(Opcode.TEXT, b"later"))
        assert read_frame(client) == (0x81, b"later")


def test_what_is_no_websocket_is_refused(streaming_server: Server) -> None:
    with streaming_server.connect() as client:
        status, _ = ask(client, "/echo")
        assert status == 426
    with pytest.raises(InvalidStatus) as refused:
        open_client(streaming_server, path="/hello")
    assert refused.value.response.status_code == 200  # as if no upgrade had been asked for, which HTTP allows
    with streaming_server.connect() as client:
        client.sendall(b"GET /missing HTTP/1.1\r\nHost: test\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n")
        assert receive_response(client)[0] == 404
    with streaming_server.connect() as client:
        hello([client])


def test_a_client_that_does_not_read_is_not_read_from(streaming_server: Server) -> None:
    message = masked(Opcode.BINARY, bytes(100_000))
    with upgrade(streaming_server) as client, upgrade(streaming_server) as other:
        sent = send_until_blocked(client, message)
        other.sendall(masked(Opcode.TEXT, b"a"))
        assert read_frame(other) == (0x81, b"a")
        client.setblocking(True)
        for _ in range(sent // len(message)):
            assert read_frame(client) == (0x82, bytes(100_000))


def send_until_blocked(client: socket.socket, message: bytes) -> int:
    """Send a message again and again until nothing has been taken for a while; return how many bytes have been."""
    client.settimeout(0.3)
    sent = 0
    with suppress(TimeoutError):
        while True:
            assert sent < READ_AHEAD_BYTES, "the server reads without end"
            sent += client.send(message[sent % len(message) :])
    return sent


def test_who_disappears_leaves_nothing(streaming_server: Server) -> None:
    with streaming_server.connect() as bystander, open_client(streaming_server) as other:
        hello([bystander])
        other.send("a")
        assert other.recv() == "a"
        streaming_server.wait_settled()
        before = streaming_server.holdings()
        for reset in (False, True):
            with ExitStack() as stack:
                clients = [stack.enter_context(upgrade(streaming_server)) for _ in range(20)]
                for client in clients:
                    client.sendall(masked(Opcode.TEXT, b"half of it")[:8])
                    if reset:
                        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
            wait_until(lambda: streaming_server.holdings().descriptors == before.descriptors)
        other.send("b")
        assert other.recv() == "b"


def test_open_websockets_do_not_keep_it_from_ending(streaming_server: Server) -> None:
    with ExitStack() as stack:
        clients = [stack.enter_context(upgrade(streaming_server)) for _ in range(20)]
        clients[0].sendall(masked(Opcode.TEXT, b"half of it")[:8])
        started = time.monotonic()
        os.kill(streaming_server.pid, signal.SIGTERM)
        assert streaming_server.wait_ended().endswith("ended with code 0")
        assert time.monotonic() - started < 8  # websockets' own end would wait 10 s for answers to its close frames


def test_who_answers_pings_is_kept_and_who_does_not_is_dropped(streaming: str) -> None:
    with serving(streaming, "--ping-seconds", "1") as server, upgrade(server) as silent, open_client(server) as client:
        first, _payload = read_frame(silent)
        assert first == 0x89
        with suppress(ConnectionResetError):
            while silent.recv(100):
                pass
        # By then it has been pinged as well, and its package has answered.
        client.send("still here")
        assert client.recv() == "still here"


def test_messages_and_pings_do_not_mix(streaming: str) -> None:
    with serving(streaming, "--ping-seconds", "1") as server, upgrade(server) as client:
        message = masked(Opcode.BINARY, bytes(100_000))
        sent = send_until_blocked(client, message)
        client.setblocking(True)
        time.sleep(1)  # so that a ping is due while an answer is half sent
        answers = 0
        while answers < sent // len(message):
            first, payload = read_frame(client)
            assert (first == 0x82 and payload == bytes(100_000)) or first == 0x89
            answers += first == 0x82


def test_node_without_ws_has_no_echo(need_program: object, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    if any(Path(folder, "ws").exists() for folder in ("/usr/local/lib/node_modules", "/usr/lib/node_modules")):
        pytest.skip("ws is installed for all")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("NODE_PATH")
    with serving("node") as server, server.connect() as client:
        assert "echo" not in server.handlers
        assert "events" in server.handlers
        client.sendall(HANDSHAKE)
        assert receive_response(client)[0] == 404
        hello([client])


def test_the_package_says_that_the_server_closed(streaming: str) -> None:
    with serving(streaming) as server, open_client(server) as client:
        os.kill(server.pid, signal.SIGTERM)
        with pytest.raises(ConnectionClosed):
            client.recv()
