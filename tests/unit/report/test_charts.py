from loadlab.report.arrangement import Arrangement, arrange
from loadlab.report.charts import RESPONSE_P99, THROUGHPUT, Line, cpu_per_request_ns, format_rate, lines_of
from loadlab.results.directory import RunDirectory
from loadlab.results.model import LatencySummary, TrialResult, Verdict


def arranged(run: RunDirectory) -> Arrangement:
    document = run.read_document()
    return arrange(document.profile, document.trials)


def medians(line: Line) -> list[float | None]:
    return [point.measured.median if point.measured else None for point in line.points]


def test_a_line_for_each_server_with_a_point_for_each_x(sample_run: RunDirectory) -> None:
    lines = lines_of(arranged(sample_run), THROUGHPUT)
    assert [(line.index, line.name, len(line.points)) for line in lines] == [
        (0, "select", 5),
        (1, "poll", 5),
        (2, "epoll", 5),
    ]
    epoll = [value for value in medians(lines[2]) if value is not None]
    assert len(epoll) == 5
    assert max(epoll) < 1.05 * min(epoll)


def test_what_was_not_measured_is_a_gap_and_never_a_zero(sample_run: RunDirectory) -> None:
    select, poll, _ = lines_of(arranged(sample_run), THROUGHPUT)
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
    [line] = lines_of(repeated(100.0, 400.0, 120.0), THROUGHPUT)
    measured = line.points[0].measured
    assert measured is not None
    assert (measured.median, measured.low, measured.high) == (120.0, 100.0, 400.0)


def test_a_percentile_with_too_few_samples_is_not_firm() -> None:
    assert lines_of(repeated(1.0, count=100_000), RESPONSE_P99)[0].points[0].firm
    assert not lines_of(repeated(1.0, count=900), RESPONSE_P99)[0].points[0].firm


def test_cpu_is_absent_where_it_was_not_counted(sample_run: RunDirectory) -> None:
    trials = {trial.state: trial for trial in sample_run.read_document().trials}
    assert cpu_per_request_ns(trials["failed"]) is None
    done = trials["done"].target
    assert done is not None
    assert done.cpu_user_ns_per_request is not None
    assert (cpu_per_request_ns(trials["done"]) or 0) > done.cpu_user_ns_per_request


def test_rates_are_as_exact_as_they_are_worth() -> None:
    assert [format_rate(value) for value in (21_050.4, 640.0, 9.3456, 0.5)] == ["21,050", "640", "9.35", "0.5"]
