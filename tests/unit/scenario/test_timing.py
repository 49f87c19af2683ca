"""How long iterations and steps took, and how what ended them is counted."""

import httpx
import pytest

from loadlab.kernel import Cancelled, CancelScope, Loop, run
from loadlab.load.failures import Failure
from loadlab.load.pacing import Gate
from loadlab.recording.outcomes import Outcome
from loadlab.recording.recorder import Metric, Recorder
from loadlab.scenario.failures import raise_as_httpx
from loadlab.scenario.timing import Stopwatch, failure_of, record_end

REQUEST = httpx.Request("GET", "http://x/")


class Clock:
    """The time as the test sets it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now_ns = 1_000
        monkeypatch.setattr("time.monotonic_ns", lambda: self.now_ns)


def test_silence_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main(loop: Loop) -> list[int]:
        gate, found = Gate(loop), []
        clock = Clock(monkeypatch)
        gate.open()
        clock.now_ns += 500
        watch = Stopwatch(gate)
        for passed_ns, then in (
            (10, gate.close),
            (1_000, gate.open),
            (20, gate.close),
            (300, gate.open),
            (1, gate.open),
        ):
            clock.now_ns += passed_ns
            found.append(watch.elapsed_ns())
            then()
        monkeypatch.undo()
        return found

    assert run(main) == [10, 10, 30, 30, 31]


def test_one_that_begins_in_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main(loop: Loop) -> int:
        gate = Gate(loop)
        clock = Clock(monkeypatch)
        clock.now_ns += 500
        watch = Stopwatch(gate)
        clock.now_ns += 500
        gate.open()
        clock.now_ns += 7
        elapsed_ns = watch.elapsed_ns()
        monkeypatch.undo()
        return elapsed_ns

    assert run(main) == 7


def raised(outcome: Outcome) -> BaseException:
    with pytest.raises(httpx.TransportError) as caught:
        raise_as_httpx(Failure(outcome, "why", 5), REQUEST, "read")
    return caught.value


@pytest.mark.parametrize(
    ("error", "outcome", "reason"),
    [
        (raised(Outcome.TIMEOUT), Outcome.TIMEOUT, "why"),
        (raised(Outcome.RESET), Outcome.RESET, "why"),
        (raised(Outcome.TLS), Outcome.TLS, "why"),
        (httpx.HTTPStatusError("", request=REQUEST, response=httpx.Response(503)), Outcome.STATUS, "status 503"),
        (httpx.DecodingError("bad gzip"), Outcome.MALFORMED, "bad gzip"),
        (httpx.RemoteProtocolError("no URL"), Outcome.MALFORMED, "no URL"),
        (httpx.TooManyRedirects("too many"), Outcome.UNEXPECTED, "too many"),
        (httpx.UnsupportedProtocol("not here"), Outcome.SCRIPT_ERROR, "UnsupportedProtocol: not here"),
        (KeyError("k"), Outcome.SCRIPT_ERROR, "KeyError: 'k'"),
        (ValueError("first\nsecond"), Outcome.SCRIPT_ERROR, "ValueError: first"),
        (AssertionError(), Outcome.SCRIPT_ERROR, "AssertionError"),
        (SystemExit(3), Outcome.SCRIPT_ERROR, "SystemExit: 3"),
    ],
)
def test_what_ended_it(error: BaseException, outcome: Outcome, reason: str) -> None:
    failure = failure_of(error)
    assert failure is not None
    assert (failure.outcome, failure.reason) == (outcome, reason)
    recorder = Recorder(0)
    assert record_end(recorder, error, 0, 7) is outcome
    snapshot = recorder.take(0, 1, ())
    assert snapshot.outcomes == {Outcome.OK: 0, outcome: 1} or snapshot.outcomes == {outcome: 1}
    (sample,) = snapshot.samples
    assert sample.reason == reason
    assert bool(sample.traceback) == (outcome is Outcome.SCRIPT_ERROR)


def test_an_own_error_that_a_failed_request_has_led_to_is_the_scenarios() -> None:
    error = ValueError("no price")
    error.__cause__ = raised(Outcome.TIMEOUT)
    failure = failure_of(error)
    assert failure is not None
    assert failure.outcome is Outcome.SCRIPT_ERROR


def test_what_was_cancelled_is_cut() -> None:
    async def main(loop: Loop) -> Cancelled:
        return Cancelled(CancelScope(loop))

    recorder = Recorder(0)
    assert record_end(recorder, run(main), 0, 7) is Outcome.CUT
    assert recorder.take(0, 1, ()).samples == []


@pytest.mark.parametrize("lateness_ns", [0, 3])
def test_what_ended_as_it_should(lateness_ns: int) -> None:
    recorder = Recorder(0)
    assert record_end(recorder, None, lateness_ns, 7) is Outcome.OK
    snapshot = recorder.take(0, 1, tuple(Metric))
    assert snapshot.outcomes[Outcome.OK] == 1
    assert Metric.RESPONSE in snapshot.histograms


def test_tracebacks_are_made_for_the_first_ones_only() -> None:
    recorder = Recorder(0)
    for _ in range(10):
        record_end(recorder, KeyError("k"), 0, 7)
    samples = recorder.take(0, 1, ()).samples
    assert len(samples) == 3
    assert all("KeyError" in sample.traceback for sample in samples)
