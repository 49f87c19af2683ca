"""The document in run.json: what one run found, trial by trial. docs/run-directory.md describes it for readers.

These models are the one contract with everything that reads a run: the page, `analysis`, tests and other tools. Times
are integer nanoseconds in names ending `_ns`, sizes bytes, other durations seconds. A field that could not be measured
is null, never zero.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, PrivateAttr

from loadlab.results.idle import ConnectionMemory, IdleSummary
from loadlab.results.laws import Law
from loadlab.results.naming import Named, find_named
from loadlab.results.paired import PairedComparison
from loadlab.results.probe_data import ControlGroupUse, Document, Pressure, Probes, ProcessUsage
from loadlab.results.speed import MachineSpeed, Speed

SCHEMA = "loadlab.run/1"

Severity = Literal["note", "suspect", "invalid"]
Judgement = Literal["valid", "suspect", "invalid"]
LoadModel = Literal["closed", "open"]
LoadProtocol = Literal["http", "websocket", "tcp", "events"]
KindLevel = Literal["request", "step", "iteration"]
TrialState = Literal["done", "not possible", "failed", "interrupted"]
Scalar = str | int | float | bool | None


class LatencySummary(Document):
    """Percentiles of one kind of time, in nanoseconds; all null where `count` is 0.

    `too_low` names the percentiles that requests would have raised which were still in flight when the window ended.
    """

    p50: int | None = None
    p90: int | None = None
    p99: int | None = None
    p99_9: int | None = Field(default=None, alias="p99.9")
    max: int | None = None
    mean: float | None = None
    count: int = 0
    too_low: list[str] = Field(default=[])


class ConnectCounts(Document):
    """Attempts to connect within the window: connections `opened`, and how many `failed`, by outcome.

    They are not requests: a connection that cannot be had is tried again and again, whether or not a request is due.
    """

    opened: int = 0
    failed: dict[str, int] = Field(default={})


class FailureSample(Document):
    """One request that failed, or one attempt to connect; the first few of each outcome are kept.

    `kind` is the name of the request. `reason` is what the parser or the operating system said, with its `errno`.
    `received` is the beginning of what had come of the answer, escaped. It took `after_ns`, on a connection that had
    carried requests before (`reused`) or was opened for it. `traceback` is that of a scenario's own error, with the
    lines of the user's files only.
    """

    outcome: str
    kind: str
    reason: str
    errno: int | None = None
    received: str = ""
    after_ns: int
    reused: bool
    traceback: str = ""


class TlsSession(Document):
    """What the TLS handshakes of a trial agreed on, such as TLSv1.3 and TLS_AES_256_GCM_SHA384."""

    version: str
    cipher: str


class LoadedServer(Document):
    """Where a trial's requests went: an IP address and port, or a Unix socket; `remote` if it is another machine's.

    Of the processes on another machine nothing is known: the trial's `target` is null.
    """

    address: str
    remote: bool = False


class Interval(Document):
    """A part of the measured window, in seconds from its start; for throughput over time."""

    start: float
    end: float
    requests: int


class Finding(Document):
    """One judgement on a measurement, with its evidence in the units of the result."""

    code: str
    severity: Severity
    text: str
    evidence: str
    advice: str


class Verdict(Document):
    """Whether a measurement can be believed; its state is that of its gravest finding."""

    state: Judgement
    findings: list[Finding] = Field(default=[])


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


class Expectation(Document):
    """One entry of the profile's `expect`, and whether it was met: by the trial that has it, or by a law of the run.

    `series` names the series of a law; it is empty for a trial.
    """

    text: str
    met: bool
    measured: str
    series: str = ""


class CheckResult(Document):
    """How many times a check of a scenario passed and failed."""

    name: str
    passed: int
    failed: int


class BlockingCode(Document):
    """A line of a scenario that held up its load worker: file and line, and for how long at most."""

    where: str
    code: str
    times: int
    longest_ns: int


class KindResult(Document):
    """The requests of one kind in a trial that mixes several, or of its slow senders.

    In a trial with a scenario also a step of it, or its whole iterations; `requests` is how many of these ended as
    expected, and only iterations can be late.
    """

    name: str
    level: KindLevel = "request"
    requests: int
    requests_per_second: float | None
    outcomes: dict[str, int]
    statuses: dict[str, int] = Field(default={})
    response_ns: LatencySummary
    service_ns: LatencySummary
    lateness_ns: LatencySummary = LatencySummary()


class ClockResult(Document):
    """The clock of a machine against that of the coordinator: its offset in the middle of the window.

    The offset is known to within `bound_ns`, half the shortest round trip that it was measured by; it changed by
    `drift_ppm` millionths from the begin of the window to its end.
    """

    offset_ns: int
    bound_ns: int
    drift_ppm: float


class MachineResult(Document):
    """One of several machines that generated the load of a trial: its share, what it used, and its own verdict.

    `requests` are those of its workers, `response_ns` and `lateness_ns` their times. `client` is what its workers used.
    """

    name: str
    host: str
    cores: int
    workers: int
    holders: int
    connections: int
    idle: int
    requests: int = 0
    requests_per_second: float | None = None
    failures: int = 0
    response_ns: LatencySummary = LatencySummary()
    lateness_ns: LatencySummary = LatencySummary()
    client_ns: LatencySummary = LatencySummary()
    client: ProcessUsage | None = None
    speed: Speed = Speed()
    clock: ClockResult | None = None
    verdict: Verdict = Verdict(state="valid")


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


class HostFingerprint(Document):
    """The machine that the run was made on, as far as it affects the figures."""

    hostname: str
    system: str
    kernel: str
    cpu: str
    cores: int
    memory_bytes: int
    python: str
    open_files_soft: int
    open_files_hard: int
    local_ports: tuple[int, int]
    load_average: float
    virtualised: bool | None = None


class Calibration(Document):
    """The client's own error on this machine, measured before the run against a bundled server, at a constant rate.

    `lateness_ns` is how late requests left, `client_ns` what the client added to their times.
    """

    requests_per_second: float
    connections: int
    lateness_ns: LatencySummary
    client_ns: LatencySummary


class RunDocument(Document):
    """All of run.json. Its own `expectations` are those on laws, checked when all trials are done.

    `spoiled` are attempts at trials that were measured again, as the machine had spoiled them. `scenario_files` has the
    SHA-256 of each source of its scenarios, by its path in the run directory's scenario/.
    """

    schema_: str = Field(default=SCHEMA, alias="schema")
    loadlab: str
    command: list[str]
    started: str
    finished: str | None = None
    seed: int
    profile: dict[str, Any]
    scenario_files: dict[str, str] = Field(default={})
    host: HostFingerprint
    calibration: Calibration | None = None
    verdict: Judgement
    interrupted: bool = False
    trials: list[TrialResult]
    trials_planned: int
    spoiled: list[TrialResult] = Field(default=[])
    speed: MachineSpeed | None = None
    ab: PairedComparison | None = None
    laws: list[Law] = Field(default=[])
    expectations: list[Expectation] = Field(default=[])
    _directory: Path | None = PrivateAttr(None)

    @property
    def directory(self) -> Path | None:
        """The run directory, where it was made by `loadlab.run_profile` and kept; it is not part of run.json."""
        return self._directory

    def kept_in(self, directory: Path) -> Self:
        """Return the same document with its run directory."""
        document = self.model_copy()
        document._directory = directory
        return document

    @property
    def trial(self) -> TrialResult:
        """The only trial of the run. Raises LookupError where there are several, or none."""
        if len(self.trials) != 1:
            raise LookupError(f"this run has {len(self.trials)} trials; choose one of `trials`, by its `factors`")
        return self.trials[0]

    @property
    def unmet_expectations(self) -> list[Expectation]:
        """What the profile expects (`expect`) and was not met: by a trial, or by a law of the run."""
        expectations = [*self.expectations, *(each for trial in self.trials for each in trial.expectations)]
        return [expectation for expectation in expectations if not expectation.met]
