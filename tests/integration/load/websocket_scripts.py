"""What servers do over a WebSocket, well or badly: scripts for a ScriptedServer."""

import base64
import time
from collections.abc import Callable

from wsproto.frame_protocol import FrameProtocol, Opcode

from loadlab.protocols.upgrade import accept_for

from .scripted_server import Peer, Script

Answer = Callable[[Peer], None]


def handshake(peer: Peer, fields: bytes = b"") -> bool:
    """Accept a WebSocket; False if the client has closed."""
    if not peer.receive_request():
        return False
    lines = [line.split(b": ", 1) for line in peer.received.split(b"\r\n")[1:-2]]
    key = base64.b64decode(next(value for name, value in lines if name == b"Sec-WebSocket-Key"))
    accept = accept_for(key).encode()
    peer.send(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: " + accept + b"\r\n" + fields + b"\r\n"
    )
    return True


class Conversation:
    """The server's side of an open WebSocket: wsproto reads what the client sends."""

    def __init__(self, peer: Peer) -> None:
        self._peer = peer
        self._frames = FrameProtocol(client=False, extensions=[])
        self.pongs: list[bytes] = []
        self.close_code: int | None = None

    def receive_message(self) -> bool:
        """Wait for a message; False once the client has closed."""
        while self.close_code is None:
            for frame in self._frames.received_frames():
                if frame.opcode is Opcode.PONG:
                    self.pongs.append(bytes(frame.payload))  # type: ignore[arg-type]
                elif frame.opcode is Opcode.CLOSE:
                    self.close_code = frame.payload[0]  # type: ignore[assignment]
                    return False
                elif frame.message_finished:
                    return True
            piece = self._peer.sock.recv(65_536)
            if not piece:
                return False
            self._frames.receive_bytes(piece)
        return False


def answering(answer: bytes | Answer) -> Script:
    """Return a script that gives each message this answer."""

    def play(peer: Peer) -> None:
        if handshake(peer):
            conversation = Conversation(peer)
            while conversation.receive_message():
                if isinstance(answer, bytes):
                    peer.send(answer)
                else:
                    answer(peer)

    return play


def frame(first: int, payload: bytes = b"", mask_bit: int = 0) -> bytes:
    """Return a frame of less than 126 bytes."""
    return bytes([first, mask_bit | len(payload)]) + payload


HELLO = frame(0x81, b"hello")
echo = answering(HELLO)


def refusing(status: bytes) -> Script:
    """Return a script that answers every handshake with this status."""

    def play(peer: Peer) -> None:
        while peer.receive_request():
            peer.send(b"HTTP/1.1 " + status + b"\r\nContent-Length: 2\r\n\r\nno")

    return play


def accept_wrongly(peer: Peer) -> None:
    if peer.receive_request():
        peer.send(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\n\r\n"
        )
        peer.wait_closed()


def accept_with(fields: bytes) -> Script:
    """Return a script that accepts, with more in the answer than was asked for."""

    def play(peer: Peer) -> None:
        if handshake(peer, fields):
            peer.wait_closed()

    return play


def end_in_the_handshake(peer: Peer) -> None:
    if peer.receive_request():
        peer.send(b"HTTP/1.1 101 Switching")


def speak_ssh(peer: Peer) -> None:
    if peer.receive_request():
        peer.send(b"SSH-2.0-OpenSSH_9.2\r\n")
        peer.wait_closed()


def say_nothing(peer: Peer) -> None:
    peer.wait_closed()


def reset(peer: Peer) -> None:
    if handshake(peer) and Conversation(peer).receive_message():
        peer.reset_on_close()


def end_without_a_close_frame(peer: Peer) -> None:
    if handshake(peer) and Conversation(peer).receive_message():
        peer.end()
        peer.wait_closed()


