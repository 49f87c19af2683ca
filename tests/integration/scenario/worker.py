"""A load worker's scenario in the process of the test: its users on a loop, with coroutines of the test's own."""

import time
from collections import Counter
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Generic, Literal, TypeVar, cast
from unittest.mock import patch

from loadlab.fleet.channel import Channel
from loadlab.fleet.crew import fold_regularly, measure
from loadlab.fleet.messages import (
    ClosedPacing,
    Drained,
    Endpoint,
    Finished,
    LoadPart,
    Message,
    OpenPacing,
    PlannedWindow,
    Recorded,
    ScenarioPart,
    SlowSending,
)
from loadlab.fleet.scenario_worker import ScenarioCrew
from loadlab.kernel import Loop, run
from loadlab.kernel.sockets import Address
from loadlab.recording.histogram import Histogram
from loadlab.recording.recorder import FailureSample, Snapshot
from loadlab.scenario import User
from loadlab.scenario.blocking import BlockingWatch
from loadlab.scenario.script import Script
from loadlab.tls import TlsSettings

T = TypeVar("T")

MS: Final = 1_000_000
SECOND: Final = 1_000 * MS
Iteration = Callable[[User], Coroutine[Any, Any, Any]]


@dataclass(frozen=True)
class Server:
    """Where a server listens, and what its URLs say."""

    address: Address
    authority: str
    tls: TlsSettings | None = None

    @classmethod
    def at(cls, address: tuple[str, int]) -> "Server":
        host, port = address
        return cls(address, f"[{host}]:{port}" if ":" in host else f"{host}:{port}")

    @property
    def url(self) -> str:
        return f"{'http' if self.tls is None else 'https'}://{self.authority}"


@dataclass(frozen=True)
class Settings:
    """What a profile says, as far as it is not the default."""

    users: int = 1
    timeout_ns: int = 10 * SECOND
    pacing: ClosedPacing | OpenPacing = field(default_factory=lambda: ClosedPacing(0, "constant"))
    per_request: bool = False
    retry: bool = True
    statuses: Sequence[int] = tuple(range(200, 400))
    share: int = 0
    shares: int = 1
    seed: int = 1
    rows: Sequence[dict[str, str]] = ()
    shared: bytes = b"null"


@dataclass
class Recordings:
    """What was recorded by level and name, all snapshots together, and what windows left undone."""

    outcomes: dict[tuple[str, str], Counter[str]] = field(default_factory=dict)
    statuses: Counter[str] = field(default_factory=Counter)
    connects: Counter[str] = field(default_factory=Counter)
    retried: int = 0
    surplus: int = 0
    samples: list[FailureSample] = field(default_factory=list)
    finished: list[Finished] = field(default_factory=list)
    checks: Counter[str] = field(default_factory=Counter)
    histograms: dict[tuple[str, str], dict[str, Histogram]] = field(default_factory=dict)

    def add(self, message: Recorded | Drained) -> None:
        """Take what was recorded in an interval, or of what was still in flight behind a window."""
        for label, encoded in zip(message.labels, message.snapshots, strict=True):
            snapshot = Snapshot.from_bytes(encoded)
            key = (label.level, label.name)
            self.outcomes.setdefault(key, Counter()).update(snapshot.outcomes)
            self.statuses.update(snapshot.statuses)
            self.connects.update(snapshot.connects)
            self.retried += snapshot.retried
            self.surplus += snapshot.surplus
            self.samples += snapshot.samples
            self._add_histograms(key, snapshot)

    def finish(self, message: Finished) -> None:
        """Take what was left undone at the end of a window."""
        self.finished.append(message)
        for check in message.checks:
            self.checks[f"{check.name} passed"] += check.passed
            self.checks[f"{check.name} failed"] += check.failed
        for label, encoded in zip(message.labels, message.rest, strict=True):
            self._add_histograms((label.level, label.name), Snapshot.from_bytes(encoded))

    def undone(self, level: str, what: Literal["cut", "dropped"]) -> int:
        """Return how many of a level were cut or dropped at the ends of windows."""
        each = [(finished.labels, getattr(finished, what)) for finished in self.finished]
        return sum(
            number
            for labels, all_of in each
            for label, number in zip(labels, all_of, strict=True)
            if label.level == level
        )

    def times(self, level: str, name: str, metric: str = "response") -> Histogram:
        """Return the times of one kind that was answered."""
        return self.histograms[level, name][metric]

    def _add_histograms(self, key: tuple[str, str], snapshot: Snapshot) -> None:
        of_kind = self.histograms.setdefault(key, {})
        for metric, encoded in snapshot.histograms.items():
            of_kind.setdefault(metric, Histogram()).absorb(encoded)

    def of(self, level: str) -> Counter[str]:
        """Return the outcomes of all of a level."""
        found = Counter[str]()
        for (known, _), outcomes in self.outcomes.items():
            if known == level:
                found.update(outcomes)
        return +found

    def names(self, level: str) -> dict[str, int]:
        """Return how many of each name there were that came to an end."""
        return {name: each.total() for (known, name), each in self.outcomes.items() if known == level and each.total()}


