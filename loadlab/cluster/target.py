"""The target of one rig on a machine of a cluster: had to listen there, read there, and ended with the rig.

It knows nothing of Dask. `start` is to be called in a thread that lives as long as the process: for the kernel, that
thread is the target's parent. What the machine cannot do is said with its name.
"""

import tempfile
import threading
from collections.abc import Collection
from contextlib import ExitStack
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Final, Literal

from loadlab import targets
from loadlab.cluster.messages import TargetInfo
from loadlab.errors import ClusterFailed, NotPossible, TrialFailed
from loadlab.host import Machine as HostMachine
from loadlab.host import Requirements, requirements_of, why_refused
from loadlab.probes.memory import MemoryReading
from loadlab.probes.probe import Probe, ProbeFailed
from loadlab.probes.speed import measure_core_speeds
from loadlab.profile.address import TcpAddress, format_address, parse_address
from loadlab.profile.schema import LoadProfile
from loadlab.serving.probing import ChosenProbe
from loadlab.serving.reading import HostReading, TargetLook, TargetReading, TargetReadings, read_host
from loadlab.serving.starting import Place, stand_target

ProbeStep = Literal["prepare", "begin", "look", "end", "collect"]
_LOG: Final = "target.log"


@dataclass(frozen=True, slots=True)
class AskedTarget:
    """The profile whose target is to listen on a machine: at `host` (None: on loopback), on these cores.

    `cores` are those that it has as its own, on which it is `pinned`; they are those of the `kernel`.
    """

    profile: LoadProfile
    host: str | None
    cores: tuple[int, ...]
    pinned: bool
    kernel: str


@dataclass(frozen=True, slots=True)
class Answered:
    """What a step of a probe has returned, or its `problem`, a sentence."""

    value: Any = None
    problem: str | None = None