def piecemeal(peer: Peer) -> None:
    """Answer in three fragments, a byte at a time, with control frames between them."""
    answer = frame(0x01, b"he") + frame(0x89, b"ping") + frame(0x00, b"ll") + frame(0x8A, b"pong") + frame(0x80, b"o")
    if handshake(peer):
        conversation = Conversation(peer)
        answered = 0
        while conversation.receive_message():
            if conversation.pongs != [b"ping"] * answered:
                peer.send(frame(0x88, b"\x03\xf0no pong"))
                return
            for byte in answer:
                peer.send(bytes([byte]))
            answered += 1


def greet_and_chatter(peer: Peer) -> None:
    """Speak first, in the same segment as the handshake, and say more than was asked for all the time."""
    if peer.receive_request():
        lines = [line.split(b": ", 1) for line in peer.received.split(b"\r\n")[1:-2]]
        key = base64.b64decode(next(value for name, value in lines if name == b"Sec-WebSocket-Key"))
        peer.send(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: " + accept_for(key).encode() + b"\r\n\r\n" + frame(0x81, b"welcome")
        )
        conversation = Conversation(peer)
        while conversation.receive_message():
            peer.send(frame(0x81, b"hello") + frame(0x81, b"news") + frame(0x82, b"more"))


def disguise_what_is_unasked(peer: Peer) -> None:
    """Begin a message behind each answer, and end it after the next request, with what looks like an answer."""
    if handshake(peer):
        conversation = Conversation(peer)
        if conversation.receive_message():
            peer.send(HELLO)  # this one is known from now on
        rest = b""
        while conversation.receive_message():
            if rest:
                peer.send(rest)
                time.sleep(0.005)  # so that the answer comes in a piece of its own
            peer.send(HELLO + bytes([0x82, len(HELLO)]))
            rest = HELLO


def answer_close_and_reset(peer: Peer) -> None:
    if handshake(peer) and Conversation(peer).receive_message():
        peer.reset_on_close()
        peer.send(HELLO + frame(0x88, (1001).to_bytes(2, "big")))


def drop_the_silent(peer: Peer, every_seconds: float = 0.2, patience_seconds: float = 1.0) -> None:
    """Answer messages, ping regularly, and reset a connection on which a pong is overdue."""
    if not handshake(peer):
        return
    conversation = Conversation(peer)
    peer.sock.settimeout(every_seconds / 4)
    sent, pinged_at = 0, time.monotonic()
    while conversation.close_code is None:
        try:
            if not conversation.receive_message():
                return
            peer.send(HELLO)
        except TimeoutError:
            pass
        now = time.monotonic()
        if sent > len(conversation.pongs):
            if now - pinged_at > patience_seconds:
                peer.reset_on_close()
                return
        elif now - pinged_at > every_seconds:
            peer.send(frame(0x89, b"%d" % sent))
            sent, pinged_at = sent + 1, now


half_a_frame = answering(b"\x81\x05he")
unfinished_message = answering(frame(0x01, b"hello"))
too_long = answering(b"\x82\x7f" + (1 << 40).to_bytes(8, "big"))
absurdly_long = answering(b"\x82\x7f" + (1 << 63).to_bytes(8, "big"))
masked = answering(frame(0x81, b"mask", 0x80))
reserved_bit = answering(frame(0xC1, b"x"))
reserved_opcode = answering(frame(0x83, b"x"))
invalid_utf8 = answering(frame(0x81, b"\xc3\x28"))
close_without_code = answering(frame(0x88))
internal_error = answering(frame(0x88, (1011).to_bytes(2, "big") + b"out of memory"))
away_behind_the_answer = answering(HELLO + frame(0x88, (1001).to_bytes(2, "big")))
not_found, unauthorized, plain_page = map(refusing, (b"404 Not Found", b"401 Unauthorized", b"200 OK"))
compress = accept_with(b"Sec-WebSocket-Extensions: permessage-deflate\r\n")
another_subprotocol = accept_with(b"Sec-WebSocket-Protocol: mqtt\r\n")
