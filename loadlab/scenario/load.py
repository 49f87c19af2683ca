"""All users of a scenario in one worker: made, connected, and let iterate; what `ActiveLoad` is for requests."""

import json
import time
from collections.abc import Callable, Collection, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from loadlab.kernel.loop import Loop
from loadlab.kernel.sockets import Address, PlainTransport
from loadlab.kernel.tls import TlsClient
from loadlab.load.entrance import Entrance
from loadlab.load.pacing import Gate, Pacing
from loadlab.load.stamping import Stamping
from loadlab.recording.outcomes import Outcome
from loadlab.scenario.blocking import BlockingWatch
from loadlab.scenario.destinations import Destination, Destinations
from loadlab.scenario.driving import drive
from loadlab.scenario.iterations import Iterations
from loadlab.scenario.other_loops import forbid_other_loops
from loadlab.scenario.pool import Connection, Pool
from loadlab.scenario.samples import Samples
from loadlab.scenario.script import Script, ScriptError, load_script
from loadlab.scenario.threads import Threads
from loadlab.scenario.timing import Stopwatch, failure_of
from loadlab.scenario.tracebacks import format_trace
from loadlab.scenario.tracing import Tracer
from loadlab.scenario.transport import UserTransport
from loadlab.scenario.user import Shared, User
from loadlab.scenario.worker_state import WorkerState

_LEAVING_NS: Final = 3_000_000_000
_PROBLEMS: Final = 3


class ScenarioSource(Protocol):
    """What a worker is given of a scenario; `fleet.messages.ScenarioPart` says what each is."""

    @property
    def function(self) -> str: ...
    @property
    def main(self) -> str: ...
    @property
    def files(self) -> Mapping[str, str]: ...
    @property
    def authority(self) -> str: ...
    @property
    def statuses(self) -> Sequence[int]: ...
    @property
    def columns(self) -> Sequence[str]: ...
    @property
    def rows(self) -> Sequence[Sequence[str]]: ...
    @property
    def shared(self) -> bytes: ...
    @property
    def allow_remote(self) -> Collection[str]: ...


@dataclass(frozen=True, slots=True)
class Place:
    """Where a worker is among the workers of a load, and where its users connect to and from.

    `sources` are (local address or None for the kernel's choice, users). `seed` is the run's.
    A connection that `keeps` is used again behind an answer.
    """

    share: int
    shares: int
    seed: int
    address: Address
    tls: TlsClient | None
    sources: Sequence[tuple[str | None, int]]
    timeout_ns: int
    retry: bool = True
    keeps: bool = True


