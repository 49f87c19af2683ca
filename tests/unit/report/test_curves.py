from loadlab.analysis.verdict import SAMPLES_BEYOND
from loadlab.recording.histogram import Histogram
from loadlab.report.curves import ReadRounds, curves_of
from loadlab.report.layout import arrange
from loadlab.results.directory import RunDirectory
from loadlab.results.requests import LatencySummary
from loadlab.results.trial import Round, TrialResult
from loadlab.results.verdict import Verdict


def test_the_ends_of_each_line_are_chosen(sample_run: RunDirectory) -> None:
    document = sample_run.read_document()
    [panel], far = curves_of(arrange(document.profile, document.trials), sample_run.read_latency_rounds)
    curves = panel.curves
    assert panel.title == "Response time"
    assert [curve.number for curve in curves] == list(range(12))
    assert [(curve.line, curve.x, curve.weight) for curve in curves if curve.chosen] == [
        (0, 0, "thin"),
        (0, 10_000, "medium"),
        (1, 0, "thin"),
        (1, 5000, "medium"),
        (2, 0, "thin"),
        (2, 19_000, "bold"),
    ]
    assert [(each.setting.line, each.setting.x) for each in far] == [(0, 10_000), (1, 5000), (2, 19_000)]


def always(**histograms: Histogram) -> ReadRounds:
    """The same times for every trial."""
    return lambda _trial, metric: [histograms[metric]] if metric in histograms else []


def trials(number: int) -> list[TrialResult]:
    return [
        TrialResult(id=f"{repeat:03}", repeat=repeat, factors={}, state="done", verdict=Verdict(state="valid"))
        for repeat in range(1, number + 1)
    ]


def test_a_curve_ends_where_too_few_samples_lie_beyond() -> None:
    histogram = Histogram()
    histogram.fold(range(1_000, 1_001_000, 1_000))
    [panel], _ = curves_of(arrange({}, trials(1)), always(response=histogram))
    [curve] = panel.curves
    assert 98 < curve.points[-1].percentile <= 100 * (1 - SAMPLES_BEYOND / 1000)
    times = [point.time_ns for point in curve.points]
    assert times == sorted(times)


def too_low_from(percentile: str) -> list[TrialResult]:
    return [each.model_copy(update={"response_ns": LatencySummary(too_low=[percentile])}) for each in trials(1)]


def test_a_curve_ends_where_it_is_too_low() -> None:
    histogram = Histogram()
    histogram.fold(range(1_000, 5_001_000, 1_000))
    [panel], _ = curves_of(arrange({}, too_low_from("p90")), always(response=histogram))
    assert 87 < panel.curves[0].points[-1].percentile < 90
    assert curves_of(arrange({}, too_low_from("p50")), always(response=histogram)) == ((), ())


def test_repeats_are_merged_into_one_curve() -> None:
    fast, slow = Histogram(), Histogram()
    fast.fold([1_000_000] * 600)
    slow.fold([9_000_000] * 400)
    of_trial = {"001": fast, "002": slow}
    [panel], [distribution] = curves_of(
        arrange({}, trials(2)), lambda trial, metric: [of_trial[trial]] if metric == "response" else []
    )
    assert distribution.times.count == 1000
    assert panel.curves[0].points[-1].time_ns > 8_900_000


def test_no_curve_without_samples() -> None:
    few = Histogram()
    few.fold([1000] * (2 * SAMPLES_BEYOND - 1))
    assert curves_of(arrange({}, trials(1)), always()) == ((), ())
    assert curves_of(arrange({}, trials(1)), always(response=few)) == ((), ())


def test_of_many_lines_only_the_far_ends_are_chosen(crowd_run: RunDirectory) -> None:
    document = crowd_run.read_document()
    [panel], _ = curves_of(arrange(document.profile, document.trials), crowd_run.read_latency_rounds)
    chosen = [(curve.name, curve.weight) for curve in panel.curves if curve.chosen]
    assert len(chosen) == 12
    assert chosen[0] == ("fork at 1,000 idle connections", "medium")
    assert chosen[-1] == ("nginx at 19,000 idle connections", "bold")


def test_an_open_load_has_service_times_beside_for_the_same_settings(open_run: RunDirectory) -> None:
    document = open_run.read_document()
    panels, _ = curves_of(arrange(document.profile, document.trials), open_run.read_latency_rounds)
    response, service = panels
    assert (response.title, service.title) == ("Response time", "Service time")
    assert [(curve.number, curve.name, curve.chosen) for curve in response.curves] == [
        (curve.number, curve.name, curve.chosen) for curve in service.curves
    ]
    # Overloaded, a request waits for most of the window before it is sent.
    assert response.curves[-1].points[-1].time_ns > 1000 * service.curves[-1].points[-1].time_ns


def test_rounds_give_a_curve_its_band() -> None:
    rounds = [Histogram() for _ in range(6)]
    for number, histogram in enumerate(rounds):
        histogram.fold([1_000_000 + 100_000 * number] * 900 + [9_000_000] * 100)
    in_rounds = [
        trial.model_copy(update={"rounds": [Round(at=0, window_ns=1, requests=1000, requests_per_second=None)] * 6})
        for trial in trials(1)
    ]

    def read_rounds(_trial: str, metric: str) -> list[Histogram]:
        return rounds if metric == "response" else []

    [panel], _ = curves_of(arrange({}, in_rounds), read_rounds)
    [curve] = panel.curves
    assert (curve.band[0].percentile, curve.band[-1].percentile) == (
        curve.points[0].percentile,
        curve.points[-1].percentile,
    )
    [middle] = [point for point in curve.band if 49 < point.percentile < 70][:1]
    assert 1_000_000 <= middle.low_ns < 1_250_000 < middle.high_ns < 1_600_000
    [panel], _ = curves_of(arrange({}, trials(1)), read_rounds)
    assert panel.curves[0].band == (), "intervals of a single window are no rounds"


def test_times_to_connect_have_panels_of_their_own_where_many_connections_were_opened() -> None:
    response, connect, few = Histogram(), Histogram(), Histogram()
    response.fold([5_000_000] * 1000)
    connect.fold(range(30_000, 530_000, 1_000))
    few.fold([30_000] * (2 * SAMPLES_BEYOND - 1))
    times = {"response": response, "connect": connect, "handshake": few}
    panels, _ = curves_of(arrange({}, trials(1)), always(**times))
    assert [(panel.title, panel.counted) for panel in panels] == [
        ("Response time", "requests"),
        ("Time to connect", "connections"),
    ]
    # They do not end where response times are too low.
    panels, _ = curves_of(arrange({}, too_low_from("p90")), always(**times))
    assert panels[1].curves[0].points[-1].percentile > 97


def test_a_setting_that_opened_no_connections_has_an_empty_curve_beside_others() -> None:
    response, connect = Histogram(), Histogram()
    response.fold([5_000_000] * 1000)
    connect.fold([30_000] * 500)
    of_trial = {"001": {"response": response}, "002": {"response": response, "connect": connect}}
    both = [trial.model_copy(update={"factors": {"load.connections": int(trial.id)}}) for trial in trials(2)]
    profile = {"sweep": {"load.connections": [1, 2]}, "plot": {"x": "load.connections"}}
    [_, setup], _ = curves_of(
        arrange(profile, both), lambda trial, metric: [of_trial[trial][metric]] if metric in of_trial[trial] else []
    )
    assert [bool(curve.points) for curve in setup.curves] == [False, True]
