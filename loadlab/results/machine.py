"""One of several machines that generated the load of a trial."""

from loadlab.results.probe_data import Document, ProcessUsage
from loadlab.results.requests import LatencySummary
from loadlab.results.speed import Speed
from loadlab.results.verdict import Verdict


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
