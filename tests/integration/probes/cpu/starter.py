"""A server that starts what measures it, and is watched by it with py-spy.

Three processes burn CPU time: the server in `in_server`, a child of its in `in_child`, and another child, which watches
both and then prints what it saw as JSON, in `in_loadlab`.
"""

import json
import os
import sys
import threading
import time

from loadlab.probes.cpu.py_spy import PySpyProbe
from loadlab.probes.procfs import read_process

STEPS = 20_000
CPU_SECONDS = 0.7
DEADLINE_SECONDS = 60.0


def in_server(measuring: int) -> None:
    while os.waitpid(measuring, os.WNOHANG) == (0, 0):
        sum(range(STEPS))


def in_child() -> None:
    parent = os.getppid()
    while os.getppid() == parent:
        sum(range(STEPS))
    os._exit(0)


def in_loadlab() -> None:
    while True:
        sum(range(STEPS))


def measure(watched: list[int]) -> None:
    threading.Thread(target=in_loadlab, daemon=True).start()
    probe = PySpyProbe()
    try:
        probe.prepare(watched)
        probe.begin()
        wait_used(watched)
        probe.end()
        seen = probe.collect()
    finally:
        probe.stop()
    frames = sorted({frame.partition(" (")[0] for sample in seen.samples for frame in sample.frames})
    json.dump({"functions": frames, "notes": seen.notes}, sys.stdout)


def wait_used(pids: list[int]) -> None:
    """Wait until each of the processes has used CPU time from now on, however long that takes on a busy machine."""
    wanted = {pid: cpu_seconds(pid) + CPU_SECONDS for pid in pids}
    deadline = time.monotonic() + DEADLINE_SECONDS
    while any(cpu_seconds(pid) < wanted[pid] for pid in pids):
        assert time.monotonic() < deadline, "they have no CPU time"
        time.sleep(0.01)


def cpu_seconds(pid: int) -> float:
    reading = read_process(pid)
    assert reading is not None
    return (reading.cpu_user_ns + reading.cpu_system_ns) / 1e9


def main() -> None:
    child = os.fork()
    if child == 0:
        in_child()
    server = os.getpid()
    measuring = os.fork()
    if measuring == 0:
        measure([server, child])
        return
    in_server(measuring)


main()
