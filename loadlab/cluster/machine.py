"""One machine of a cluster: it hosts its share of each rig as processes of its own, and knows nothing of Dask.

A run claims it before anything else; from then on it has a lease, which every call renews. A machine whose run has not
asked for anything for some seconds ends all its processes and is free again: the coordinator may have been killed, or
the network between them cut. From the moment that it begins to end them nothing more can be started.

A rig's share is a `HostedFleet` (`hosting`).
"""

import os
import socket
import sys
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Final

from loadlab.cluster.hosting import HostedFleet
from loadlab.cluster.messages import ClockPair, MachineInfo
from loadlab.cluster.networks import list_addresses
from loadlab.cluster.target import HostedTarget
from loadlab.errors import ClusterFailed, LoadlabError
from loadlab.host import Diagnosis, Examination, OwnLimits, Requirements
from loadlab.host import Machine as HostMachine
from loadlab.host.checks.memory import available_bytes, kernel_available_bytes
from loadlab.installation import DISTRIBUTION

LEASE_SECONDS: Final = 10.0
_LATE_SECONDS: Final = 2.0


class Claimed(LoadlabError):
    """A machine that another run holds; the text says which one, and since when."""


@dataclass(frozen=True, slots=True)
class Claim:
    """The run that holds a machine: `who` is a sentence's end, such as "root@host (process 4711)"."""

    key: str
    who: str
    since: datetime
    lease_seconds: float


class Machine:
    """What runs on one machine for one run at a time. `name` is that in messages and results."""

    def __init__(self, name: str, now_ns: Callable[[], int] = time.monotonic_ns) -> None:
        self.name = name
        self.fleets: dict[int, HostedFleet] = {}
        self.targets: dict[int, HostedTarget] = {}
        self._now_ns = now_ns
        self._claim: Claim | None = None
        self._is_ending = False
        self._renewed_ns = self._looked_ns = 0

    def describe(self) -> MachineInfo:
        """Return what it is and can take."""
        limits, host = OwnLimits.of_this_process(), HostMachine()
        low, high = host.read_numbers("proc/sys/net/ipv4/ip_local_port_range") or (32_768, 60_999)
        return MachineInfo(
            name=self.name,
            host=socket.gethostname(),
            kernel=os.uname().release,
            loadlab=version(DISTRIBUTION),
            python=".".join(map(str, sys.version_info[:3])),
            cores=list(limits.cores),
            open_files=limits.open_files_hard,
            memory_bytes=available_bytes(host) or 0,
            local_ports=(low, high),
            addresses=list_addresses(),
            boot=_read("/proc/sys/kernel/random/boot_id"),
            network=_namespace("net"),
            processes=_namespace("pid"),
            kernel_memory_bytes=kernel_available_bytes(host) or 0,
            cpu_quota=limits.cpu_quota,
        )

    def examine(self, needed: Sequence[Requirements], has_target: bool) -> list[list[Diagnosis]]:
        """Judge it by each of these requirements, with or without a target on it; takes half a second."""
        examination = Examination(HostMachine(), only_client=not has_target)
        return [examination.judge(each) for each in needed]

    def claim(self, key: str, who: str, lease_seconds: float = LEASE_SECONDS) -> None:
        """Let the run `key` hold it, which may do so already. Raises Claimed if it is another's."""
        claim = self._claim
        if claim is not None and (claim.key != key or self._is_ending):
            raise Claimed(
                f"client machine {self.name} is held by the run of {claim.who} since {claim.since:%H:%M:%S} UTC: wait "
                "until that has ended"
            )
        self._claim = claim or Claim(key, who, datetime.now(UTC), lease_seconds)
        self._looked_ns = self._now_ns()
        self.renew()

    def check(self, key: str) -> None:
        """Renew the lease of the run `key`. Raises ClusterFailed if it does not hold the machine, or no longer."""
        if not self.is_held_by(key):
            raise ClusterFailed(
                f"client machine {self.name} has ended its processes, as it had heard nothing of this run for some "
                "seconds: the network between them was cut, or this run stood still"
            )
        self.renew()

    def renew(self) -> None:
        """Begin the lease anew."""
        self._renewed_ns = self._now_ns()

    def look(self) -> bool:
        """Return whether it is abandoned; to be called several times a second.

        If the last look was long ago it stood still itself, and could not hear its run: the lease begins anew.
        """
        now_ns, looked_ns = self._now_ns(), self._looked_ns
        self._looked_ns = now_ns
        if now_ns - looked_ns > _LATE_SECONDS * 1e9:
            self.renew()
        return self.is_abandoned

    @property
    def is_abandoned(self) -> bool:
        """Whether a run holds it that has not asked for anything during the whole lease."""
        if self._claim is None or self._is_ending:
            return False
        return self._now_ns() - self._renewed_ns > self._claim.lease_seconds * 1e9

    def is_held_by(self, key: str) -> bool:
        """Whether the run `key` holds it, and it is not being ended."""
        return self._claim is not None and self._claim.key == key and not self._is_ending

    def end(self) -> list[HostedFleet | HostedTarget]:
        """Take it from its run. Return what is to be stopped before it is set `free`."""
        self._is_ending = True
        running: list[HostedFleet | HostedTarget] = [*self.fleets.values(), *self.targets.values()]
        self.fleets.clear()
        self.targets.clear()
        return running

    def free(self) -> None:
        """Let other runs have it: all has been stopped."""
        self._claim, self._is_ending = None, False

    def host(self, number: int, cores: Collection[int] | None) -> HostedFleet:
        """Host the share of another rig, on these cores (None: anywhere)."""
        self.fleets[number] = fleet = HostedFleet(self.name, cores)
        return fleet


def read_clock_pair() -> ClockPair:
    """Read both clocks, within a microsecond or so of one another."""
    return ClockPair(time.time_ns(), time.monotonic_ns())


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="ascii").strip()
    except OSError:
        return ""


def _namespace(kind: str) -> str:
    try:
        return os.readlink(f"/proc/self/ns/{kind}")
    except OSError:
        return ""
