"""One trial of a run: what was measured once, for one combination of the sweep."""

from collections.abc import Sequence
from typing import Literal

from pydantic import Field

from loadlab.results.idle import ConnectionMemory, IdleSummary
from loadlab.results.machine import MachineResult
from loadlab.results.naming import Named, find_named
from loadlab.results.probe_data import ControlGroupUse, Document, Pressure, Probes, ProcessUsage
from loadlab.results.requests import (
    BlockingCode,
    CheckResult,
    ConnectCounts,
    FailureSample,
    Interval,
    KindResult,
    LatencySummary,
)
from loadlab.results.speed import Speed
from loadlab.results.verdict import Expectation, Verdict

LoadModel = Literal["closed", "open"]

LoadProtocol = Literal["http", "websocket", "tcp", "events"]

TrialState = Literal["done", "not possible", "failed", "interrupted"]

Scalar = str | int | float | bool | None


class TlsSession(Document):
    """What the TLS handshakes of a trial agreed on, such as TLSv1.3 and TLS_AES_256_GCM_SHA384."""

    version: str
    cipher: str


class LoadedServer(Document):
    """Where a trial's requests went: an IP address and port, or a Unix socket; `remote` if it is another machine's.

    Of the processes on another machine nothing is known, the trial's `target` is null, unless they are `on` a machine
    of the cluster that started or watched them.
    """

    address: str
    remote: bool = False
    on: str | None = None


class Round(Document):
    """One of several windows of a trial, on the same rig; `at` is when it began, in seconds after the run began.

    `cpu_ns_per_request` is the target's, `client_cpu_ns_per_request` the client's. Times are response times.
    """

    at: float
    window_ns: int
    requests: int
    requests_per_second: float | None
    failures: int = 0
    cpu_ns_per_request: float | None = None
    client_cpu_ns_per_request: float | None = None
    p50_ns: int | None = None
    p90_ns: int | None = None
    p99_ns: int | None = None
    speed: Speed = Speed()


