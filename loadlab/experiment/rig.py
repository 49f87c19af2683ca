"""A rig: all that stands before anything is measured, from the target to the last connection.

The target has been started or attached to, with its upstream; idle connections have been opened and proved; load
workers are connected and silent. Windows are measured on it (`window`), as many as wanted. Whatever happens, it is gone
at the end of its `with` block.
"""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from loadlab.errors import LoadlabError, NotPossible, TrialFailed
from loadlab.experiment.client_side import ClientSide, client_side
from loadlab.experiment.context import RunContext
from loadlab.experiment.ends import Ends
from loadlab.experiment.idle import HeldConnections
from loadlab.experiment.machine_usage import LoadMachine
from loadlab.experiment.parts import format_probe, idle_opening_of, load_parts
from loadlab.experiment.preflight import why_not_started
from loadlab.experiment.scenario_phases import ScenarioPhases
from loadlab.experiment.target_side import serve
from loadlab.fleet.division import Division, Share
from loadlab.fleet.scenario_log import ScenarioLog
from loadlab.load.stamping import STAMPED_EVERY
from loadlab.profile.address import Address
from loadlab.profile.schema import LoadProfile


@dataclass(frozen=True, slots=True)
class TrialLogs:
    """The files for what is printed by a target that a command has started, and by a scenario; None for neither."""

    target: Path | None = None
    scenario: Path | None = None


NO_LOGS: Final = TrialLogs()


class Rig:
    """The rig of one trial; a context manager, which has `ends`, `clients` and `workers` (how many) once entered.

    `resources` and `idle` say at any moment which cores each side has, and what became of the idle connections.
    Entering raises NotPossible where target or machine lack what the profile asks for, TrialFailed when the target or a
    process of the load fails, ScenarioError where a scenario cannot be run, or what the context's `check` raises;
    nothing stands then. Leaving raises ScenarioError where its teardown fails after everything was measured.
    """

    ends: Ends
    clients: ClientSide
    workers: int

    def __init__(
        self,
        profile: LoadProfile,
        seed: int,
        context: RunContext,
        stamped_every: int = STAMPED_EVERY,
        logs: TrialLogs = NO_LOGS,
    ) -> None:
        """For one answer of `stamped_every` the kernel is asked when it arrived. `logs` keep what is printed."""
        self.profile = profile
        self.context = context
        self.resources = context.resources
        self.idle = HeldConnections(profile.load, context.observer)
        self._seed = seed
        self._stamped_every = stamped_every
        self._logs = logs
        self._standing = ExitStack()
        self._machines: Callable[[], list[LoadMachine]] = list

    def __enter__(self) -> Self:
        is_here = self.profile.target.on is None  # another machine is asked itself
        if is_here and (lack := why_not_started(self.profile, self.context.load_is_here)):
            raise NotPossible(lack)
        with ExitStack() as standing:  # if something fails half-way, what stands by then is taken down
            served = standing.enter_context(serve(self.profile, self.context, self._logs.target))
            target, self.resources = served.target, served.resources
            log = ScenarioLog(self._logs.scenario) if self._logs.scenario is not None else None
            self.clients = standing.enter_context(client_side(self.context, self.resources, log))
            self._machines = self.clients.machines
            self.ends = Ends(served, self.clients.fleet, self.context.check)
            division = self._divide(target.address)
            if division.holders:
                probe, tls = format_probe(self.profile, target.authority), self.profile.target.tls_settings
                opening = idle_opening_of(self.profile, target.authority)
                self.idle.open(self.ends, division.holders, probe, tls, opening)
            phases = ScenarioPhases(self.profile, self._seed, self.context, self.ends, len(division.workers))
            phases.set_up()
            standing.push(partial(self._take_down, phases))
            self._connect(division.workers, phases)
            self._standing = standing.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._standing.__exit__(kind, error, trace)

    def _take_down(
        self, phases: ScenarioPhases, kind: type[BaseException] | None, error: BaseException | None, _: object
    ) -> None:
        """Call what a scenario has for its end; users do not take their leave if an error ended the trial."""
        if kind is None:
            phases.take_leave()
        phases.tear_down(in_order=kind is None)
        if kind is None:
            self.context.observer.phase("closing", None)

    def read_speed(self) -> None:
        """Measure how fast the cores of both sides are now; the rig is to be silent."""
        placement = self.resources.placement
        # Several machines have speeds of their own, also one that is this machine.
        target = placement.target if self.resources.target_on is None else ()
        self.context.speed.read(target, placement.load if self.context.cluster is None else ())
        self.ends.side.read_silent()
        self.clients.read_silent()

    def machines(self) -> list[LoadMachine]:
        """Return the machines that generate the load, where there are several; empty before the rig was entered."""
        return self._machines()

    def _divide(self, address: Address) -> Division:
        load, workers = self.profile.load, self.profile.load.workers
        try:
            return self.clients.divide(address, load.connections, None if workers == "auto" else workers, load.idle)
        except TrialFailed:  # a machine of a cluster that has not answered
            raise
        except LoadlabError as error:
            raise NotPossible(str(error)) from None

    def _connect(self, shares: Sequence[Share], phases: ScenarioPhases) -> None:
        load, target = self.profile.load, self.ends.target
        self.workers = len(shares)
        self.context.observer.phase(f"connecting {load.connections:,}", None)
        self.ends.fleet.start_workers(
            load_parts(
                self.profile,
                target.address,
                target.authority,
                self._seed,
                self._stamped_every,
                shares,
                phases.shared,
            )
        )
        phases.wait_ready()
