"""Many idle WebSockets whose servers ping them: are they all kept, and what do they take of memory and CPU time?

    .venv/bin/python -m benchmarks.idle_websockets [--connections 100k] [--servers 6] [--every 10] [--package]

So many servers (benchmarks/pinging_server.py), each with a port and an idle holder of its own, as neither end can have
more than the limit of open files in a process; the holders are started as an experiment starts them. Prints how long
opening took, the memory of a connection in kernel, servers and holders, the CPU time of a ping at both ends, and
whether all were alive after the time of holding. Ends with code 1 if one was not.
"""

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final, TypeVar

from loadlab.fleet.coordinator import LocalFleet
from loadlab.fleet.division import split_evenly
from loadlab.fleet.messages import Alive, Endpoint, IdlePart, Opened
from loadlab.probes.memory import read_memory
from loadlab.probes.procfs import read_process
from loadlab.protocols.openings import Upgrade
from loadlab.protocols.upgrade import KEY_BYTES, accept_for, upgrade_request
from loadlab.units import parse_count

_KEY: Final = bytes(KEY_BYTES)
_ROUND: Final = 256
_SOURCES: Final = ("127.1.0.1", "127.1.0.2")


def main() -> None:
    """Run the benchmark and print its figures."""
    arguments = _parse_arguments()
    with _servers(arguments.servers, arguments.every, arguments.package) as servers, LocalFleet(None) as fleet:
        pids = [server.pid for server in servers]
        before = read_memory(pids, ())
        begun = time.monotonic()
        shares = split_evenly(arguments.connections, len(servers))
        fleet.start_holders([_part(server, share) for server, share in zip(servers, shares, strict=True)])
        opened = _collect(fleet, Opened, len(servers))
        seconds = time.monotonic() - begun
        for problem in {each.problem for each in opened if each.problem}:
            print(f"not all were opened: {problem}")
        total = sum(each.opened for each in opened)
        after = read_memory(pids, fleet.holder_pids())
        print(f"{total:,} opened in {seconds:.1f} s, {seconds / total * 1e6:.0f} us each")
        if before is not None and after is not None:
            kernel = (after.kernel_bytes - before.kernel_bytes) / total
            target = (after.target_bytes - before.target_bytes) / total
            holder = after.client_bytes / total
            print(f"bytes for each: {kernel:,.0f} kernel, {target:,.0f} servers, {holder:,.0f} holders, ", end="")
            print(
                f"of which {sum(each.bytes_per_connection * each.opened for each in opened) / total:,.0f} came with it"
            )
        counted = _count(fleet, len(servers))
        cpu_before = _cpu_ns(fleet.holder_pids()), _cpu_ns(pids)
        time.sleep(arguments.hold)
        cpu = [now - then for now, then in zip((_cpu_ns(fleet.holder_pids()), _cpu_ns(pids)), cpu_before, strict=True)]
        last = _count(fleet, len(servers))
        alive = sum(each.alive for each in last)
        pings = sum(each.pings for each in last) - sum(each.pings for each in counted)
        print(f"{pings:,} pings answered within {arguments.hold:g} s, {pings / arguments.hold:,.0f}/s")
        if pings:
            print(f"CPU time of each: {cpu[0] / pings / 1e3:.1f} us holders, {cpu[1] / pings / 1e3:.1f} us servers")
        print(f"alive: {alive:,} of {total:,}")
        print(f"servers: {[_farewell(server) for server in servers]}")
    if alive < arguments.connections:
        sys.exit(1)


class _Server:
    def __init__(self, every: float, package: bool) -> None:
        command = [sys.executable, "-P", "-m", "benchmarks.pinging_server", "--every", str(every)]
        self.process = subprocess.Popen(
            [*command, "--package"] if package else command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self.process.stdout is not None
        self.port = int(self.process.stdout.readline())
        self.pid = self.process.pid


@contextmanager
def _servers(count: int, every: float, package: bool) -> Iterator[list[_Server]]:
    servers = [_Server(every, package) for _ in range(count)]
    try:
        yield servers
    finally:
        for server in servers:
            server.process.kill()
            server.process.wait()


def _part(server: _Server, connections: int) -> IdlePart:
    authority = f"127.0.0.1:{server.port}"
    sources = zip(_SOURCES, split_evenly(connections, len(_SOURCES)), strict=True)
    return IdlePart(
        Endpoint(("127.0.0.1", server.port), [*sources]),
        b"",
        _ROUND,
        10_000_000_000,
        "silent",
        1_000_000_000,
        Upgrade(upgrade_request("/", authority, {}, (), _KEY), accept_for(_KEY)),
    )


_Answer = TypeVar("_Answer", Opened, Alive)


def _collect(fleet: LocalFleet, kind: type[_Answer], count: int) -> list[_Answer]:
    collected: list[_Answer] = []
    while len(collected) < count:
        collected += [event.message for event in fleet.next_events(1.0) if isinstance(event.message, kind)]
    return collected


def _count(fleet: LocalFleet, holders: int) -> list[Alive]:
    fleet.count_alive()
    return _collect(fleet, Alive, holders)


def _cpu_ns(pids: Sequence[int]) -> int:
    readings = [read_process(pid) for pid in pids]
    return sum(reading.cpu_ns for reading in readings if reading is not None)


def _farewell(server: _Server) -> dict[str, int | None]:
    out, _ = server.process.communicate()
    state: dict[str, int | None] = json.loads(out)
    return state


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="many idle WebSockets that are pinged")
    parser.add_argument("--connections", type=parse_count, default="100k")
    parser.add_argument("--servers", type=int, default=6)
    parser.add_argument("--every", type=float, default=10, help="seconds between two pings of a connection")
    parser.add_argument("--hold", type=float, default=60, help="seconds for which they are held")
    parser.add_argument("--package", action="store_true", help="servers of the websockets package")
    return parser.parse_args()


if __name__ == "__main__":
    main()