class TrialResult(Document):
    """One trial: one combination of the sweep, measured once.

    For each request response = lateness + wire + dispatch, and service is the latter two. `client_ns` is the time that
    the client added, from the kernel's receive stamp on the response to its being parsed, for a sample of requests.
    `connect_ns`, `handshake_ns` (of TLS) and `upgrade_ns` (to a WebSocket) are of the connections that were opened
    within the window. `protocol` says what a request is: of HTTP, a message and its answer, or an event of a stream.
    `first_ns` is how long streams and streamed answers took to begin, `gap_ns` the time between their events or pieces,
    `delay_ns` how long events were under way that say when they were sent. `received_bytes` are those of events;
    `ended` streams were ended by the server, `unasked` messages had been asked for by no request, and as many `pings`
    were answered.
    `cut_age_ns` is how long ago the requests had been sent that were in flight when the window ended. They were
    finished then: `cut_outcomes` is what became of them, `cut_response_ns` how long those that are ok took in all.
    `offered_per_second` is the rate that an open model's schedule asked for within the window, with a scenario that of
    its iterations; `carried_over` requests
    were in flight when it began, and have their outcomes in it. Each request has one outcome. `statuses` counts all
    answers by their status, `retried` the requests that were sent again on another connection, `surplus` the answers
    behind which bytes came that nobody had asked for, `compared` those whose body and headers were compared with what
    the profile expects.

    With several `rounds` the figures are those of all of them together: medians over the rounds, and percentiles of all
    their requests. `confidence` has their 95 % intervals by metric, with the names that `expect` takes; it is empty for
    a single window. `speed` is that of the machine during the trial. `batch` numbers those trials that stood at the
    same time, and were measured in turn. A trial that the machine spoiled is measured again: `attempt` counts from 1.
    `at` is when its first window began, in seconds after the run began.

    A microbenchmark sets `cost_ns` and the fields after it, and none of requests. `cost_ns` is one wait or one switch
    (median of batches, `overhead_ns` of measuring included), `operation_ns` a wait with all that belongs to it,
    `run_ns` a whole chain of events, `bytes_per_unit` the memory of one unit of execution.
    """

    id: str
    repeat: int
    attempt: int = 1
    batch: int | None = None
    factors: dict[str, Scalar]
    state: TrialState
    reason: str | None = None
    verdict: Verdict
    at: float | None = None
    speed: Speed = Speed()
    rounds: list[Round] = Field(default=[])
    confidence: dict[str, tuple[float, float]] = Field(default={})
    window_ns: int = 0
    requests: int = 0
    requests_per_second: float | None = None
    load_model: LoadModel | None = None
    protocol: LoadProtocol = "http"
    offered_per_second: float | None = None
    outcomes: dict[str, int] = Field(default={})
    statuses: dict[str, int] = Field(default={})
    retried: int = 0
    surplus: int = 0
    compared: int = 0
    connects: ConnectCounts = ConnectCounts()
    failure_samples: list[FailureSample] = Field(default=[])
    carried_over: int = 0
    cut_age_ns: LatencySummary = LatencySummary()
    cut_outcomes: dict[str, int] = Field(default={})
    cut_response_ns: LatencySummary = LatencySummary()
    out_of_range: int = 0
    response_ns: LatencySummary = LatencySummary()
    service_ns: LatencySummary = LatencySummary()
    lateness_ns: LatencySummary = LatencySummary()
    wire_ns: LatencySummary = LatencySummary()
    dispatch_ns: LatencySummary = LatencySummary()
    client_ns: LatencySummary = LatencySummary()
    connect_ns: LatencySummary = LatencySummary()
    handshake_ns: LatencySummary = LatencySummary()
    upgrade_ns: LatencySummary = LatencySummary()
    first_ns: LatencySummary = LatencySummary()
    gap_ns: LatencySummary = LatencySummary()
    delay_ns: LatencySummary = LatencySummary()
    received_bytes: int = 0
    ended: int = 0
    unasked: int = 0
    pings: int = 0
    kinds: list[KindResult] = Field(default=[])
    checks: list[CheckResult] = Field(default=[])
    blocking: list[BlockingCode] = Field(default=[])
    machines: list[MachineResult] = Field(default=[])
    server: LoadedServer | None = None
    tls: TlsSession | None = None
    idle: IdleSummary | None = None
    connection_memory: ConnectionMemory | None = None
    target: ProcessUsage | None = None
    client: ProcessUsage | None = None
    intervals: list[Interval] = Field(default=[])
    cost_ns: float | None = None
    cost_ns_min: float | None = None
    overhead_ns: float | None = None
    operation_ns: float | None = None
    run_ns: float | None = None
    bytes_per_unit: float | None = None
    expectations: list[Expectation] = Field(default=[])
    placement: dict[str, list[int]] = Field(default={})
    control_groups: list[ControlGroupUse] = Field(default=[])
    pressure: Pressure | None = None
    probes: Probes = Probes()

    @property
    def iterations(self) -> KindResult | None:
        """The iterations of its scenario; None without one."""
        return next((kind for kind in self.kinds if kind.level == "iteration"), None)

    def step(self, name: str) -> KindResult:
        """Return the figures of a step of its scenario. Raises LookupError where there is none of that name."""
        return self._find("step", name, [kind for kind in self.kinds if kind.level == "step"])

    def request(self, name: str) -> KindResult:
        """Return the figures of one kind of request. Raises LookupError where there is none of that name."""
        return self._find("request", name, [kind for kind in self.kinds if kind.level == "request"])

    def check(self, name: str) -> CheckResult:
        """Return how many times a check of its scenario passed and failed. Raises LookupError where there is none."""
        return self._find("check", name, self.checks)

    def _find(self, what: str, name: str, known: Sequence[Named]) -> Named:
        state = "" if self.state == "done" else f" ({self.state}: {self.reason})"
        return find_named(what, name, known, f"trial {self.id}{state}")

    @property
    def scheduled(self) -> "TrialResult | KindResult":
        """What the schedule of an open load is about, with its outcomes and lateness: iterations, or else requests."""
        return self.iterations or self

    @property
    def is_credible(self) -> bool:
        """Whether the figures may be taken as the target's: the trial was completed and is not invalid."""
        return self.state == "done" and self.verdict.state != "invalid"

    @property
    def events_per_wait(self) -> float | None:
        """How many events the target's waiting calls returned on average; None if they were not counted."""
        syscalls = self.probes.syscalls
        return syscalls.target.mean_events_per_wait if syscalls and syscalls.target else None
