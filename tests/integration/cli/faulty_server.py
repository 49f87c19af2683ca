"""A server that fails in one chosen way: `python faulty_server.py FAULT --host 127.0.0.1 --port 0`.

It prints the READY line of docs/design.md like any target, unless that is its fault.
"""

import argparse
import itertools
import json
import os
import signal
import socket
import struct
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Final

ANSWER: Final = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
# Enough requests for every connection to be at work, few enough to be over within a warm-up on a busy machine.
REQUESTS_BEFORE_THE_FAULT: Final = 20
SLOW_ANSWER_SECONDS: Final = 0.05
IMPATIENT_SECONDS: Final = 0.2
_RESET_ON_CLOSE: Final = struct.pack("ii", 1, 0)
_request_numbers: Final = itertools.count(1)


class Hangup(Exception):
    """The server ends this connection."""


def answer_well(client: socket.socket) -> None:
    client.sendall(ANSWER)


def answer_malformed(client: socket.socket) -> None:
    client.sendall(b"220 mail.example ESMTP\r\n\r\n")


def answer_cut_short(client: socket.socket) -> None:
    client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\ntoo little")
    raise Hangup


def answer_with_endless_head(client: socket.socket) -> None:
    client.sendall(b"HTTP/1.1 200 OK\r\n")
    while True:
        client.sendall(b"X-Filler: more of the same\r\n" * 1000)


def answer_with_endless_body(client: socket.socket) -> None:
    client.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        client.sendall(b"400\r\n" + b"x" * 1024 + b"\r\n")
        time.sleep(0.001)  # endless, but not fast: what is tested is the client's patience, not its speed


def answer_never(client: socket.socket) -> None:
    while client.recv(1024):
        pass
    raise Hangup


def answer_with_another_status(client: socket.socket) -> None:
    client.sendall(b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n")


def answer_with_a_reset(client: socket.socket) -> None:
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
    raise Hangup


def answer_and_close(client: socket.socket) -> None:
    client.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok")
    raise Hangup


def answer_slowly(client: socket.socket) -> None:
    time.sleep(SLOW_ANSWER_SECONDS)
    client.sendall(ANSWER)


def answer_slowly_at_first(client: socket.socket) -> None:
    """Take ten times as long over the first answer of all: of at most nine, it is the 90th percentile."""
    time.sleep(0.3 if next(_request_numbers) == 1 else 0.03)
    client.sendall(ANSWER)


def answer_until_it_stalls(client: socket.socket) -> None:
    if next(_request_numbers) > REQUESTS_BEFORE_THE_FAULT:
        answer_never(client)
    client.sendall(ANSWER)


def answer_until_it_dies(client: socket.socket) -> None:
    if next(_request_numbers) > REQUESTS_BEFORE_THE_FAULT:
        print("no memory left for another session", file=sys.stderr, flush=True)
        os._exit(7)
    client.sendall(ANSWER)


def answer_until_it_is_killed(client: socket.socket) -> None:
    if next(_request_numbers) > REQUESTS_BEFORE_THE_FAULT:
        os.kill(os.getpid(), signal.SIGKILL)
    client.sendall(ANSWER)


ANSWERS: Final[dict[str, Callable[[socket.socket], None]]] = {
    "malformed": answer_malformed,
    "cut-short": answer_cut_short,
    "endless-head": answer_with_endless_head,
    "endless-body": answer_with_endless_body,
    "mute": answer_never,
    "unavailable": answer_with_another_status,
    "resetting": answer_with_a_reset,
    "closing": answer_and_close,
    "slow": answer_slowly,
    "slow-at-first": answer_slowly_at_first,
    "stalling": answer_until_it_stalls,
    "dying": answer_until_it_dies,
    "killed": answer_until_it_is_killed,
    "impatient": answer_well,
    "deferring": answer_well,
    "stubborn": answer_well,
}


def fail_to_start() -> None:
    sys.exit("[db] the database is not there")


def crash_at_start() -> None:
    raise RuntimeError("no such table: users")


def say_something_else() -> None:
    print("Listening on port 80, have fun!", flush=True)
    signal.pause()


def hang() -> None:
    signal.pause()


def refuse_connections() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed_in_a_moment:
        address = closed_in_a_moment.getsockname()
    say_ready(address)
    signal.pause()


LIVES: Final[dict[str, Callable[[], None]]] = {
    "failing": fail_to_start,
    "crashing": crash_at_start,
    "chatty": say_something_else,
    "hanging": hang,
    "refusing": refuse_connections,
}
FAULTS: Final = (*ANSWERS, *LIVES)


def say_ready(address: tuple[str, int]) -> None:
    capabilities = {"handlers": ["hello"], "max_connections": 10_000, "backlog": 4}
    print("READY", json.dumps({"address": address, "pid": os.getpid(), "capabilities": capabilities}), flush=True)


def requests_of(client: socket.socket) -> Iterator[None]:
    """Yield once for each request; the client sends the next one only after its answer."""
    received = b""
    while data := client.recv(1024):
        received += data
        if received.endswith(b"\r\n\r\n"):
            received = b""
            yield


def serve_client(
    client: socket.socket, answer: Callable[[socket.socket], None], patience_seconds: float | None
) -> None:
    """Answer the requests of one client, until it has not asked for so long."""
    try:
        with client:
            client.settimeout(patience_seconds)
            for _ in requests_of(client):
                answer(client)
    except (Hangup, OSError):
        pass


def serve(
    host: str, answer: Callable[[socket.socket], None], patience_seconds: float | None, defer_seconds: int
) -> None:
    with socket.create_server((host, 0), backlog=128) as listener:
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_DEFER_ACCEPT, defer_seconds)
        say_ready(listener.getsockname())
        while True:
            client, _ = listener.accept()
            threading.Thread(target=serve_client, args=(client, answer, patience_seconds), daemon=True).start()


def ignore_termination_and_fork() -> None:
    """Become two processes that only SIGKILL ends."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if os.fork() == 0:
        while True:
            signal.pause()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("fault", choices=FAULTS)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--folder", help="where handlers would keep files")
    arguments = parser.parse_args()
    if arguments.fault in LIVES:
        LIVES[arguments.fault]()
        return
    if arguments.fault == "stubborn":
        ignore_termination_and_fork()
    patience_seconds = IMPATIENT_SECONDS if arguments.fault == "impatient" else None
    # Whoever says nothing is then not accepted, though it is connected as far as it knows (tcp(7)).
    defer_seconds = 60 if arguments.fault == "deferring" else 0
    serve(arguments.host, ANSWERS[arguments.fault], patience_seconds, defer_seconds)


if __name__ == "__main__":
    main()
