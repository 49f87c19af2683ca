"""Each request has exactly one outcome, whatever the server does: schedule, or requests begun = sum of outcomes."""

import time
from collections import Counter
from contextlib import ExitStack
from typing import Final, cast

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from loadlab.fleet.channel import Channel
from loadlab.fleet.crew import measure
from loadlab.fleet.messages import (
    ClosedPacing,
    Endpoint,
    Finished,
    LoadPart,
    Message,
    OpenPacing,
    PlannedWindow,
    Recorded,
    SlowSending,
    WeightedRequest,
)
from loadlab.fleet.worker import RequestCrew
from loadlab.kernel import Loop, run
from loadlab.load.requests import NextTurn, Turn, take_turns
from loadlab.recording.recorder import Snapshot

from .faulty_server import ANSWERS, FaultyServer

pytestmark = pytest.mark.timeout(180)

MS: Final = 1_000_000
WINDOW_NS: Final = 400 * MS
LONGEST_NS: Final = 100_000 * MS
TIMEOUT_NS: Final = 60 * MS
USERS: Final = 6
RATE: Final = 1_000
REQUEST: Final = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


class Kept:
    """In place of the pipe to the coordinator."""

    def __init__(self) -> None:
        self.messages: list[Message] = []

    def send(self, message: Message) -> None:
        self.messages.append(message)


class Counted:
    """Counts the turns that users take."""

    def __init__(self) -> None:
        self.taken = 0

    def around(self, next_turn: NextTurn) -> NextTurn:
        def counted() -> Turn:
            self.taken += 1
            return next_turn()

        return counted


def part_of(address: tuple[str, int], pacing: ClosedPacing | OpenPacing, per_request: bool, retry: bool) -> LoadPart:
    return LoadPart(
        share=0,
        shares=1,
        endpoint=Endpoint(address, [(None, USERS)]),
        requests=[WeightedRequest([REQUEST], [200], 2), WeightedRequest([REQUEST], [200, 404])],
        seed=1,
        pacing=pacing,
        slow=SlowSending(all=False, connections=0, pace_ns=MS),
        timeout_ns=TIMEOUT_NS,
        per_request=per_request,
        retry=retry,
    )


def measured(
    part: LoadPart, monkeypatch: pytest.MonkeyPatch, warmup_ns: int = 0, window_ns: int = WINDOW_NS
) -> tuple[Counter[str], Finished, int]:
    """Measure a window; return its outcomes, what was left undone at its end, and how many turns were taken."""
    kept, counted = Kept(), Counted()

    async def main(loop: Loop) -> None:
        with monkeypatch.context() as patched:
            patched.setattr(
                "loadlab.fleet.worker.take_turns", lambda *arguments: counted.around(take_turns(*arguments))
            )
            crew = RequestCrew(loop, part)
        await crew.load.open()
        async with loop.task_group() as group:
            crew.start(group)
            start_ns = time.monotonic_ns() + warmup_ns
            window = PlannedWindow(time.time_ns() + warmup_ns, warmup_ns, window_ns, WINDOW_NS)
            await measure(loop, cast(Channel, kept), crew, window, start_ns)
            while crew.in_flight:
                await loop.sleep(MS)
            group.cancel()

    run(main)
    (finished,) = (message for message in kept.messages if isinstance(message, Finished))
    outcomes: Counter[str] = Counter()
    for message in kept.messages:
        if isinstance(message, Recorded):
            for each in message.snapshots:
                outcomes.update(Snapshot.from_bytes(each).outcomes)
    return outcomes, finished, counted.taken


# Shrinking would run hundreds of windows.
FEW_WINDOWS: Final = settings(
    max_examples=10,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@FEW_WINDOWS
@given(
    weights=st.tuples(st.integers(20, 200), *[st.integers(0, 5) for _ in ANSWERS[1:]]),
    seed=st.integers(0, 1000),
    away=st.tuples(st.floats(0, 0.4), st.floats(0, 0.6)),
    per_request=st.booleans(),
    retry=st.booleans(),
)
@pytest.mark.parametrize("model", ["open", "closed", "think"])
def test_each_request_has_one_outcome(
    model: str,
    weights: tuple[int, ...],
    seed: int,
    away: tuple[float, float],
    per_request: bool,
    retry: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pacing: ClosedPacing | OpenPacing = ClosedPacing(2 * MS if model == "think" else 0, "exponential")
    if model == "open":
        pacing = OpenPacing([(WINDOW_NS, RATE, RATE)], "constant", 0)
    server = FaultyServer(weights, seed, away)
    with ExitStack() as stack:
        stack.enter_context(server.serving())
        outcomes, finished, taken = measured(part_of(server.address, pacing, per_request, retry), monkeypatch)
    counted = outcomes.total() + sum(finished.cut) + sum(finished.dropped)
    if model == "open":
        assert counted == RATE * WINDOW_NS // 1_000_000_000 + finished.carried_over
    else:
        # A user whose turn has not come has drawn its next request already.
        assert 0 <= taken - counted <= USERS


@FEW_WINDOWS
@given(
    weights=st.tuples(st.integers(20, 200), *[st.integers(0, 5) for _ in ANSWERS[1:]]),
    seed=st.integers(0, 1000),
    away=st.tuples(st.floats(0, 0.4), st.floats(0, 0.6)),
    per_request=st.booleans(),
    think_ns=st.sampled_from([0, 2 * MS]),
    warmup_ns=st.sampled_from([0, 50 * MS]),
    requests=st.sampled_from([0, 1, USERS, 200]),
)
def test_a_number_of_requests_is_kept_exactly(
    weights: tuple[int, ...],
    seed: int,
    away: tuple[float, float],
    per_request: bool,
    think_ns: int,
    warmup_ns: int,
    requests: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pacing = ClosedPacing(think_ns, "exponential", requests)
    server = FaultyServer(weights, seed, away)
    with ExitStack() as stack:
        stack.enter_context(server.serving())
        part = part_of(server.address, pacing, per_request, retry=True)
        outcomes, finished, taken = measured(part, monkeypatch, warmup_ns, LONGEST_NS)
    assert not sum(finished.cut)
    assert outcomes.total() == max(requests, finished.carried_over)
    if not warmup_ns:
        assert taken <= requests + USERS