class ScenarioLoad:
    """The users of one worker.

    They are silent while `gate` is closed: they begin no iteration and no request, and their pauses stand still.
    """

    def __init__(
        self,
        loop: Loop,
        source: ScenarioSource,
        place: Place,
        gate: Gate,
        stamping: Stamping,
        watch: BlockingWatch,
        pacing: Pacing | None = None,
        tracer: Tracer | None = None,
    ) -> None:
        self._loop = loop
        self._source = source
        self._place = place
        self._pacing = pacing
        target = Destination(place.address, place.tls, is_target=True)
        threads = Threads(loop)
        destinations = Destinations(loop, threads, target, source.authority, source.allow_remote)
        self.samples = Samples(source.function, frozenset(source.statuses))
        self._state = WorkerState(
            loop=loop,
            gate=gate,
            samples=self.samples,
            destinations=destinations,
            threads=threads,
            watch=watch,
            stamping=stamping,
            timeout_ns=place.timeout_ns,
            retry=place.retry,
            shared=json.loads(source.shared),
            tracer=tracer,
        )
        self._plain = PlainTransport(loop)
        self._users: list[User] = []
        self._transports: list[UserTransport] = []
        self._iterations: list[Iterations] = []
        self._script: Script

    @property
    def in_flight(self) -> int:
        """How many requests wait for the server; between windows only those that must be over within their timeout."""
        return sum(not exchange.outlasts_window for exchange in self._state.under_way)

    @property
    def iterations_under_way(self) -> int:
        """How many iterations have been begun and have not ended."""
        return sum(each.under_way for each in self._iterations)

    @property
    def watch(self) -> BlockingWatch:
        """What finds code that blocks."""
        return self._state.watch

    def kinds_in_flight(self) -> list[int]:
        """Return of which kinds the requests are that wait for the server; only those that count."""
        kinds = (exchange.kind for exchange in self._state.under_way)
        return [kind for kind in kinds if kind is not None]

    def kinds_of(self, users: Sequence[int]) -> list[int]:
        """Return of which kinds are what these users begin next: iterations."""
        return [0] * len(users)

    def ages_ns(self, now_ns: int) -> list[int]:
        """Return how long ago each request was begun that waits for the server."""
        return [now_ns - begun_ns for begun_ns in self._state.under_way.values()]

    def count_unasked(self) -> None:
        """Do nothing: whatever comes unasked ends a connection."""

    def load_script(self) -> Script:
        """Execute the scenario's file. Raises ScriptError."""
        forbid_other_loops()
        self._state.watch.step_began_ns = time.monotonic_ns()  # so that one that never ends is found
        self._script = load_script(self._source.files, self._source.main, self._source.function)
        self._state.watch.step_began_ns = 0
        return self._script

    async def open(self) -> None:
        """Make the users, connect each to the target and let it start. Raises ScriptError."""
        script, place, state = self.load_script(), self._place, self._state
        sources = [source for source, users in place.sources for _ in range(users)]
        for number, local in enumerate(sources):
            transport = UserTransport(state, Pool(self._loop, self._plain, local, place.keeps))
            user = User(state, transport, place.share + number * place.shares, self._row(number), place.seed)
            self._users.append(user)
            self._transports.append(transport)
            self._iterations.append(Iterations(state, script, user, transport, self._pacing, number))
        await self._for_all_users(self._start)

    async def run(self) -> None:
        """Let all users iterate whenever the gate is open, until cancelled. Raises ScriptError if that is hopeless."""
        async with self._loop.task_group() as group:
            for iterations in self._iterations:
                group.start(iterations.run(), "user")

    async def show_iteration(self) -> None:
        """Call all functions of the scenario that there are, in their order, the iteration once, for the first user.

        What they do is shown by the tracer. Raises ScriptError only if the file itself cannot be executed.
        """
        await self._show_all(self.load_script())

    async def leave(self) -> list[str]:
        """Let each user take its leave (`on_stop`), within a few seconds; return the problems of a few."""
        on_stop, problems = self._script.on_stop, []
        if on_stop is None:
            return []

        async def take_leave(number: int) -> None:
            try:
                await self._call(on_stop, self._users[number], self._transports[number])
            except ScriptError as error:
                problems.append(f"on_stop: {error}")

        with self._loop.time_scope(_LEAVING_NS) as scope:
            await self._for_all_users(take_leave)
        if scope.cancelled:
            problems.append(f"on_stop: not all users were done within {_LEAVING_NS / 1e9:.0f} s")
        return problems[:_PROBLEMS]

    def close(self) -> None:
        """End all connections and threads, once nothing is under way any more."""
        for transport in self._transports:
            transport.abandon()
            transport.pool.close_all()
        self._state.threads.close()

    async def call_shared(self, name: str) -> bytes:
        """Call `setup` or `teardown`, if the scenario has it; return what it returned as JSON. Raises ScriptError."""
        script = self.load_script()
        function = script.setup if name == "setup" else script.teardown
        if function is None:
            return b"null"
        transport = UserTransport(self._state, Pool(self._loop, self._plain, None))
        result = await self._call(function, Shared(self._state, transport, self._rows(), self._place.seed), transport)
        return _as_json(result) if name == "setup" else b"null"

    async def _for_all_users(self, call: Callable[[int], Coroutine[Any, Any, None]]) -> None:
        """Call a function with the number of each user, a few at a time."""
        entrance = Entrance(self._loop)

        async def enter(number: int) -> None:
            async with entrance:
                await call(number)

        async with self._loop.task_group() as group:
            for number in range(len(self._users)):
                group.start(enter(number), "start or stop a user")

    async def _start(self, number: int) -> None:
        """Connect a user, and let it start."""
        transport = self._transports[number]
        made = await transport.pool.open(
            self._state.destinations.target, self._place.timeout_ns, self._state.samples.iteration
        )
        if isinstance(made, Connection):
            transport.pool.keep(made)
        if self._script.on_start is not None:
            await self._call(self._script.on_start, self._users[number], transport)

    async def _call(self, function: Any, argument: User | Shared, transport: UserTransport) -> Any:  # noqa: ANN401 - the user's
        """Call a function of the scenario that is not measured. Raises ScriptError if it fails."""
        recorded, transport.recorded = transport.recorded, False
        try:
            return await drive(function(argument), self._state.watch)
        except (Exception, SystemExit) as error:
            raise ScriptError(format_trace(error)) from None
        finally:
            transport.abandon()
            transport.recorded = recorded

    async def _show_all(self, script: Script) -> None:
        state = self._state
        common = UserTransport(state, Pool(self._loop, self._plain, None))
        common.recorded = False
        shared = Shared(state, common, self._rows(), self._place.seed)
        if script.setup is not None:
            error, result = await self._show("setup", script.setup(shared), common)
            if error is not None:
                return
            state.shared = shared.shared = json.loads(_as_json(result))
        transport = UserTransport(state, Pool(self._loop, self._plain, None, self._place.keeps))
        user = User(state, transport, 0, self._row(0), self._place.seed)
        error = None
        if script.on_start is not None:
            error, _ = await self._show("on_start", script.on_start(user), transport)
        if error is None:
            await self._show(self._source.function, script.iteration(user), transport)
            if script.on_stop is not None:
                await self._show("on_stop", script.on_stop(user), transport)
        if script.teardown is not None:
            await self._show("teardown", script.teardown(shared), common)

    async def _show(
        self, name: str, coroutine: Coroutine[Any, Any, Any], transport: UserTransport
    ) -> tuple[BaseException | None, Any]:
        """Run a function of the scenario, and show its end; return its error and what it returned."""
        tracer = self._state.tracer
        assert tracer is not None
        tracer.function_begins(name)
        stopwatch, error, result = Stopwatch(self._state.gate), None, None
        try:
            result = await drive(coroutine, self._state.watch)
            if name == "setup":
                _as_json(result)
        except (Exception, SystemExit) as raised:
            error = raised
        finally:
            transport.abandon()
        for line in self.watch.take():
            tracer.blocked(line.where, line.code, line.longest_ns)
        failure = failure_of(error)
        outcome = Outcome.OK if failure is None else failure.outcome
        tracer.function_ends(name, stopwatch.elapsed_ns(), outcome, format_trace(error) if error is not None else None)
        return error, result

    def _rows(self) -> list[dict[str, str]]:
        return [dict(zip(self._source.columns, row, strict=True)) for row in self._source.rows]

    def _row(self, number: int) -> Mapping[str, str]:
        """Return the row of data of user `number` of this worker."""
        rows = self._source.rows
        return dict(zip(self._source.columns, rows[number % len(rows)], strict=True)) if rows else {}


def _as_json(result: Any) -> bytes:  # noqa: ANN401 - whatever `setup` returned
    """Return what `setup` returned, for other processes. Raises ScriptError if it is no plain data."""
    try:
        return json.dumps(result).encode()
    except (TypeError, ValueError) as error:
        raise ScriptError(f"setup has to return plain data (texts, numbers, lists, dicts): {error}") from None
