from loadlab.report.client_error import describe_calibration
from loadlab.results.model import Calibration, LatencySummary

LATE = LatencySummary(p50=1_290, p99=4_870, count=2_004)
ADDED = LatencySummary(p50=4_800, p99=9_500, count=2_004)


def test_how_late_and_how_much_is_added() -> None:
    calibration = Calibration(requests_per_second=4_000, connections=16, lateness_ns=LATE, client_ns=ADDED)
    assert describe_calibration(calibration).startswith(
        "Before the run, at 4,000 requests/s over 16 connections of a bundled server, requests left late by 1.29 µs "
        "(p50) and 4.87 µs (p99), and the client added 4.8 µs (p50) and 9.5 µs (p99) to their times"
    )


def test_a_percentile_with_too_few_samples_is_not_told() -> None:
    few = ADDED.model_copy(update={"count": 900})
    nothing = LatencySummary()
    told = describe_calibration(Calibration(requests_per_second=1, connections=1, lateness_ns=nothing, client_ns=few))
    assert "left late by an unknown time, and the client added 4.8 µs (p50) to their times" in told


def test_a_run_without_calibration_tells_nothing() -> None:
    assert describe_calibration(None) == ""
