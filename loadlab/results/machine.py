"""One of several machines that generated the load of a trial."""

from pydantic import Field

from loadlab.results.probe_data import Document, ProcessUsage
from loadlab.results.requests import KindResult, LatencySummary
from loadlab.results.speed import Speed
from loadlab.results.verdict import Verdict


class ClockResult(Document):
    """The clock of a machine against that of the coordinator: its offset in the middle of the window.

    The offset is known to within `bound_ns`, half the shortest round trip that it was measured by; it changed by
    `drift_ppm` millionths from the begin of the window to its end, which is known to within `drift_bound_ppm`.
    """

    offset_ns: int
    bound_ns: int
    drift_ppm: float
    drift_bound_ppm: float = 0.0


class MachineResult(Document):
    """One of several machines that generated the load of a trial: its share, what it used, and its own verdict.

    The figures are those of its workers, in the terms of a trial; with a scenario also those of its `iterations`.
    `client` is what they used, and `speed` that of its cores against the run's median.
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
    outcomes: dict[str, int] = Field(default={})
    response_ns: LatencySummary = LatencySummary()
    service_ns: LatencySummary = LatencySummary()
    lateness_ns: LatencySummary = LatencySummary()
    dispatch_ns: LatencySummary = LatencySummary()
    client_ns: LatencySummary = LatencySummary()
    delay_ns: LatencySummary = LatencySummary()
    iterations: KindResult | None = None
    client: ProcessUsage | None = None
    speed: Speed = Speed()
    clock: ClockResult | None = None
    verdict: Verdict = Verdict(state="valid")