class HostedTarget:
    """The target of one rig on the machine `name`, from `start` to `stop`, which may be called in any thread."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._standing = ExitStack()
        self._changing = threading.Lock()
        self._is_given_up = False
        self._readings: TargetReadings | None = None
        self._probe: Probe[Any] | None = None
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._cores: tuple[int, ...] = ()
        self._kernel = name

    def start(self, asked: AskedTarget) -> TargetInfo:
        """Start it, or attach to it. Raises NotPossible and TrialFailed; nothing of it runs then."""
        with self._changing:
            self._check()
            try:
                return self._start(asked)
            except NotPossible as lack:
                raise NotPossible(f"on machine {self._name}: {lack}") from None
            except ClusterFailed:
                raise
            except TrialFailed as failure:
                raise TrialFailed(f"on machine {self._name}: {failure}") from None

    def poll_exit(self) -> str | None:
        """Return a sentence on how it, or the server behind it, ended; None while they run."""
        end = self._readings.poll_exit() if self._readings is not None else None
        return None if end is None else f"on machine {self._name}: {end}"

    def read(self, start: HostReading | None = None) -> TargetReading:
        """Read its counters and those of this machine; `start` is the machine's reading at the window's begin."""
        readings = self._running
        reading = readings.read()
        host = read_host(self._kernel, [*reading.group.processes], readings.pids_beside(), start)
        return TargetReading(reading.group, reading.files, reading.listen_queue, host)

    def look(self, pids: Collection[int] | None, since_ns: int | None) -> TargetLook:
        """Read it in the middle of a window; see `TargetReadings.look`."""
        return self._running.look(pids, since_ns)

    def read_pss(self) -> int | None:
        """Return its memory in bytes, what its processes share in equal parts; None where that may not be read."""
        return self._running.read_pss()

    def read_memory(self) -> MemoryReading | None:
        """Return its memory, and that of this machine's kernel."""
        return self._running.read_memory()

    def count_open(self) -> int | None:
        """Return how many descriptors it has open in all; None where the kernel does not say."""
        return self._running.count_open()

    def read_speed(self) -> int | None:
        """Return the CPU time in ns that a fixed piece of arithmetic takes on its cores; they are to be idle."""
        return measure_core_speeds(self._cores)

    def begin_watching(self, chosen: ChosenProbe) -> Answered:
        """Prepare a probe of it. In the thread that `start` was called in, as all of a probe's steps."""
        pids = self._running.target.pids()
        self.end_watching()
        try:
            self._probe = self._running.open_probe(chosen, self._check)
        except ProbeFailed as failure:
            return Answered(problem=str(failure))
        return self.watch("prepare", pids)

    def watch(self, step: ProbeStep, *arguments: object) -> Answered:
        """Take a step of the probe: switch it on or off, look after it, or collect what it has seen."""
        if self._probe is None:
            return Answered(problem="it is not watched any more")
        try:
            return Answered(getattr(self._probe, step)(*arguments))
        except (ProbeFailed, OSError) as failure:
            return Answered(problem=str(failure))

    def end_watching(self) -> None:
        """Stop the probe, if there is one."""
        probe, self._probe = self._probe, None
        if probe is not None:
            probe.stop()

    def stop(self) -> bytes:
        """End it, or let go of it; return what its command has printed. May be repeated."""
        self._is_given_up = True
        with self._changing, ExitStack() as kept:
            self.end_watching()
            # A command's log is shortened when the command has ended; the folder goes behind that.
            if self._folder is not None:
                kept.push(self._folder)
            self._standing.close()
            log = Path(self._folder.name) / _LOG if self._folder is not None else None
            self._readings, self._folder = None, None
            return log.read_bytes() if log is not None and log.exists() else b""

    @property
    def _running(self) -> TargetReadings:
        if self._readings is None:
            raise ClusterFailed(f"machine {self._name} has ended the target of this trial")
        return self._readings

    def _check(self) -> None:
        if self._is_given_up:
            raise ClusterFailed(f"machine {self._name} has ended the target of this trial")

    def _start(self, asked: AskedTarget) -> TargetInfo:
        if lack := why_refused(HostMachine(), _requirements(asked.profile)):
            raise NotPossible(lack)
        if asked.profile.target.kind == "address":
            _check_address(asked)
        self._folder = tempfile.TemporaryDirectory(prefix="loadlab-target-")
        self._kernel = asked.kernel
        cores = asked.cores if asked.pinned else None
        place = Place(cores, cores, asked.host, Path(self._folder.name) / _LOG)
        names = targets.Names()
        with ExitStack() as standing:
            stood = standing.enter_context(stand_target(asked.profile, place, names, self._check))
            address, can = stood.target.address, stood.target.capabilities
            if not isinstance(address, TcpAddress):
                raise NotPossible("its target listens on a Unix socket, to which other machines cannot connect")
            self._readings = TargetReadings(stood.target, stood.upstream)
            self._cores = tuple(sorted(asked.cores if stood.may_run_on is None else stood.may_run_on))
            self._standing = standing.pop_all()
        return TargetInfo(
            host=address.host,
            port=address.port,
            authority=stood.target.authority,
            handlers=list(can.handlers),
            max_connections=can.max_connections,
            backlog=can.backlog,
            cores=list(self._cores),
            is_seen=bool(stood.target.pids()),
        )


def _requirements(profile: LoadProfile) -> Requirements:
    """Return what the target's end of a trial takes; cores that the profile names for the load are those of others."""
    target = profile.target
    bundled = None if target.server is None else targets.catalog()[target.server].footprint(target.options)
    own = HostMachine().own
    return requirements_of(profile.model_copy(update={"placement": "auto"}), own, bundled, load_is_here=False)


def _check_address(asked: AskedTarget) -> None:
    """Raise NotPossible where the address of a server that runs already is not one of this machine for the others."""
    written = asked.profile.target.address or ""
    address = parse_address(written)
    if not isinstance(address, TcpAddress):
        return
    try:
        found = targets.Names().resolve(address)
    except targets.NotAllowed:
        raise NotPossible(
            f"{written} (target.address) is not an address of that machine; name one, or the machine that it is of "
            "(target.on)"
        ) from None
    except targets.NotResolvable as lack:
        raise NotPossible(str(lack)) from None
    assert isinstance(found, TcpAddress)
    if asked.host is not None and ip_address(found.host).is_loopback:
        raise NotPossible(
            f"other machines cannot connect to {written} (target.address): name the server by an address of its "
            f"network, such as {format_address(TcpAddress(asked.host, found.port))}"
        )
