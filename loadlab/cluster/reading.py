"""What the processes of a machine used: its counters at the edges of a window, as `probes` reads them everywhere.

Times are those of the machine's own monotonic clock; two readings of one machine are compared, never those of two.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from loadlab.probes.clocks import ClockReading, read_clocks
from loadlab.probes.procfs import GroupReading, read_group
from loadlab.probes.throttling import LimitsReading, read_limits, read_limits_again
from loadlab.processes.cores import CoresReading, read_cores


@dataclass(frozen=True, slots=True)
class MachineReading:
    """The counters at one end of a window: load workers, what is `beside` them (holders, the Dask worker), cores.

    `taken_ns` is how long it took to read them.
    """

    client: GroupReading
    beside: GroupReading
    cores: CoresReading
    clocks: ClockReading
    limits: LimitsReading
    taken_ns: int = 0


def read_machine(
    worker_pids: Sequence[int], pids_beside: Sequence[int], start: MachineReading | None = None
) -> MachineReading:
    """Read the counters now; `start` is the reading before this one, if this is the window's end."""
    now_ns = time.monotonic_ns()
    client, beside = read_group(worker_pids, now_ns), read_group(pids_beside, now_ns)
    cores, clocks = read_cores(), read_clocks()
    limits = read_limits_again(start.limits) if start else read_limits({"client": [*worker_pids, *pids_beside]})
    return MachineReading(client, beside, cores, clocks, limits, time.monotonic_ns() - now_ns)
