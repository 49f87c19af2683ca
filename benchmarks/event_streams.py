"""What subscribers cost the client: CPU time for each event, and memory for each stream.

    .venv/bin/python -m benchmarks.event_streams [--subscribers 100 1000 10000] [--rate 40000] [--rounds 3]

The bundled server `callback` broadcasts to so many subscribers, so often that they receive `--rate` events a second in
total. loadlab's subscribers and a bare loop (epoll, then read, nothing else: the least that a client in Python can do)
are measured in turn, in processes of their own.
"""

import argparse
import multiprocessing
import resource
import select
import socket
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

from loadlab import targets
from loadlab.kernel import Loop, run
from loadlab.load.exchange import Exchange
from loadlab.load.pacing import Gate
from loadlab.load.requests import RequestKind, take_turns
from loadlab.load.stamping import Stamping
from loadlab.load.subscriptions import Subscriptions
from loadlab.recording.recorder import Recorder

_SECOND_NS = 1_000_000_000
_FOLD_EVERY_NS = 4_000_000
_RECEIVE_BYTES = 16 * 1024


@dataclass(frozen=True, slots=True)
class Cost:
    """What one client cost over its window."""

    events: int
    user_us: float  # CPU time for each event
    system_us: float
    stream_bytes: float  # resident memory for each stream


Client = Callable[[tuple[str, int], bytes, int, float], Cost]


def main() -> None:
    """Run the benchmark and print a line for each number of subscribers."""
    arguments = _parse_arguments()
    clients: dict[str, Client] = {"loadlab": read_with_loadlab, "bare loop": read_bare}
    with targets.launch(targets.catalog()["callback"]) as server:
        assert not isinstance(server.address, str)
        address = (server.address.host, server.address.port)
        for subscribers in arguments.subscribers:
            every_ms = max(1, round(1000 * subscribers / arguments.rate))
            request = b"GET /events?every=%dms HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\n\r\n" % every_ms
            costs: dict[str, list[Cost]] = {name: [] for name in clients}
            for _ in range(arguments.rounds):
                for name, client in clients.items():
                    costs[name].append(_in_a_process(client, address, request, subscribers, arguments.seconds))
            for name, found in costs.items():
                print(f"{subscribers:>6,} subscribers, {name:>9}: {_describe(found)}", flush=True)


def read_with_loadlab(address: tuple[str, int], request: bytes, subscribers: int, seconds: float) -> Cost:
    """Read the streams as a load worker does."""
    kinds = [RequestKind([request])]
    exchange = Exchange(address, None, 10 * _SECOND_NS, kinds, take_turns(kinds, 0, Stamping()))
    costs: list[Cost] = []

    async def main(loop: Loop) -> None:
        recorder, gate = Recorder(), Gate(loop)
        subscriptions = Subscriptions(loop, [exchange] * subscribers, [recorder], gate)

        async def record_for(seconds: float) -> None:
            end_ns = time.monotonic_ns() + int(seconds * _SECOND_NS)
            while time.monotonic_ns() < end_ns:
                await loop.sleep(_FOLD_EVERY_NS)
                recorder.fold()

        before_bytes = _resident_bytes()
        async with loop.task_group() as group:
            group.start(subscriptions.run(), "subscriptions")
            gate.open()
            while recorder.opened < subscribers:
                await record_for(0.1)
            await record_for(1)
            stream_bytes = (_resident_bytes() - before_bytes) / subscribers
            recorder.take(0, 0)
            before = resource.getrusage(resource.RUSAGE_SELF)
            await record_for(seconds)
            costs.append(_cost_since(before, recorder.answered, stream_bytes))
            group.cancel()

    run(main)
    return costs[0]


def read_bare(address: tuple[str, int], request: bytes, subscribers: int, seconds: float) -> Cost:
    """Read the streams, and look at nothing of them."""
    before_bytes = _resident_bytes()
    epoll, sockets = select.epoll(), []
    for _ in range(subscribers):
        sock = socket.create_connection(address)
        sock.sendall(request)
        sock.setblocking(False)
        epoll.register(sock.fileno(), select.EPOLLIN | select.EPOLLET)
        sockets.append(sock)
    by_fd = {sock.fileno(): sock for sock in sockets}

    def read_for(seconds: float) -> int:
        events, end = 0, time.monotonic() + seconds
        while time.monotonic() < end:
            for fd, _ in epoll.poll(0.1, 64):
                by_fd[fd].recv(_RECEIVE_BYTES)
                events += 1
        return events

    read_for(1)
    stream_bytes = (_resident_bytes() - before_bytes) / subscribers
    before = resource.getrusage(resource.RUSAGE_SELF)
    return _cost_since(before, read_for(seconds), stream_bytes)


def _cost_since(before: resource.struct_rusage, events: int, stream_bytes: float) -> Cost:
    now = resource.getrusage(resource.RUSAGE_SELF)
    user, system = now.ru_utime - before.ru_utime, now.ru_stime - before.ru_stime
    return Cost(events, user / events * 1e6, system / events * 1e6, stream_bytes)


def _in_a_process(client: Client, address: tuple[str, int], request: bytes, subscribers: int, seconds: float) -> Cost:
    here, there = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(
        target=_report, args=(there, client, address, request, subscribers, seconds)
    )
    process.start()
    there.close()
    cost = here.recv()
    process.join()
    assert isinstance(cost, Cost)
    return cost


def _report(
    pipe: Connection, client: Client, address: tuple[str, int], request: bytes, subscribers: int, seconds: float
) -> None:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    pipe.send(client(address, request, subscribers, seconds))


def _resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def _describe(costs: list[Cost]) -> str:
    user = statistics.median(cost.user_us for cost in costs)
    system = statistics.median(cost.system_us for cost in costs)
    memory = statistics.median(cost.stream_bytes for cost in costs)
    events = sum(cost.events for cost in costs)
    cpu = f"{user + system:4.1f} us an event (user {user:.1f}, system {system:.1f})"
    return f"{cpu}, {memory:,.0f} bytes a stream; {events:,} events"


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--subscribers", type=int, nargs="+", default=[100, 1_000, 10_000])
    parser.add_argument("--rate", type=int, default=40_000, help="events a second in total")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=3.0)
    return parser.parse_args()


if __name__ == "__main__":
    main()
