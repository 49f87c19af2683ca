"""The client's side of one rig: what a rig asks of whoever generates its load, on this machine or on several.

`ThisMachine` is a fleet of local processes, whose counters are read with those of everything else here. On a cluster
(`cluster_side`) each machine has its own share, counters, clock and speed.
"""

from collections.abc import Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Final, Protocol, Self

from loadlab.experiment.context import Resources, RunContext
from loadlab.experiment.machine_usage import LoadMachine
from loadlab.fleet.coordinator import Fleet, LocalFleet
from loadlab.fleet.division import Division, divide
from loadlab.fleet.scenario_log import ScenarioLog
from loadlab.profile.address import Address

if TYPE_CHECKING:
    from loadlab.cluster.reading import MachineReading

NO_READINGS: Final[Mapping[str, "MachineReading"]] = {}
"""Those of the machines of a fleet that is on this machine alone: its counters are read directly."""


class ClientSide(Protocol):
    """Whoever generates the load of one rig; a context manager that ends its processes."""

    @property
    def least_lead_ns(self) -> int:
        """How long before its warm-up a plan has to be sent at least."""

    @property
    def fleet(self) -> Fleet:
        """Its processes."""

    def __enter__(self) -> Self:
        """Return it, ready for `divide`."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End all processes."""

    def divide(self, address: Address, connections: int, workers: int | None, idle: int) -> Division:
        """Divide the connections to `address` among load workers and idle holders; None is a worker for each core.

        Raises LoadlabError where the limits do not suffice.
        """

    def read(self, start: Mapping[str, "MachineReading"]) -> Mapping[str, "MachineReading"]:
        """Read the counters of each of several machines, by name; `start` has those at the window's begin, if any."""

    def read_silent(self) -> None:
        """Measure what can be measured only while the rig is silent: speed and clock of each of several machines."""

    def machines(self) -> list[LoadMachine]:
        """Return each of several machines with its share, its clock and its speed, as known so far."""


class ThisMachine:
    """The client's side on this machine alone, beside the target if that is here."""

    least_lead_ns = 0

    def __init__(self, resources: Resources, log: ScenarioLog | None) -> None:
        self._resources = resources
        self.fleet = LocalFleet(resources.cores[1], log)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.fleet.stop()

    def divide(self, address: Address, connections: int, workers: int | None, idle: int) -> Division:
        """Divide the connections to `address` among load workers and idle holders; None is a worker for each core."""
        workers = len(self._resources.placement.load) if workers is None else workers
        return divide(address, connections, workers, idle, self._resources.open_files)

    def read(self, start: Mapping[str, "MachineReading"]) -> Mapping[str, "MachineReading"]:
        """Return nothing: there are no other machines."""
        return start

    def read_silent(self) -> None:
        """Do nothing: the speed of this machine is read with that of the target's cores, and it has one clock."""

    def machines(self) -> list[LoadMachine]:
        """Return none: a run on this machine alone has no figures by machine."""
        return []


def client_side(context: RunContext, resources: Resources, log: ScenarioLog | None) -> ClientSide:
    """Return the client's side of a rig: on the machines of the context's cluster, or on this machine alone.

    What a scenario prints goes to `log`. Raises TrialFailed where a machine of the cluster cannot be reached any more.
    """
    if context.cluster is None:
        return ThisMachine(resources, log)
    # Not above: it needs Dask, which runs without a cluster do not have.
    from loadlab.experiment.cluster_side import ClusterSide

    return ClusterSide(context.cluster, resources, log, context)
