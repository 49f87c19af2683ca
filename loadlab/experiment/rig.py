"""A rig: all that stands before anything is measured, from the target to the last connection.

The target has been started or attached to, with its upstream; idle connections have been opened and proved; load
workers are connected and silent. Windows are measured on it (`window`), as many as wanted. Whatever happens, it is gone
at the end of its `with` block.
"""

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from loadlab.errors import LoadlabError
from loadlab.experiment.context import NotPossible, RunContext
from loadlab.experiment.ends import Ends
from loadlab.experiment.idle import HeldConnections
from loadlab.experiment.parts import format_probe, idle_opening_of, load_parts
from loadlab.experiment.preflight import why_not_started
from loadlab.experiment.serving import serve
from loadlab.fleet.coordinator import LocalFleet
from loadlab.fleet.division import Division, Share, divide
from loadlab.fleet.messages import Ready
from loadlab.load.stamping import STAMPED_EVERY
from loadlab.profile.address import Address
from loadlab.profile.schema import LoadProfile


class Rig:
    """The rig of one trial; a context manager, which has `ends` and `workers` (how many load workers) once entered.

    `resources` and `idle` say at any moment which cores each side has, and what became of the idle connections.
    Entering raises NotPossible where target or machine lack what the profile asks for, TrialFailed when the target or a
    process of the load fails, or what the context's `check` raises; nothing stands then.
    """

    ends: Ends
    workers: int

    def __init__(
        self,
        profile: LoadProfile,
        seed: int,
        context: RunContext,
        stamped_every: int = STAMPED_EVERY,
        target_log: Path | None = None,
    ) -> None:
        """For one answer of `stamped_every` the kernel is asked when it arrived.

        What a target prints that a command has started goes to `target_log`.
        """
        self.profile = profile
        self.context = context
        self.resources = context.resources
        self.idle = HeldConnections(profile.load, context.observer)
        self._seed = seed
        self._stamped_every = stamped_every
        self._target_log = target_log
        self._standing = ExitStack()

    def __enter__(self) -> Self:
        if lack := why_not_started(self.profile):
            raise NotPossible(lack)
        with ExitStack() as standing:  # if something fails half-way, what stands by then is taken down
            served = standing.enter_context(serve(self.profile, self.context, self._target_log))
            target, self.resources = served.target, served.resources
            _, load_cores = self.resources.cores
            fleet = standing.enter_context(LocalFleet(load_cores))
            self.ends = Ends(target, served.upstream, fleet, self.context.check)
            division = self._divide(target.address)
            if division.holders:
                probe, tls = format_probe(self.profile, target.authority), self.profile.target.tls_settings
                opening = idle_opening_of(self.profile, target.authority)
                self.idle.open(self.ends, division.holders, probe, tls, opening)
            self._connect(division.workers)
            self._standing = standing.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.context.observer.phase("closing", None)
        self._standing.close()

    def read_speed(self) -> None:
        """Measure how fast the cores of both sides are now; the rig is to be silent."""
        placement = self.resources.placement
        self.context.speed.read(placement.target, placement.load)

    def _divide(self, address: Address) -> Division:
        load, workers = self.profile.load, self.profile.load.workers
        if workers == "auto":
            workers = len(self.resources.placement.load)
        try:
            return divide(address, load.connections, workers, load.idle, self.resources.open_files)
        except LoadlabError as error:
            raise NotPossible(str(error)) from None

    def _connect(self, shares: Sequence[Share]) -> None:
        load, ready = self.profile.load, set[str]()
        self.workers = len(shares)
        self.context.observer.phase(f"connecting {load.connections:,}", None)
        target = self.ends.target
        self.ends.fleet.start_workers(
            load_parts(self.profile, target.address, target.authority, self._seed, self._stamped_every, shares)
        )
        for event in self.ends.listen_while(lambda: len(ready) < len(shares), load.timeout_ns / 1e9):
            if isinstance(event.message, Ready):
                ready.add(event.sender)
