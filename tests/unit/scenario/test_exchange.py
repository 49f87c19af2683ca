"""A request has one outcome, and its time is the server's and the scenario's, without the silence between windows."""

import httpx
import pytest

from loadlab.kernel import Loop, run
from loadlab.load.failures import Failure
from loadlab.recording.outcomes import Outcome
from loadlab.recording.recorder import Metric
from loadlab.scenario.exchange import BodyTrace, Exchange
from loadlab.scenario.tracing import BODY_BYTES
from loadlab.scenario.worker_state import WorkerState

from .state import AUTHORITY, state_of, taken

REQUEST = httpx.Request("GET", f"http://{AUTHORITY}/x")
STATUSES = frozenset([200, 404])


def begun(state: WorkerState) -> Exchange:
    return Exchange(state, REQUEST, state.samples.named("request", "x"), STATUSES)


@pytest.mark.parametrize(
    ("status", "outcome", "counted"), [(200, Outcome.OK, 200), (404, Outcome.OK, 404), (500, Outcome.STATUS, 500)]
)
def test_an_answer(status: int, outcome: Outcome, counted: int) -> None:
    async def main(loop: Loop) -> None:
        state = state_of(loop)
        exchange = begun(state)
        assert [*state.under_way] == [exchange]
        exchange.answer(status, 0, reused=False, trace=None)
        exchange.give_up(KeyError())
        assert not state.under_way
        snapshot = taken(state)["request", "x"]
        assert {key: count for key, count in snapshot.outcomes.items() if count} == {outcome: 1}
        assert snapshot.statuses == {str(counted): 1}

    run(main)


def test_a_failure_and_what_the_scenario_gave_up() -> None:
    async def main(loop: Loop) -> None:
        state = state_of(loop)
        failed, given_up = begun(state), begun(state)
        failed.fail(Failure(Outcome.RESET, "reset", 104), b"HTT", reused=True)
        failed.give_up(KeyError())
        given_up.give_up(KeyError())
        given_up.give_up(KeyError())
        assert not state.under_way
        snapshot = taken(state)["request", "x"]
        assert {key: count for key, count in snapshot.outcomes.items() if count} == {"reset": 1, "cut": 1}
        (sample,) = snapshot.samples
        assert (sample.reason, sample.errno, sample.received, sample.reused) == ("reset", 104, b"HTT", True)

    run(main)


def test_the_silence_while_it_is_paused_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main(loop: Loop) -> int:
        state, now_ns = state_of(loop), 10**18
        monkeypatch.setattr("time.monotonic_ns", lambda: now_ns)
        state.gate.close()
        state.gate.open()
        exchange = begun(state)
        for paused, passed_ns, moves in (
            (False, 1_000, state.gate.close),
            (False, 2_000, state.gate.open),  # the server has the next move: it counts
            (True, 4_000, state.gate.close),
            (True, 1_000_000, state.gate.open),  # the scenario stands still: it does not
            (True, 8_000, state.gate.close),
            (True, 1_000_000, lambda: None),
        ):
            if paused:
                exchange.pause()
                assert not state.under_way
            now_ns += passed_ns
            if paused:
                exchange.resume()
            moves()
        exchange.pause()
        now_ns += 1_000_000
        loop.batch_ns = now_ns
        exchange.answer(200, 0, reused=False, trace=None)
        assert not state.under_way
        (service_ns,) = state.samples.recorders[1].prompt
        monkeypatch.undo()
        return service_ns

    assert run(main) == 15_000


def test_an_answer_without_end_outlasts_a_window(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main(loop: Loop) -> list[bool]:
        state, now_ns, found = state_of(loop), 10**18, []
        monkeypatch.setattr("time.monotonic_ns", lambda: now_ns)
        state.gate.close()
        state.gate.open()
        exchange = begun(state)
        exchange.pause()
        exchange.resume()
        now_ns += 100 * state.timeout_ns
        found.append(exchange.outlasts_window)
        state.gate.close()
        found.append(exchange.outlasts_window)  # from now on
        now_ns += state.timeout_ns
        found.append(exchange.outlasts_window)
        now_ns += 1
        found.append(exchange.outlasts_window)
        state.gate.open()
        found.append(exchange.outlasts_window)
        monkeypatch.undo()
        return found

    assert run(main) == [False, False, False, True, False]


def test_parts_of_a_time_are_never_negative() -> None:
    async def main(loop: Loop) -> None:
        state = state_of(loop)
        exchange = begun(state)
        loop.batch_ns = exchange.begun_ns - 5_000_000  # an event was kept from a turn before
        exchange.answer(200, 0, reused=False, trace=None)
        recorder = state.samples.recorders[1]
        assert recorder.prompt_dispatch[0] <= recorder.prompt[0]
        recorder.fold()
        assert recorder.take(0, 1, tuple(Metric)).outcomes[Outcome.OK] == 1

    run(main)


def test_of_a_body_the_beginning_is_shown() -> None:
    trace = BodyTrace(httpx.Response(200))
    for _ in range(3):
        trace.add(b"x" * BODY_BYTES)
    assert (len(trace.beginning), trace.size_bytes) == (BODY_BYTES, 3 * BODY_BYTES)
