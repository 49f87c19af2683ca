import pytest

from loadlab.report.layout import arrange
from loadlab.report.sections.figures import figures_of, switch_table, wait_table
from loadlab.results.directory import RunDirectory
from loadlab.results.requests import LatencySummary
from loadlab.results.run import RunDocument
from loadlab.results.trial import TrialResult
from loadlab.results.verdict import Verdict


def measured(repeat: int, rate: float) -> TrialResult:
    return TrialResult(
        id=f"{repeat}",
        repeat=repeat,
        factors={},
        state="done",
        verdict=Verdict(state="valid"),
        requests_per_second=rate,
        response_ns=LatencySummary(p50=200_000, p99=800_000, **{"p99.9": 900_000}, count=5_000),
    )


def test_what_was_measured_is_shown_and_what_rests_on_too_few_samples_is_not() -> None:
    table = figures_of(arrange({}, [measured(1, 900.0)]))
    assert table is not None
    assert table.columns == ("", "measured")
    assert table.rows == (
        ("Requests per second", "900 requests/s"),
        ("Response time (p50)", "200 µs"),
        ("Response time (p99)", "800 µs"),
    )


def test_repeats_are_described_by_their_spread() -> None:
    table = figures_of(arrange({}, [measured(1, 900.0), measured(2, 1000.0), measured(3, 1200.0)]))
    assert table is not None
    assert table.rows[0][1] == "1,000 requests/s (95 %: 715 to 1,473; 900 to 1,200 over repeats)"


def test_an_open_load_has_its_service_times_too(open_load: RunDocument) -> None:
    table = figures_of(arrange(open_load.profile, open_load.trials[:1]))
    assert table is not None
    assert "Service time (p99)" in [name for name, _ in table.rows]


def test_several_settings_and_none_measured_have_no_table(sample_run: RunDirectory) -> None:
    document = sample_run.read_document()
    assert figures_of(arrange(document.profile, document.trials)) is None
    impossible = [trial for trial in document.trials if trial.state != "done"][:1]
    assert figures_of(arrange(document.profile, impossible)) is None


def test_today_stands_beside_the_book_for_the_numbers_that_both_have(wait_cost: RunDocument) -> None:
    table = wait_table(wait_cost.profile, wait_cost.trials)
    assert table is not None
    assert table.columns == ("descriptors", "poll", "select", "epoll", "poll", "select", "epoll")
    assert [row[0] for row in table.rows] == ["10", "100", "1,000", "10,000"]
    # Operations of 852.7, 862.7 and 2.72 us here, 100,000 times.
    assert table.rows[-1] == ("10,000", "990", "930", "0.66", "85", "86", "0.27")
    assert "eventfd" in table.note


def test_what_was_not_measured_is_left_out_or_a_dash(wait_cost: RunDocument) -> None:
    some = [
        trial
        for trial in wait_cost.trials
        if trial.factors["wait.descriptors"] in (10, 5000) and trial.factors["wait.method"] == "epoll"
    ]
    table = wait_table(wait_cost.profile, some)
    assert table is not None
    assert table.rows == (("10", "0.61", "0.73", "0.41", "\N{EN DASH}", "\N{EN DASH}", "0.27"),)


@pytest.mark.parametrize("change", [{"active": 100}, {"descriptors": 77}])
def test_another_experiment_is_not_compared(wait_cost: RunDocument, change: dict[str, int]) -> None:
    profile = {**wait_cost.profile, "wait": {**wait_cost.profile["wait"], **change}}
    trials = [
        trial.model_copy(update={"factors": {"wait.method": "epoll"}})
        for trial in wait_cost.trials
        if trial.factors["wait.method"] == "epoll"
    ]
    assert wait_table(profile, trials) is None


def test_repeats_are_described_by_their_median(wait_cost: RunDocument) -> None:
    one = next(trial for trial in wait_cost.trials if trial.factors == {"wait.method": "epoll", "wait.descriptors": 10})
    repeats = [one.model_copy(update={"operation_ns": value}) for value in (1000.0, 3000.0, 90_000.0)]
    table = wait_table(wait_cost.profile, repeats)
    assert table is not None
    assert table.rows[0][-1] == "0.3"


def test_units_come_by_their_cost(switch_cost: RunDocument) -> None:
    table = switch_table(switch_cost.profile, reversed(switch_cost.trials))
    assert table is not None
    assert [row[0] for row in table.rows] == ["call", "generator", "bare-coroutine", "coroutine", "thread", "process"]
    assert table.rows[4] == ("thread", "5.2 µs", "14 ns", "21.8 KiB")


def test_a_unit_that_is_not_swept_is_the_profiles(switch_cost: RunDocument) -> None:
    alone = switch_cost.trials[0].model_copy(update={"factors": {}, "bytes_per_unit": None})
    table = switch_table(switch_cost.profile, [alone])
    assert table is not None
    assert table.rows == (("call", "41 ns", "14 ns", "\N{EN DASH}"),)


def test_nothing_measured_is_no_table(wait_cost: RunDocument, switch_cost: RunDocument) -> None:
    failed = [trial.model_copy(update={"state": "failed"}) for trial in (*wait_cost.trials, *switch_cost.trials)]
    assert wait_table(wait_cost.profile, failed) is None
    assert switch_table(switch_cost.profile, failed) is None
