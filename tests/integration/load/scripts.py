"""The scripts that a ScriptedServer plays."""

import socket
import time
from itertools import count

from .scripted_server import RESPONSE, Peer, Script


def correct(peer: Peer) -> None:
    while peer.receive_request():
        peer.send(RESPONSE)


def byte_by_byte(peer: Peer) -> None:
    while peer.receive_request():
        for byte in RESPONSE:
            peer.send(bytes([byte]))


def chunked(peer: Peer) -> None:
    while peer.receive_request():
        for piece in (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"5\r\nhel", b"lo\r\n0\r", b"\n\r\n"):
            peer.send(piece)


def large_body(peer: Peer) -> None:
    while peer.receive_request():
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 3000000\r\n\r\n" + bytes(3_000_000))


def close_after_each(peer: Peer) -> None:
    if peer.receive_request():
        peer.send(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello")


def answer_and_end(peer: Peer) -> None:
    """Ends without having said so: its end may come with the answer, behind it, or behind the next request."""
    if peer.receive_request():
        peer.send(RESPONSE)
        peer.sock.shutdown(socket.SHUT_WR)
        peer.wait_closed()


def answer_and_close_in_one_segment(peer: Peer) -> None:
    if peer.receive_request():
        peer.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 1)
        peer.send(RESPONSE)


def answer_and_close_later(peer: Peer) -> None:
    if peer.receive_request():
        peer.send(RESPONSE)
        time.sleep(0.005)


def answer_one_and_take_another(peer: Peer) -> None:
    if peer.receive_request():
        peer.send(RESPONSE)
        if peer.receive_request():
            time.sleep(0.02)


def answer_every_second_connection() -> Script:
    """Return a script that answers one request of every second connection, and takes one more; of the others one."""
    number = count()

    def play(peer: Peer) -> None:
        if next(number) % 2 == 0 and peer.receive_request():
            peer.send(RESPONSE)
        peer.receive_request()

    return play


def body_until_close(peer: Peer) -> None:
    if peer.receive_request():
        peer.send(b"HTTP/1.0 200 OK\r\n\r\nhello")


def one_too_many(peer: Peer) -> None:
    """A response and, in the same piece, another that nobody asked for."""
    if peer.receive_request():
        peer.send(RESPONSE + RESPONSE)
        peer.wait_closed()


def close_in_the_head(peer: Peer) -> None:
    if peer.receive_request():
        peer.send(RESPONSE[:10])


def close_in_the_body(peer: Peer) -> None:
    if peer.receive_request():
        peer.send(RESPONSE[:-2])


def close_without_an_answer(peer: Peer) -> None:
    peer.receive_request()


def reset(peer: Peer) -> None:
    if peer.receive_request():
        peer.reset_on_close()


def close_at_once(peer: Peer) -> None:
    pass


def never_answer(peer: Peer) -> None:
    peer.wait_closed()


def stall_in_the_body(peer: Peer) -> None:
    if peer.receive_request():
        peer.send(RESPONSE[:-2])
        peer.wait_closed()


def stall_in_a_body_until_close(peer: Peer) -> None:
    if peer.receive_request():
        peer.send(b"HTTP/1.1 200 OK\r\n\r\nhello")
        peer.wait_closed()


def interim_answers_only(peer: Peer) -> None:
    if peer.receive_request():
        peer.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        peer.wait_closed()


def garbage(peer: Peer) -> None:
    if peer.receive_request():
        peer.send(bytes(range(256)))
        peer.wait_closed()


def speak_first(peer: Peer) -> None:
    peer.send(b"SSH-2.0-OpenSSH_9.2\r\n")
    peer.wait_closed()


def endless_head(peer: Peer) -> None:
    if peer.receive_request():
        peer.send(b"HTTP/1.1 200 OK\r\nX: ")
        while True:
            peer.send(b"x" * 65_536)


def endless_chunk_line(peer: Peer) -> None:
    if peer.receive_request():
        peer.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;")
        while True:
            peer.send(b"x" * 65_536)


def endless_body(peer: Peer) -> None:
    if peer.receive_request():
        peer.send(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            peer.send(b"x" * 65_536)


def busy(peer: Peer) -> None:
    while peer.receive_request():
        peer.send(b"HTTP/1.1 503 Busy\r\nContent-Length: 4\r\n\r\nbusy")


def busy_at_first(peer: Peer) -> None:
    for number in count():
        if not peer.receive_request():
            return
        peer.send(RESPONSE if number else b"HTTP/1.1 503 Busy\r\nContent-Length: 4\r\n\r\nbusy")


LARGE_REQUEST = b"POST / HTTP/1.1\r\nContent-Length: 16000000\r\n\r\n" + bytes(16_000_000)


def answer_before_a_large_request_is_read(peer: Peer) -> None:
    """Answer at the first bytes of each LARGE_REQUEST, and read the rest of it only then."""
    while missing := len(LARGE_REQUEST) - len(peer.sock.recv(100)):
        peer.send(RESPONSE)
        while missing:
            piece = peer.sock.recv(min(missing, 65_536))
            if not piece:
                return
            missing -= len(piece)
