"""The machines of a cluster as the coordinator has them: calls with a bounded time, their leases, and their clocks.

Everything is sent by Dask's client from its own thread; calls from ours return futures. A machine that does not answer
for some seconds has a `problem`, a sentence that names it, and every later call fails with it: it stays given up, as no
further trial could have the same load. Calls may go through the scheduler, so one that does not answer is asked for
first.
"""

import asyncio
import socket
import time
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Final, NoReturn, Self, TypeVar

from distributed import Client
from distributed.actor import Actor, BaseActorFuture

from loadlab.cluster.clocks import ClockExchange, ClockOffset, offset_of, same_clock
from loadlab.cluster.machine import Machine
from loadlab.cluster.messages import ClockPair, MachineInfo
from loadlab.errors import ClusterFailed, LoadlabError, NotPossible

ANSWER_SECONDS: Final = 10.0
"""A machine that has not answered for so long is given up."""

_RENEW_SECONDS: Final = 2.0
_CLOSE_SECONDS: Final = 5.0
_SCHEDULER_SECONDS: Final = 2.0
_LOOK_SECONDS: Final = 0.25
_STANDSTILL_SECONDS: Final = 5.0
_DIRECT_SECONDS: Final = 2.0
_EXCHANGES: Final = 20

Answer = TypeVar("Answer")


