import pytest

from loadlab.report.layout import arrange
from loadlab.report.measures import CPU_SYSTEM, CPU_USER, EVENTS_PER_WAIT, THROUGHPUT, TIME, Measure
from loadlab.report.panels import Split, StackedChart, StackedPanel, Value, panel_of, stack
from loadlab.results.directory import RunDirectory
from loadlab.results.trial import TrialResult
from loadlab.results.verdict import Finding, Verdict


def chart(*heights_ns: float) -> StackedChart:
    """A panel of one bar for each, all of one part."""
    panels = tuple(StackedPanel(f"line {number}", ((height,),)) for number, height in enumerate(heights_ns))
    return StackedChart("CPU", ("User",), panels, TIME, "per request")


def test_a_panel_for_each_line_and_a_gap_where_nothing_was_measured(sample_run: RunDirectory) -> None:
    document = sample_run.read_document()
    found = stack(arrange(document.profile, document.trials), Split("CPU", (CPU_USER, CPU_SYSTEM), "per request"))
    assert found is not None
    assert found.parts == ("User", "System (kernel)")
    assert [panel.name for panel in found.panels] == ["select", "poll", "epoll"]
    user, system = found.panels[1].heights
    assert [height is None for height in user] == [False, False, False, True, True]
    assert len(found.panels[1].totals) == 3
    assert found.panels[1].totals[0] == (user[0] or 0) + (system[0] or 0) > 0


def test_what_nobody_measured_has_no_chart(sample_run: RunDirectory) -> None:
    document = sample_run.read_document()
    assert stack(arrange(document.profile, document.trials), Split("Waits", (EVENTS_PER_WAIT,), "")) is None


def test_panels_share_a_scale_unless_one_could_not_be_read_on_it() -> None:
    assert chart(10_000.0, 90_000.0).scale_is_shared
    assert not chart(10_000.0, 500_000.0).scale_is_shared


@pytest.mark.parametrize(("panels", "columns"), [(1, 1), (2, 2), (6, 3), (7, 4)])
def test_many_panels_are_small(panels: int, columns: int) -> None:
    assert chart(*[1000.0] * panels).columns == columns


def trial(repeat: int = 1, **changes: object) -> TrialResult:
    """A trial of 100 requests per second, with fields changed as given."""
    fields: dict[str, object] = {
        "id": str(repeat),
        "repeat": repeat,
        "factors": {"load.idle": 0},
        "state": "done",
        "verdict": Verdict(state="valid"),
        "requests_per_second": 100.0,
    }
    return TrialResult.model_validate(fields | changes)


def value_of(*trials: TrialResult, measure: Measure = THROUGHPUT) -> Value:
    """What these repeats of one setting gave."""
    [line] = panel_of(arrange({}, trials), measure).lines
    [(_, value)] = line.measured
    return value


def test_a_value_has_the_interval_of_its_trial_and_none_without_rounds() -> None:
    assert value_of(trial(confidence={"requests_per_second": (98.0, 103.0)})).interval == (98.0, 103.0)
    assert value_of(trial()).interval is None


def test_the_interval_of_repeats_holds_those_of_all() -> None:
    first = trial(confidence={"requests_per_second": (98.0, 103.0)})
    assert value_of(first, trial(2, confidence={"requests_per_second": (95.0, 99.0)})).interval == (95.0, 103.0)
    assert value_of(first, trial(2)).interval is None


def suspect(code: str) -> TrialResult:
    finding = Finding(code=code, severity="suspect", text="", evidence="", advice="")
    return trial(verdict=Verdict(state="suspect", findings=[finding]))


def test_a_value_says_what_casts_doubt_on_it_unless_it_is_a_lower_bound_for_that_reason() -> None:
    assert value_of(suspect("disturbed")).doubts == ("disturbed",)
    bounded = value_of(suspect("client_bound"))
    assert (bounded.at_least, bounded.doubts) == (True, ())


def test_a_value_says_in_which_batches_its_trials_stood() -> None:
    assert value_of(trial(batch=2), trial(2, batch=1)).batches == (1, 2)
