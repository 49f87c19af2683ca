"""What comes on idle connections: answered or dropped, counted, and noticed when it is the end."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from loadlab.kernel.loop import Loop
from loadlab.load.upkeep import Upkeep
from loadlab.protocols.websocket_frames import apply_mask

PING = b"\x89\x04rain"
TEXT = b"\x81\x05hello"
CLOSE = b"\x88\x02\x03\xe8"


class Held:
    """Some connections under upkeep, each with the peer's end of it by the descriptor."""

    def __init__(self, answers: bool, connections: int = 1) -> None:
        self.closing: list[int] = []
        self.ended: list[int] = []
        self.loop = Loop()
        self.upkeep = Upkeep(self.loop, answers, self.closing.append, self._end)
        self.peers: dict[int, socket.socket] = {}
        self._own: dict[int, socket.socket] = {}
        for _ in range(connections):
            own, peer = socket.socketpair()
            own.setblocking(False)
            peer.setblocking(False)
            self._own[own.fileno()], self.peers[own.fileno()] = own, peer
            self.upkeep.take(own.fileno())

    @property
    def only(self) -> tuple[int, socket.socket]:
        """The descriptor and the peer of the only connection."""
        ((fd, peer),) = self.peers.items()
        return fd, peer

    def attend(self) -> None:
        """Attend until there is nothing more to do."""
        while self.upkeep.attend_nowait():
            pass

    def close(self) -> None:
        for sock in (*self.peers.values(), *self._own.values()):
            sock.close()
        self.upkeep.close()
        self.loop.close()

    def _end(self, fd: int) -> None:
        self.ended.append(fd)
        self.upkeep.forget(fd)
        self._own.pop(fd).close()


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def held(stack: ExitStack, answers: bool = True, connections: int = 1) -> Held:
    these = Held(answers, connections)
    stack.callback(these.close)
    return these


def frames(data: bytes) -> list[tuple[int, bytes]]:
    """Return the first byte and the payload of each masked frame of at most 125 bytes in `data`."""
    found = []
    while data:
        size = data[1] & 0x7F
        found.append((data[0], apply_mask(data[6 : 6 + size], data[2:6])))
        data = data[6 + size :]
    return found


def test_a_ping_is_answered(stack: ExitStack) -> None:
    these = held(stack)
    _, peer = these.only
    peer.send(PING)
    these.attend()
    assert frames(peer.recv(100)) == [(0x8A, b"rain")]
    assert (these.upkeep.pings, these.upkeep.received_bytes) == (1, len(PING))


def test_messages_are_dropped_and_pings_between_them_answered(stack: ExitStack) -> None:
    these = held(stack)
    _, peer = these.only
    peer.send(TEXT + PING + TEXT + PING)
    these.attend()
    assert frames(peer.recv(100)) == [(0x8A, b"rain")] * 2
    assert these.upkeep.pings == 2


def test_a_ping_that_comes_byte_by_byte_is_answered_once(stack: ExitStack) -> None:
    these = held(stack)
    _, peer = these.only
    for byte in PING + PING:
        peer.send(bytes([byte]))
        these.attend()
    assert frames(peer.recv(100)) == [(0x8A, b"rain")] * 2
    assert these.upkeep._partial == {}


def test_a_long_message_is_not_kept(stack: ExitStack) -> None:
    these = held(stack)
    fd, peer = these.only
    peer.send(b"\x82\x7f" + (100_000).to_bytes(8, "big") + bytes(40_000))
    these.attend()
    assert these.upkeep._partial == {fd: 60_000}
    for _ in range(2):
        peer.send(bytes(30_000))
        these.attend()
    peer.send(PING)
    these.attend()
    assert frames(peer.recv(100)) == [(0x8A, b"rain")]
    assert these.upkeep._partial == {}


def test_half_a_frame_and_silence_leave_the_connection_as_it_is(stack: ExitStack) -> None:
    these = held(stack)
    _, peer = these.only
    peer.send(PING[:3])
    these.attend()
    assert (these.closing, these.ended, these.upkeep.pings) == ([], [], 0)


def test_what_came_behind_the_handshake_is_heard(stack: ExitStack) -> None:
    these = held(stack)
    own, peer = socket.socketpair()
    stack.callback(peer.close)
    stack.callback(own.close)
    these.upkeep.take(own.fileno(), came=PING)
    assert frames(peer.recv(100)) == [(0x8A, b"rain")]


