"""What the functions of a scenario are given: one user of the target, with its client, data and random numbers."""

import random
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Any, Final, ParamSpec, TypeVar

import httpx

from loadlab.scenario.client import UserClient
from loadlab.scenario.driving import drive
from loadlab.scenario.group import Group
from loadlab.scenario.timing import Stopwatch, record_end
from loadlab.scenario.transport import UserTransport
from loadlab.scenario.websocket_opening import WebSocketOpening
from loadlab.scenario.worker_state import WorkerState

P = ParamSpec("P")
T = TypeVar("T")

_SECOND_NS: Final = 1_000_000_000


class Shared:
    """What `setup` and `teardown` are given: a client, the rows of the data, and random numbers of the run's seed.

    `shared` is what `setup` returned, for `teardown`.
    """

    def __init__(
        self, state: WorkerState, transport: UserTransport, rows: Sequence[Mapping[str, str]], seed: int
    ) -> None:
        self.http = _client(state, transport)
        self.data = rows
        self.random = random.Random(f"{seed}:setup")
        self.shared: Any = state.shared


class User:
    """One user of the target.

    `http` is its httpx.AsyncClient, with the target as base URL, and connections and cookies of its own. `data` is its
    row of the data, `number` counts users from 0, `random` draws the same numbers for the same seed, and `shared` is
    what `setup` returned. A scenario may set further attributes.
    """

    def __init__(
        self, state: WorkerState, transport: UserTransport, number: int, data: Mapping[str, str], seed: int
    ) -> None:
        self._state = state
        self._transport = transport
        self.http = _client(state, transport)
        self.number = number
        self.data = dict(data)
        self.random = random.Random(f"{seed}:{number}")
        self.shared: Any = state.shared

    def step(self, name: str) -> "Step":
        """Return a part of the iteration that is measured by itself: `async with user.step("browse"): ...`."""
        return Step(self._state, self._transport, name)

    async def sleep(self, seconds: float, most: float | None = None) -> None:
        """Pause, as a user does who reads or types: for `seconds`, or any time from there to `most`."""
        state, transport = self._state, self._transport
        chosen = seconds if most is None else self.random.uniform(seconds, most)
        if state.tracer is not None:
            state.tracer.sleeping(chosen)
        stopwatch, left_ns = Stopwatch(state.gate), round(chosen * _SECOND_NS)
        if not transport.recorded or state.loop.current in transport.waiting:
            await state.loop.sleep(max(left_ns, 0))  # within a request, such as between the pieces of its body
            return
        while left_ns > 0:
            await state.loop.sleep(left_ns)
            await state.gate.wait()
            left_ns = round(chosen * _SECOND_NS) - stopwatch.elapsed_ns()

    def group(self) -> Group:
        """Return what runs several requests at the same time: `async with user.group() as group: group.start(...)`."""
        return Group(self._state.loop, lambda coroutine: drive(coroutine, self._state.watch))

    async def thread(self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Call a function that blocks in one of a few threads, so that no other user waits for it."""
        return await self._state.threads.call(function, *args, **kwargs)

    def websocket(
        self, path: str, *, subprotocols: Sequence[str] = (), headers: Mapping[str, str] | None = None
    ) -> WebSocketOpening:
        """Open a WebSocket: `ws = await user.websocket("/chat")`, or `async with user.websocket("/chat") as ws`.

        It is sent what `user.http` sends with each request: headers, cookies and credentials.
        """
        return WebSocketOpening(self._transport, self.http, path, subprotocols, headers or {})

    def check(self, condition: object, name: str) -> bool:
        """Count whether a condition holds, under a name; return whether it does. It fails nothing."""
        passed = bool(condition)
        if self._transport.recorded:
            self._state.samples.check(name, passed)
        if self._state.tracer is not None:
            self._state.tracer.checked(name, passed)
        return passed

    def name(self, name: str) -> None:
        """Name the next request of this user, in place of its method and path."""
        self._transport.next_name = name


class Step:
    """A part of an iteration, timed from its begin to its end, pauses included."""

    __slots__ = ("_name", "_state", "_stopwatch", "_transport")

    def __init__(self, state: WorkerState, transport: UserTransport, name: str) -> None:
        self._state = state
        self._transport = transport
        self._name = name
        self._stopwatch: Stopwatch

    async def __aenter__(self) -> None:
        if self._state.tracer is not None:
            self._state.tracer.step_begins(self._name)
        self._stopwatch = Stopwatch(self._state.gate)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        state, after_ns = self._state, self._stopwatch.elapsed_ns()
        recorder = state.unrecorded
        if self._transport.recorded:
            recorder = state.samples.recorders[state.samples.named("step", self._name)]
        outcome = record_end(recorder, error, 0, after_ns)
        if state.tracer is not None:
            state.tracer.step_ends(self._name, after_ns, outcome)


def _client(state: WorkerState, transport: UserTransport) -> httpx.AsyncClient:
    return UserClient(
        state.urls,
        transport=transport,
        base_url=state.destinations.base_url,
        timeout=state.timeout_ns / _SECOND_NS,
        trust_env=False,
    )
