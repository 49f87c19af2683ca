from loadlab.report.arrangement import Arrangement, arrange
from loadlab.report.charts import Line, panel_of
from loadlab.report.measures import RESPONSE_P99, THROUGHPUT
from loadlab.results.directory import RunDirectory
from loadlab.results.model import LatencySummary, TrialResult, Verdict


def arranged(run: RunDirectory) -> Arrangement:
    document = run.read_document()
    return arrange(document.profile, document.trials)


def medians(line: Line) -> list[float | None]:
    return [point.measured.median if point.measured else None for point in line.points]


def test_a_line_for_each_server_with_a_point_for_each_x(sample_run: RunDirectory) -> None:
    lines = panel_of(arranged(sample_run), THROUGHPUT).lines
    assert [(line.index, line.name, len(line.points)) for line in lines] == [
        (0, "select", 5),
        (1, "poll", 5),
        (2, "epoll", 5),
    ]
    epoll = [value for value in medians(lines[2]) if value is not None]
    assert len(epoll) == 5
    assert max(epoll) < 1.05 * min(epoll)


def test_what_was_not_measured_is_a_gap_and_never_a_zero(sample_run: RunDirectory) -> None:
    select, poll, _ = panel_of(arranged(sample_run), THROUGHPUT).lines
    assert [value is None for value in medians(select)] == [False, False, False, False, True]
    # One failed, the other is done but invalid: its requests/s are no capacity.
    assert [value is None for value in medians(poll)] == [False, False, False, True, True]
    assert 0 not in medians(select) + medians(poll)


def repeated(*rates: float, count: int = 100_000) -> Arrangement:
    trials = [
        TrialResult(
            id=f"{number:03}",
            repeat=number,
            factors={},
            state="done",
            verdict=Verdict(state="valid"),
            requests_per_second=rate,
            response_ns=LatencySummary(p99=1000 * number, count=count),
        )
        for number, rate in enumerate(rates, start=1)
    ]
    return arrange({}, trials)


def test_repeats_give_their_median_and_how_far_they_spread() -> None:
    [line] = panel_of(repeated(100.0, 400.0, 120.0), THROUGHPUT).lines
    measured = line.points[0].measured
    assert measured is not None
    assert (measured.median, measured.low, measured.high) == (120.0, 100.0, 400.0)


def test_a_percentile_with_too_few_samples_is_not_firm() -> None:
    assert panel_of(repeated(1.0, count=100_000), RESPONSE_P99).lines[0].points[0].firm
    assert not panel_of(repeated(1.0, count=900), RESPONSE_P99).lines[0].points[0].firm
