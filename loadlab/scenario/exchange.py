"""A request of a scenario and how it ends: recorded once, whatever ends it."""

import time

import httpx

from loadlab.load.failures import Failure
from loadlab.recording.outcomes import Outcome
from loadlab.scenario.samples import name_of_request
from loadlab.scenario.tracing import BODY_BYTES
from loadlab.scenario.worker_state import WorkerState


class Exchange:
    """A request until its answer has been read; it has one outcome. `kind` is the number of what records it.

    While it is paused, as the scenario has the next move, the silence between windows does not count in its time.
    """

    __slots__ = (
        "_is_over",
        "_paused_ns",
        "_silent_ns",
        "_traced",
        "begun_ns",
        "kind",
        "recorder",
        "request",
        "state",
        "statuses",
    )

    def __init__(self, state: WorkerState, request: httpx.Request, kind: int | None, statuses: frozenset[int]) -> None:
        self.state = state
        self.request = request
        self.kind = kind
        self.recorder = state.unrecorded if kind is None else state.samples.recorders[kind]
        self.statuses = statuses
        self._is_over = False
        self._paused_ns: int | None = None  # the silence so far when it was paused
        self._silent_ns: int | None = None  # and when it was found in silence first
        self._traced = 0
        if state.tracer is not None:
            name = name_of_request(request.method, request.url.path) if kind is None else state.samples.labels[kind][1]
            self._traced = state.tracer.request(request, name)
        self.begun_ns = time.monotonic_ns()
        state.under_way[self] = self.begun_ns

    def answer(self, status: int, arrived_ns: int, reused: bool, trace: "BodyTrace | None") -> None:
        """Record an answer that was read just now; `arrived_ns` is when the kernel had it, if that is known."""
        state, recorder = self.state, self.recorder
        done_ns = time.monotonic_ns()
        if self._paused_ns is not None:
            self.resume()
        service_ns = done_ns - self.begun_ns
        expected = status in self.statuses
        if not (expected and state.samples.is_usual(status)):
            recorder.count_status(status, expected)
        if expected:
            dispatch_ns = done_ns - state.loop.batch_ns
            recorder.prompt.append(service_ns)
            # It may have been sent in the same turn: an event that was kept is not waited for.
            recorder.prompt_dispatch.append(dispatch_ns if dispatch_ns < service_ns else service_ns)
            if arrived_ns:
                recorder.client.append(done_ns - arrived_ns)
        else:
            recorder.fail(Outcome.STATUS, f"status {status}", None, b"", service_ns, reused)
        if trace is not None and state.tracer is not None:
            beginning = bytes(trace.beginning)
            state.tracer.answered(self._traced, trace.answer, beginning, trace.size_bytes, service_ns, expected)
        self._end()

    def fail(self, failure: Failure, received: bytes, reused: bool) -> None:
        """Record that there is no answer, and why."""
        after_ns = time.monotonic_ns() - self.begun_ns
        self.recorder.fail(failure.outcome, failure.reason, failure.errno, received, after_ns, reused)
        self._end()
        if self.state.tracer is not None:
            self.state.tracer.failed(self._traced, failure.reason, after_ns)

    def give_up(self, error: BaseException) -> None:
        """Record that the scenario itself has ended it by `error` before its answer came, if it has no outcome yet."""
        if self._is_over:
            return
        self.recorder.outcomes[Outcome.CUT] += 1
        self._end()
        if self.state.tracer is not None:
            reason = str(error) or type(error).__name__
            self.state.tracer.failed(self._traced, reason, time.monotonic_ns() - self.begun_ns)

    def pause(self) -> None:
        """Take note that the scenario has the next move, not the server."""
        self._paused_ns = self.state.gate.silent_ns()
        self.state.under_way.pop(self, None)

    def resume(self) -> None:
        """Take note that the server has the next move again."""
        assert self._paused_ns is not None
        self.begun_ns += self.state.gate.silent_ns() - self._paused_ns
        self._paused_ns = None
        self.state.under_way[self] = self.begun_ns

    @property
    def outlasts_window(self) -> bool:
        """Whether it goes on in the silence between windows for longer than the load's timeout: nobody waits for that.

        Then the body of its answer is not read on until the next window.
        """
        state = self.state
        if not state.gate.shut:
            return False
        silent_ns = state.gate.silent_ns()
        if self._silent_ns is None:
            self._silent_ns = silent_ns
        return silent_ns - self._silent_ns > state.timeout_ns

    def _end(self) -> None:
        self._is_over = True
        self.state.under_way.pop(self, None)


class BodyTrace:
    """What is shown of an answer: the beginning of its body, as it was read."""

    def __init__(self, answer: httpx.Response) -> None:
        self.answer = answer
        self.beginning = bytearray()
        self.size_bytes = 0

    def add(self, piece: bytes) -> None:
        """Take a piece of the body."""
        self.size_bytes += len(piece)
        self.beginning += piece[: BODY_BYTES - len(self.beginning)]
