"""How long iterations and steps took, and how they ended."""

import time
from typing import Final

import httpx

from loadlab.load.failures import Failure
from loadlab.load.pacing import Gate
from loadlab.recording.outcomes import Outcome
from loadlab.recording.recorder import SAMPLES_OF_OUTCOME, Recorder
from loadlab.scenario.failures import RequestFailed
from loadlab.scenario.tracebacks import format_trace

_CUT: Final = Failure(Outcome.CUT, "the scenario was ended")


class Stopwatch:
    """The time since it was made; the silence between windows, when everything stands still, does not count."""

    __slots__ = ("_gate", "_silent_ns", "begun_ns")

    def __init__(self, gate: Gate) -> None:
        self._gate = gate
        self._silent_ns = gate.silent_ns()
        self.begun_ns = time.monotonic_ns()

    def elapsed_ns(self) -> int:
        """Return how long it has been running."""
        return time.monotonic_ns() - self.begun_ns - (self._gate.silent_ns() - self._silent_ns)


def failure_of(error: BaseException | None) -> Failure | None:
    """Return how an iteration or a step ended that `error` has left; None if it ended as it should."""
    match error:
        case None:
            return None
        case httpx.HTTPStatusError():
            return Failure(Outcome.STATUS, f"status {error.response.status_code}")
        case BaseException(__cause__=RequestFailed() as cause):
            return cause.failure
        case httpx.RemoteProtocolError() | httpx.DecodingError():  # found by httpx in an answer that was complete
            return Failure(Outcome.MALFORMED, str(error))
        case httpx.TooManyRedirects():
            return Failure(Outcome.UNEXPECTED, str(error))
        case Exception() | SystemExit():
            text = str(error).partition("\n")[0]
            return Failure(Outcome.SCRIPT_ERROR, f"{type(error).__name__}: {text}" if text else type(error).__name__)
        case _:
            return _CUT


def record_end(recorder: Recorder, error: BaseException | None, lateness_ns: int, service_ns: int) -> Outcome:
    """Record an iteration or a step that ended with `error`, or as it should; return its outcome."""
    failure = failure_of(error)
    if failure is None:
        if lateness_ns:
            recorder.late.extend((lateness_ns, service_ns, 0))
        else:
            recorder.prompt.append(service_ns)
            recorder.prompt_dispatch.append(0)
        return Outcome.OK
    outcome = failure.outcome
    if outcome is Outcome.CUT:
        recorder.outcomes[outcome] += 1
        return outcome
    trace = ""
    if outcome is Outcome.SCRIPT_ERROR and error is not None and recorder.outcomes[outcome] < SAMPLES_OF_OUTCOME:
        trace = format_trace(error)
    recorder.fail(outcome, failure.reason, failure.errno, b"", service_ns, reused=False, traceback=trace)
    return outcome