@dataclass(slots=True)
class RemoteMachine:
    """One machine: what it is, the actor that stands for it, and what is wrong with it (None: nothing).

    `role` is what to call it in a sentence, before its name.
    """

    name: str
    address: str
    actor: Actor
    info: MachineInfo
    problem: str | None = None
    role: str = "client machine"
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
        self._scheduler_id = client.scheduler_info()["id"]
        self._stood_still: tuple[float, float] | None = None  # when that ended, and for how many seconds
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

    def call_directly_if_possible(self) -> None:
        """Have calls go straight to the machines if this one reaches all of them, and else through the scheduler.

        The way through the scheduler takes twice as long, so that clocks are known half as well. It may be the only
        one, as to the pods of a Kubernetes cluster.
        """
        # Dask's client looks at this for each call; there is one way for all machines.
        self._client.direct_to_workers = True
        deadline = time.monotonic() + _DIRECT_SECONDS
        try:
            for future in [self.call(machine, "clock") for machine in self.machines]:
                future.result(timeout=max(0.1, deadline - time.monotonic()))
        except Exception:  # no way there, or one to somebody else's machine of that address
            self._client.direct_to_workers = False

    def is_here(self, machine: RemoteMachine) -> bool:
        """Whether it runs on this machine's kernel, whose clock and cores it shares."""
        return bool(machine.info.boot) and machine.info.boot == self.here.boot

    @property
    def is_here_alone(self) -> bool:
        """Whether all of its machines run on this machine's kernel."""
        return all(map(self.is_here, self.machines))

    def call(self, machine: RemoteMachine, method: str, *arguments: object) -> BaseActorFuture[Any]:
        """Call a method of its actor. Raises ClusterFailed if it has a problem, or the run has let go of it."""
        if self._is_closed:
            raise ClusterFailed(f"this run has let go of {machine.role} {machine.name}")
        if machine.problem is not None:
            raise ClusterFailed(machine.problem)
        try:
            future: BaseActorFuture[Any] = getattr(machine.actor, method)(*arguments)
        except RuntimeError as error:  # the scheduler has told the client that the actor is gone
            return _FailedCall(error)
        return future

    def wait(self, machine: RemoteMachine, future: BaseActorFuture[Answer], seconds: float = ANSWER_SECONDS) -> Answer:
        """Return what a call returns, or raise what it raises; ClusterFailed if the machine does not answer.

        Not in the thread of Dask's client.
        """
        deadline = time.monotonic() + seconds
        while True:
            left = deadline - time.monotonic()
            has_ended = future.done()  # asked before: it may end as this wait does, and is to be read then
            try:
                return future.result(timeout=min(max(left, 0.01), _LOOK_SECONDS))
            except (LoadlabError, NotPossible):
                raise
            except Exception as error:  # all that Dask may raise means that the machine cannot be used any more
                if isinstance(error, TimeoutError) and not has_ended:
                    if machine.problem is not None:  # found by renewing its lease
                        raise ClusterFailed(machine.problem) from None
                    if left > 0 or future.done():
                        continue
                raise self._client.sync(self.failure, machine, error) from None

    def wait_all(
        self, calls: Iterable[tuple[RemoteMachine, BaseActorFuture[Any]]], seconds: float = ANSWER_SECONDS
    ) -> list[tuple[RemoteMachine, Any]]:
        """Return what several calls return, each with its machine; `seconds` are for all of them."""
        deadline = time.monotonic() + seconds
        return [(machine, self.wait(machine, future, deadline - time.monotonic())) for machine, future in calls]

    async def failure(self, machine: RemoteMachine, error: BaseException) -> ClusterFailed:
        """Return what is wrong with a machine whose call ended so, and note it; in the thread of Dask's client."""
        if machine.problem is None:
            why = str(error) if isinstance(error, LoadlabError) else await self._why(machine, error)
            machine.problem = machine.problem or why
        return ClusterFailed(machine.problem)

    def measure_clocks(self) -> None:
        """Measure the offset of each machine's clock, and append it to its `offsets`; the rig is to be silent."""
        self._client.sync(self._measure_clocks)

    def close(self) -> None:
        """Let go of all machines, and have them end what they run. Never takes more than some seconds."""
        if self._is_closed:
            return
        releasing = []
        for machine in self.machines:
            with suppress(ClusterFailed):
                releasing.append(self.call(machine, "release"))
        self._is_closed = True
        deadline = time.monotonic() + _CLOSE_SECONDS
        for future in releasing:
            with suppress(Exception):  # a machine that does not hear it ends everything by its lease
                future.result(timeout=max(0.1, deadline - time.monotonic()))
        with suppress(Exception):
            self._client.close(timeout=_SCHEDULER_SECONDS)

    def add_callback(self, callback: Callable[..., object], *arguments: object) -> None:
        """Call a function, or run a coroutine, in the client's thread."""
        assert self._client.loop is not None
        self._client.loop.add_callback(callback, *arguments)

    async def _measure_clocks(self) -> None:
        # In the client's own thread, whose exchanges take three quarters of the time that ours do; and one after the
        # other, as they wait for one another otherwise: with two at once the bound is a third larger.
        for machine in self.machines:
            machine.offsets.append(
                same_clock(time.time_ns())
                if self.is_here(machine)
                else offset_of([await self._exchange(machine) for _ in range(_EXCHANGES)])
            )

    async def _exchange(self, machine: RemoteMachine) -> ClockExchange:
        sent_ns, sent_monotonic_ns = time.time_ns(), time.monotonic_ns()
        try:
            pair: ClockPair = await asyncio.wait_for(self.call(machine, "clock"), ANSWER_SECONDS)
        except Exception as error:
            raise await self.failure(machine, error) from None
        passed_ns = time.monotonic_ns() - sent_monotonic_ns
        return ClockExchange(sent_ns, pair.unix_ns, sent_ns + passed_ns)

    async def _renew_leases(self) -> None:
        await asyncio.gather(self._watch_ourselves(), *(self._renew_lease(machine) for machine in self.machines))

    async def _renew_lease(self, machine: RemoteMachine) -> None:
        """Renew it until the end. A machine that cannot be reached for some seconds gets its problem here."""
        while not self._is_closed and machine.problem is None:
            try:
                await asyncio.wait_for(self.call(machine, "renew"), ANSWER_SECONDS)
            except Exception as error:
                if not self._is_closed:
                    await self.failure(machine, error)
            await asyncio.sleep(_RENEW_SECONDS)

    async def _watch_ourselves(self) -> None:
        """Note when this process stood still, until the end: then it is not the machines that did not answer."""
        while not self._is_closed:
            before = time.monotonic()
            await asyncio.sleep(_LOOK_SECONDS)
            now = time.monotonic()
            if (late := now - before - _LOOK_SECONDS) > _STANDSTILL_SECONDS:
                self._stood_still = (now, late)

    async def _why(self, machine: RemoteMachine, error: BaseException) -> str:
        # First, as it also gives `_watch_ourselves` its turn.
        scheduler = await self._problem_of_scheduler()
        until, seconds = self._stood_still or (0.0, 0.0)
        if seconds and time.monotonic() - until < ANSWER_SECONDS:
            return (
                f"this run stood still for {seconds:.0f} s, and its client machines may have ended their processes: it "
                "was stopped, or this machine was overloaded or asleep"
            )
        if scheduler is not None:
            return scheduler
        if isinstance(error, TimeoutError):
            return (
                f"{machine.role} {machine.name} has not answered for {ANSWER_SECONDS:.0f} s: its network may be cut, "
                "or the machine overloaded or stopped"
            )
        if not isinstance(error, OSError | RuntimeError) or (isinstance(error, OSError) and error.errno is not None):
            return f"{machine.role} {machine.name} has failed: {type(error).__name__}: {error}"
        return f"{lost(machine.name, machine.role)}; see its output, and start it again"

    async def _problem_of_scheduler(self) -> str | None:
        """Return what is wrong with the scheduler, a sentence; None if it answers."""
        where = f"the Dask scheduler at {self.address}"
        # Dask's client may not have noticed yet that the connection that all calls take is gone, and connects again.
        if not await asyncio.to_thread(_listens, self.address):
            return f"{where} has ended, or cannot be reached any more: see its output"
        assert self._client.scheduler is not None
        try:
            identity = await asyncio.wait_for(self._client.scheduler.identity(), _SCHEDULER_SECONDS)
        except TimeoutError:
            return f"{where} does not answer any more: it may have been stopped, or its machine is overloaded"
        except Exception:  # whatever Dask raises for a connection that is gone
            return f"{where} has ended, or cannot be reached any more: see its output"
        if identity["id"] != self._scheduler_id:
            return f"{where} has been restarted, and knows nothing of this run: see the output of the earlier one"
        return None


class _FailedCall(BaseActorFuture[Any]):
    """A call that has failed before it could be sent."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def __await__(self) -> Generator[object, None, NoReturn]:
        return self._fail().__await__()

    def result(self, timeout: object = None) -> NoReturn:
        """Raise it."""
        raise self._error

    def done(self) -> bool:
        """Return True."""
        return True

    async def _fail(self) -> NoReturn:
        raise self._error


def _listens(address: str) -> bool:
    """Return whether connections to a scheduler are accepted, also by a name or without a scheme."""
    scheme, _, host_and_port = address.rpartition("://")
    if scheme not in ("", "tcp", "tls"):
        return True  # not to be seen like this
    host, _, port = host_and_port.rpartition(":")
    try:
        with socket.create_connection((host.strip("[]"), int(port)), timeout=_SCHEDULER_SECONDS):
            return True
    except OSError:
        return False


def lost(name: str, role: str = "client machine") -> str:
    """Return the beginning of a sentence on a machine whose Dask worker is gone."""
    return f"{role} {name} has been lost: its Dask worker has ended, or its connection was closed"
