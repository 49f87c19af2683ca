"""Two readings of the kernel at the ends of a window of one second, made up."""

from loadlab.experiment.context import Resources
from loadlab.experiment.usage import WindowEdge
from loadlab.probes.clocks import ClockReading
from loadlab.probes.open_files import OpenFiles
from loadlab.probes.procfs import GroupReading, ProcessReading
from loadlab.probes.tcp import ListenQueue
from loadlab.probes.throttling import GroupCounters, LimitsReading
from loadlab.processes import Placement
from loadlab.processes.cores import CoresReading, CoreTimes
from loadlab.results.probe_data import Pressure

SECOND_NS = 1_000_000_000
APART = Resources(Placement(target=(0,), load=(1,)), pinned=True, open_files=1024)


def group(time_ns: int, **cpu_ns: int) -> GroupReading:
    """Processes by number (`p1=...`), with the CPU time they have used so far."""
    processes = {
        int(name[1:]): ProcessReading(used, 0, 0, 0, 0, threads=1, rss_bytes=1, started_ticks=int(name[1:]))
        for name, used in cpu_ns.items()
    }
    return GroupReading(time_ns, processes)


def limits(throttled: int) -> LimitsReading:
    group = GroupCounters(0.4, throttled * 2, throttled, throttled * 1_000_000, None, None, None)
    return LimitsReading({"g": frozenset({"target"})}, {"g": group}, Pressure(cpu_ns=None, memory_ns=throttled))


START = WindowEdge(
    target=group(0, p1=0, p2=0),
    client=group(0, p3=0),
    beside=group(0, p4=0),
    cores=CoresReading(0, {0: CoreTimes(0, 0, 0), 1: CoreTimes(0, 0, 0)}, interrupts_charged=False),
    clocks=ClockReading(0, 1_000, 500, 0),
    target_files=[OpenFiles(pid=1, open=10, limit=64), OpenFiles(pid=2, open=63, limit=64)],
    listen_queue=ListenQueue(turned_away=2, backlog=16),
    limits=limits(throttled=3),
)
# The target was given 0.7 s of core 0, which was idle for 0.2 s; of core 1 load and others beside it had 0.4 s.
END = WindowEdge(
    target=group(SECOND_NS, p1=SECOND_NS * 7 // 10),
    client=group(SECOND_NS, p3=SECOND_NS * 3 // 10),
    beside=group(SECOND_NS, p4=SECOND_NS // 10),
    cores=CoresReading(
        SECOND_NS,
        {0: CoreTimes(SECOND_NS // 5, SECOND_NS // 20, 0), 1: CoreTimes(SECOND_NS // 2, 0, SECOND_NS // 20)},
        interrupts_charged=False,
    ),
    clocks=ClockReading(SECOND_NS, SECOND_NS + 1_300, SECOND_NS + 500, SECOND_NS - 40),
    target_files=[OpenFiles(pid=1, open=20, limit=64)],
    listen_queue=ListenQueue(turned_away=5, backlog=16),
    limits=limits(throttled=10),
)
