"""The machines of a cluster as the coordinator has them: calls with a bounded time, their leases, and their clocks.

Everything is sent by Dask's client from its own thread; calls from ours return futures. A machine that does not answer
for some seconds has a `problem`, a sentence that names it, and every later call fails with it.
"""

import asyncio
import socket
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Final, Self

from distributed import Client
from distributed.actor import Actor, BaseActorFuture

from loadlab.cluster.clocks import ClockExchange, ClockOffset, offset_of, same_clock
from loadlab.cluster.machine import Machine
from loadlab.cluster.messages import ClockPair, MachineInfo
from loadlab.errors import LoadlabError, TrialFailed

ANSWER_SECONDS: Final = 10.0
"""A machine that has not answered for so long is given up."""

_RENEW_SECONDS: Final = 2.0
_CLOSE_SECONDS: Final = 5.0
_SCHEDULER_SECONDS: Final = 2.0
_EXCHANGES: Final = 20


@dataclass(slots=True)
class RemoteMachine:
    """One machine: what it is, the actor that stands for it, and what is wrong with it (None: nothing)."""

    name: str
    address: str
    actor: Actor
    info: MachineInfo
    problem: str | None = None
    offsets: list[ClockOffset] = field(default_factory=list)


class Cluster:
    """The machines that one run holds; a context manager that lets go of them.

    `here` describes this machine, `warnings` is what the user should know.
    """

    def __init__(
        self, client: Client, address: str, machines: Sequence[RemoteMachine], warnings: Sequence[str]
    ) -> None:
        self.address = address
        self.machines = list(machines)
        self.warnings = list(warnings)
        self.here = Machine("").describe()
        self._client = client
        self._is_closed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def claim(self) -> None:
        """Hold all machines, in the order of their addresses. Raises Claimed if another run holds one."""
        # The same order for all runs: of two that begin at once one gets all of them.
        for machine in sorted(self.machines, key=lambda each: each.address):
            self.wait(machine, self.call(machine, "claim"))
        self.add_callback(self._renew_leases)

    def is_here(self, machine: RemoteMachine) -> bool:
        """Whether it runs on this machine's kernel, whose clock and cores it shares."""
        return bool(machine.info.boot) and machine.info.boot == self.here.boot

    @property
    def is_here_alone(self) -> bool:
        """Whether all of its machines run on this machine's kernel."""
        return all(map(self.is_here, self.machines))

    def call(self, machine: RemoteMachine, method: str, *arguments: object) -> BaseActorFuture[Any]:
        """Call a method of its actor. Raises TrialFailed if it has a problem."""
        if machine.problem is not None:
            raise TrialFailed(machine.problem)
        try:
            future: BaseActorFuture[Any] = getattr(machine.actor, method)(*arguments)
        except RuntimeError:  # its future has been lost
            raise self.failure(machine, OSError()) from None
        return future

    def wait(self, machine: RemoteMachine, future: BaseActorFuture[Any], seconds: float = ANSWER_SECONDS) -> Any:  # noqa: ANN401
        """Return what a call returns, or raise what it raises; TrialFailed if the machine does not answer."""
        try:
            return future.result(timeout=seconds)
        except LoadlabError:
            raise
        except Exception as error:  # all that Dask may raise means that the machine cannot be used any more
            raise self.failure(machine, error) from None

    def call_all(self, method: str, *arguments: object, seconds: float = ANSWER_SECONDS) -> list[Any]:
        """Call a method of all machines at once; return what they return, in their order."""
        calls = [(machine, self.call(machine, method, *arguments)) for machine in self.machines]
        return [self.wait(machine, future, seconds) for machine, future in calls]

    def failure(self, machine: RemoteMachine, error: BaseException) -> TrialFailed:
        """Return what is wrong with a machine whose call ended so, and note it."""
        if machine.problem is None:
            machine.problem = self._why(machine, error)
        return TrialFailed(machine.problem)

    def measure_clocks(self) -> None:
        """Measure the offset of each machine's clock, and append it to its `offsets`; the rig is to be silent."""
        for machine in self.machines:
            machine.offsets.append(
                same_clock(time.time_ns()) if self.is_here(machine) else offset_of(self._exchanges(machine))
            )

    def close(self) -> None:
        """Let go of all machines, and have them end what they run. Never takes more than some seconds."""
        if self._is_closed:
            return
        self._is_closed = True
        releasing = []
        for machine in self.machines:
            with suppress(TrialFailed):
                releasing.append(self.call(machine, "release"))
        deadline = time.monotonic() + _CLOSE_SECONDS
        for future in releasing:
            with suppress(Exception):  # a machine that does not hear it ends everything by its lease
                future.result(timeout=max(0.1, deadline - time.monotonic()))
        with suppress(Exception):
            self._client.close(timeout=_SCHEDULER_SECONDS)

    def add_callback(self, callback: Any, *arguments: object) -> None:  # noqa: ANN401
        """Call a function, or run a coroutine, in the client's thread."""
        assert self._client.loop is not None
        self._client.loop.add_callback(callback, *arguments)

    def _exchanges(self, machine: RemoteMachine) -> list[ClockExchange]:
        exchanges = []
        for _ in range(_EXCHANGES):
            sent_ns, sent_monotonic_ns = time.time_ns(), time.monotonic_ns()
            pair: ClockPair = self.wait(machine, self.call(machine, "clock"))
            passed_ns = time.monotonic_ns() - sent_monotonic_ns
            exchanges.append(ClockExchange(sent_ns, pair.unix_ns, sent_ns + passed_ns))
        return exchanges

    async def _renew_leases(self) -> None:
        await asyncio.gather(*(self._renew_lease(machine) for machine in self.machines))

    async def _renew_lease(self, machine: RemoteMachine) -> None:
        """Renew it until the end. A machine that cannot be reached for some seconds gets its problem here."""
        while not self._is_closed and machine.problem is None:
            try:
                await asyncio.wait_for(self.call(machine, "renew"), ANSWER_SECONDS)
            except LoadlabError as error:
                machine.problem = machine.problem or str(error)
            except Exception as error:
                if not self._is_closed:
                    machine.problem = machine.problem or self._why(machine, error)
            await asyncio.sleep(_RENEW_SECONDS)

    def _why(self, machine: RemoteMachine, error: BaseException) -> str:
        # Dask's client may not have noticed yet that the connection that all calls take is gone.
        if self._client.status != "running" or not _listens(self.address):
            return f"the Dask scheduler at {self.address} has ended, or cannot be reached any more: see what it printed"
        if isinstance(error, TimeoutError | asyncio.TimeoutError):
            return (
                f"client machine {machine.name} has not answered for {ANSWER_SECONDS:.0f} s: its network may be cut, "
                "or the machine overloaded or stopped"
            )
        return f"{lost(machine.name)}: see what it printed, and start it again"


def _listens(address: str) -> bool:
    """Return whether connections to a scheduler are accepted, also by a name or without a scheme."""
    host, _, port = address.rpartition("://")[2].rpartition(":")
    try:
        with socket.create_connection((host.strip("[]"), int(port)), timeout=_SCHEDULER_SECONDS):
            return True
    except OSError:
        return False


def lost(name: str) -> str:
    """Return the beginning of a sentence on a machine whose Dask worker is gone."""
    return f"client machine {name} has been lost: its Dask worker has ended, or its connection"
