"""What became of the requests of a trial: their times, their failures, and the figures of each kind."""

from typing import Literal

from pydantic import Field

from loadlab.results.probe_data import Document

KindLevel = Literal["request", "step", "iteration"]


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


class Interval(Document):
    """A part of the measured window, in seconds from its start; for throughput over time."""

    start: float
    end: float
    requests: int


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
