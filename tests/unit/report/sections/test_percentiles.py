from loadlab.recording.histogram import Histogram
from loadlab.report.curves import ReadRounds, curves_of
from loadlab.report.layout import Arrangement, arrange
from loadlab.report.sections.percentiles import describe_far, sections_of
from loadlab.results.directory import RunDirectory
from loadlab.results.requests import LatencySummary
from loadlab.results.trial import TrialResult
from loadlab.results.verdict import Verdict

from ..laid_out import run_of


def described(arrangement: Arrangement, read_rounds: ReadRounds) -> str:
    return describe_far(arrangement, curves_of(arrangement, read_rounds)[1])


def always(**histograms: Histogram) -> ReadRounds:
    """The same times for every trial."""
    return lambda _trial, metric: [histograms[metric]] if metric in histograms else []


def trials(number: int) -> list[TrialResult]:
    return [
        TrialResult(id=f"{repeat:03}", repeat=repeat, factors={}, state="done", verdict=Verdict(state="valid"))
        for repeat in range(1, number + 1)
    ]


def test_the_section_says_what_stands_at_the_far_end_of_x(sample_run: RunDirectory) -> None:
    [section] = sections_of(run_of(sample_run.read_document(), sample_run))
    assert "epoll at 19,000 idle connections 7" in section.sentence
    assert "Bands" not in section.note


def test_a_p99_that_is_too_low_is_not_given() -> None:
    histogram = Histogram()
    histogram.fold(range(1_000, 5_001_000, 1_000))
    [trial] = trials(1)
    short = trial.model_copy(update={"response_ns": LatencySummary(too_low=["p90"])})
    sentence = described(arrange({}, [short]), always(response=histogram))
    assert sentence.endswith("(the window was too short for p99).")


def test_repeats_are_described_together() -> None:
    fast, slow = Histogram(), Histogram()
    fast.fold([1_000_000] * 600)
    slow.fold([9_000_000] * 400)
    of_trial = {"001": fast, "002": slow}
    sentence = described(
        arrange({}, trials(2)), lambda trial, metric: [of_trial[trial]] if metric == "response" else []
    )
    assert sentence == "Median and p99: the target 1 ms and 9 ms."


def test_what_too_few_samples_lie_beyond_is_not_given() -> None:
    histogram = Histogram()
    histogram.fold([1_000_000] * 900)
    sentence = described(arrange({}, trials(1)), always(response=histogram))
    assert sentence.endswith("the target 1 ms (too few requests for p99).")


def test_of_many_lines_the_fastest_and_the_slowest_are_described(crowd_run: RunDirectory) -> None:
    document = crowd_run.read_document()
    sentence = described(arrange(document.profile, document.trials), crowd_run.read_latency_rounds)
    assert "nginx at 19,000" in sentence
    assert "select at 19,000" in sentence
    assert "epoll at" not in sentence


def test_on_an_axis_of_names_each_place_is_named() -> None:
    histograms = {}
    for number, name in enumerate(("epoll", "poll"), start=1):
        histograms[name] = Histogram()
        histograms[name].fold([number * 1_000_000] * 2_000)
    each = [
        TrialResult(id=name, repeat=1, factors={"target.server": name}, state="done", verdict=Verdict(state="valid"))
        for name in histograms
    ]
    sentence = described(arrange({}, each), lambda trial, metric: [histograms[trial]] if metric == "response" else [])
    assert sentence == "Median and p99: epoll 1 ms and 1 ms; poll 2 ms and 2 ms."