@pytest.mark.parametrize(("close", "echoed"), [(CLOSE, b"\x03\xe8"), (b"\x88\x00", b"")], ids=["1000", "no-code"])
def test_a_close_frame_is_answered_and_the_end_left_to_the_peer(stack: ExitStack, close: bytes, echoed: bytes) -> None:
    these = held(stack)
    fd, peer = these.only
    peer.send(close)
    these.attend()
    assert frames(peer.recv(100)) == [(0x88, echoed)]
    assert (these.closing, these.ended) == ([fd], [])
    peer.send(PING)  # nothing is said behind a close frame
    these.attend()
    with pytest.raises(BlockingIOError):
        peer.recv(100)
    peer.close()
    these.attend()
    assert these.ended == [fd]


def test_what_no_server_may_send_ends_the_connection_with_its_code(stack: ExitStack) -> None:
    these = held(stack)
    fd, peer = these.only
    peer.send(b"\xf9\x00")
    these.attend()
    assert frames(peer.recv(100)) == [(0x88, (1002).to_bytes(2, "big"))]
    assert these.closing == [fd]


def test_closing_says_so_once_and_takes_no_answer_for_a_question(stack: ExitStack) -> None:
    these = held(stack)
    fd, peer = these.only
    these.upkeep.start_closing(fd)
    assert frames(peer.recv(100)) == [(0x88, (1000).to_bytes(2, "big"))]
    peer.send(CLOSE)
    peer.close()
    these.attend()
    assert (these.closing, these.ended) == ([fd], [fd])


@pytest.mark.parametrize("answers", [False, True])
def test_the_end_behind_much_data_is_noticed(stack: ExitStack, answers: bool) -> None:
    these = held(stack, answers)
    fd, peer = these.only
    peer.send(b"\x82\x7f" + (10_000_000).to_bytes(8, "big") + bytes(100_000))
    peer.close()
    these.attend()
    assert these.ended == [fd]
    assert these.upkeep.received_bytes == 100_010


@pytest.mark.parametrize("answers", [False, True])
def test_the_end_of_a_connection_is_noticed(stack: ExitStack, answers: bool) -> None:
    these = held(stack, answers, connections=3)
    first, *rest = these.peers
    these.peers[first].close()
    these.attend()
    assert these.ended == [first]
    for fd in rest:
        these.peers[fd].shutdown(socket.SHUT_WR)
    these.attend()
    assert these.ended == [first, *rest]


def test_streams_are_dropped_and_counted(stack: ExitStack) -> None:
    these = held(stack, answers=False, connections=2)
    for peer in these.peers.values():
        peer.send(PING + bytes(100_000))
    these.attend()
    assert these.upkeep.received_bytes == 2 * (len(PING) + 100_000)
    assert these.upkeep.pings == 0
    for peer in these.peers.values():
        with pytest.raises(BlockingIOError):
            peer.recv(1)


def test_many_pings_are_answered_in_several_turns(stack: ExitStack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("loadlab.load.upkeep._ATTENDED_AT_ONCE", 4)
    these = held(stack, connections=10)
    for peer in these.peers.values():
        peer.send(PING)
    assert these.upkeep.attend_nowait()
    assert these.upkeep.pings == 4
    these.attend()
    assert [frames(peer.recv(100)) for peer in these.peers.values()] == [[(0x8A, b"rain")]] * 10


def test_a_peer_that_takes_no_pongs_is_read_no_more_until_it_does(stack: ExitStack) -> None:
    these = held(stack)
    fd, peer = these.only
    ping = b"\x89\x7d" + bytes(125)
    answered = b""
    while fd not in these.upkeep._unsent:
        peer.send(ping)
        these.attend()
    peer.send(ping)
    these.attend()
    sent = these.upkeep.pings
    while (piece := _receive(peer)) or fd in these.upkeep._unsent:
        answered += piece
        these.attend()
    these.attend()
    answered += _receive(peer)
    assert frames(answered) == [(0x8A, bytes(125))] * (sent + 1)
    assert these.upkeep.pings == sent + 1


def _receive(peer: socket.socket) -> bytes:
    try:
        return peer.recv(1 << 20)
    except BlockingIOError:
        return b""
