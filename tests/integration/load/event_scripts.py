"""Scripts of servers that send streams of events, on their good and their bad days."""

import time
from itertools import count

from .scripted_server import Peer, Script

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
EVENT = b"data: hello\n\n"
LAST_CHUNK = b"0\r\n\r\n"


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def steady(peer: Peer) -> None:
    """An event every few milliseconds, with its number and the time."""
    if peer.receive_request():
        peer.send(HEAD)
        for number in count():
            peer.send(chunk(b'id: %d\ndata: {"sent_unix_ns": %d}\n\n' % (number, time.time_ns())))
            time.sleep(0.003)


def ends_after_three(peer: Peer) -> None:
    """A stream that ends as it should. The time before the next one is short."""
    if peer.receive_request():
        peer.send(HEAD + chunk(b"retry: 1\n\n"))
        for number in range(3):
            peer.send(chunk(b"id: e%d\n" % number + EVENT))
        peer.send(LAST_CHUNK)
        peer.wait_closed()


def ends_without_an_event(peer: Peer) -> None:
    if peer.receive_request():
        peer.send(HEAD + LAST_CHUNK)


def ends_with_the_connection(peer: Peer) -> None:
    if peer.receive_request():
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n" + EVENT + EVENT)


def trickles(peer: Peer) -> None:
    """Lines of JSON, a piece at a time."""
    if peer.receive_request():
        peer.send(HEAD.replace(b"text/event-stream", b"application/x-ndjson"))
        for number in count():
            peer.send(chunk(b'{"n": %d}\n' % number))
            time.sleep(0.003)


def large_events(size: int) -> Script:
    def play(peer: Peer) -> None:
        if peer.receive_request():
            peer.send(HEAD)
            while True:
                peer.send(chunk(b"data: " + bytes(size).replace(b"\0", b"x") + b"\n\n"))

    return play


def flood(peer: Peer) -> None:
    if peer.receive_request():
        peer.send(HEAD)
        while True:
            peer.send(chunk(EVENT) * 1_000)


def no_head(peer: Peer) -> None:
    if peer.receive_request():
        peer.wait_closed()


def head_only(peer: Peer) -> None:
    if peer.receive_request():
        peer.send(HEAD)
        peer.wait_closed()


def comments_only(peer: Peer) -> None:
    if peer.receive_request():
        peer.send(HEAD)
        while True:
            peer.send(chunk(b": still here\n\n"))
            time.sleep(0.005)


def goes_silent_within_an_event(peer: Peer) -> None:
    if peer.receive_request():
        peer.send(HEAD + chunk(EVENT) + chunk(EVENT[:5]))
        peer.wait_closed()


def ends_within_an_event(peer: Peer) -> None:
    if peer.receive_request():
        peer.send(HEAD + chunk(EVENT) + chunk(EVENT[:-1]) + LAST_CHUNK)


def ends_without_the_last_chunk(peer: Peer) -> None:
    if peer.receive_request():
        peer.send(HEAD + chunk(EVENT))


def ends_within_a_chunk(peer: Peer) -> None:
    if peer.receive_request():
        peer.send(HEAD + chunk(EVENT) + chunk(EVENT)[:-2])


def closes_at_once(peer: Peer) -> None:
    peer.receive_request()


def resets(peer: Peer) -> None:
    if peer.receive_request():
        peer.send(HEAD + chunk(EVENT))
        time.sleep(0.01)
        peer.reset_on_close()


def not_found(peer: Peer) -> None:
    if peer.receive_request():
        peer.send(b"HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\nnone")
        peer.wait_closed()


def encoded(peer: Peer) -> None:
    if peer.receive_request():
        peer.send(HEAD.replace(b"Transfer", b"Content-Encoding: gzip\r\nTransfer") + chunk(b"\x1f\x8b"))
        peer.wait_closed()


def bad_chunk(peer: Peer) -> None:
    if peer.receive_request():
        peer.send(HEAD + chunk(EVENT) + b"oops\r\n")
        peer.wait_closed()


def speaks_another_protocol(peer: Peer) -> None:
    peer.send(b"220 mail.example ESMTP\r\n")
    peer.wait_closed()


def no_space_for_the_head(peer: Peer) -> None:
    if peer.receive_request():
        peer.send(b"HTTP/1.1 200 OK\r\nX: ")
        while True:
            peer.send(b"x" * 65_536)
