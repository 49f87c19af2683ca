from loadlab.report.arrangement import Arrangement, arrange
from loadlab.report.charts import Line, Value, panel_of
from loadlab.report.measures import ANSWERED_SHARE, RESPONSE_P99, THROUGHPUT
from loadlab.results.directory import RunDirectory
from loadlab.results.model import LatencySummary, TrialResult, Verdict


def arranged(run: RunDirectory) -> Arrangement:
    document = run.read_document()
    return arrange(document.profile, document.trials)


def medians(line: Line) -> list[float | None]:
    return [point.value.median if point.value else None for point in line.points]


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
    assert line.points[0].value == Value(120.0, low=100.0, high=400.0, repeats=3)


def test_a_percentile_with_too_few_samples_is_left_out() -> None:
    [point] = panel_of(repeated(1.0, count=100_000), RESPONSE_P99).lines[0].points
    assert (point.value, point.too_few) == (Value(1000, 1000, 1000), False)
    [point] = panel_of(repeated(1.0, count=900), RESPONSE_P99).lines[0].points
    assert (point.value, point.too_few) == (None, True)


def test_a_throughput_that_the_load_limited_is_a_lower_bound_and_a_time_is_not(open_run: RunDirectory) -> None:
    _, asyncio = panel_of(arranged(open_run), THROUGHPUT).lines
    assert [point.value is not None and point.value.at_least for point in asyncio.points] == [False, False, False, True]
    for measure in (RESPONSE_P99, ANSWERED_SHARE):
        values = [value for line in panel_of(arranged(open_run), measure).lines for _, value in line.measured]
        assert len(values) == 8
        assert not any(value.at_least for value in values)