@dataclass
class Ran(Generic[T]):
    """What a single iteration returned, or the error that it ended with, and what was recorded meanwhile."""

    recorded: Recordings
    result: T
    error: BaseException | None = None


def part_of(server: Server, settings: Settings) -> LoadPart:
    columns = [*settings.rows[0]] if settings.rows else []
    return LoadPart(
        share=settings.share,
        shares=settings.shares,
        endpoint=Endpoint(server.address, [(None, settings.users)], server.tls),
        requests=[],
        seed=settings.seed,
        pacing=settings.pacing,
        slow=SlowSending(all=False, connections=0, pace_ns=MS),
        timeout_ns=settings.timeout_ns,
        retry=settings.retry,
        per_request=settings.per_request,
        scenario=ScenarioPart(
            function="iteration",
            main="",
            files={},
            authority=server.authority,
            statuses=[*settings.statuses],
            columns=columns,
            rows=[[*row.values()] for row in settings.rows],
            shared=settings.shared,
        ),
    )


async def _open_crew(loop: Loop, server: Server, settings: Settings, script: Script) -> ScenarioCrew:
    """Return the crew of a worker whose script is the test's own in place of a file's."""
    part = part_of(server, settings)
    assert part.scenario is not None
    crew = ScenarioCrew(loop, part, part.scenario, BlockingWatch())
    with (
        patch("loadlab.scenario.load.load_script", lambda *_: script),
        patch("loadlab.scenario.load.forbid_other_loops"),  # which are the test's own affair here
    ):
        await crew.load.open()
    return crew


def run_once(server: Server, call: Callable[[User], Coroutine[Any, Any, T]], **settings: Any) -> Ran[T]:  # noqa: ANN401 - fields of Settings
    """Run one iteration of one user, which is `call`; return what came of it. Nothing may be left of it."""
    results: list[T] = []
    errors: list[BaseException] = []

    async def iteration(user: User) -> None:
        try:
            results.append(await call(user))
        except BaseException as error:
            errors.append(error)
            raise

    chosen = Settings(pacing=ClosedPacing(0, "constant", 1), **settings)
    recorded = Recordings()

    async def main(loop: Loop) -> None:
        crew = await _open_crew(loop, server, chosen, Script(iteration, None, None, None, None))
        try:
            async with loop.task_group() as group:
                crew.start(group)
                assert crew.allowance is not None
                crew.allowance.begin(1)
                crew.gate.open()
                await crew.allowance.wait_used_up()
                group.cancel()
            assert not crew.in_flight
            assert not crew.load.iterations_under_way
            recorded.add(crew.take_interval(0, 1))
        finally:
            crew.load.close()

    run(main)
    return Ran(recorded, cast(T, results[0] if results else None), errors[0] if errors else None)


class Kept:
    """In place of the pipe to the coordinator."""

    def __init__(self) -> None:
        self.messages: list[Message] = []

    def send(self, message: Message) -> None:
        self.messages.append(message)


def run_windows(
    server: Server,
    iteration: Iteration,
    windows_ns: Sequence[int],
    on_start: Iteration | None = None,
    silence_ns: int = 20 * MS,
    **settings: Any,  # noqa: ANN401 - fields of Settings
) -> tuple[Recordings, Recordings]:
    """Measure windows of these lengths, one after the other with a silence between.

    Return what was recorded of them, and what beside: in the silence, and when all was ended.
    """
    chosen, kept, recorded, beside = Settings(**settings), Kept(), Recordings(), Recordings()

    async def main(loop: Loop) -> None:
        crew = await _open_crew(loop, server, chosen, Script(iteration, None, None, on_start, None))
        try:
            async with loop.task_group() as group:
                crew.start(group)
                for window_ns in windows_ns:
                    beside.add(crew.take_interval(0, 0))
                    async with loop.task_group() as folding:
                        folding.start(fold_regularly(loop, crew), "fold samples")
                        window = PlannedWindow(time.time_ns(), 0, window_ns, window_ns)
                        await measure(loop, cast(Channel, kept), crew, window, time.monotonic_ns())
                        folding.cancel()
                    while crew.in_flight:
                        await loop.sleep(MS)
                    kept.send(crew.drained())
                    await loop.sleep(silence_ns)
                group.cancel()
            beside.add(crew.take_interval(0, 0))
        finally:
            crew.load.close()

    run(main)
    for message in kept.messages:
        match message:
            case Recorded() | Drained():
                recorded.add(message)
            case Finished():
                recorded.finish(message)
    return recorded, beside
