from loadlab.report.arrangement import arrange
from loadlab.report.tables.single import figures_of
from loadlab.results.directory import RunDirectory
from loadlab.results.model import LatencySummary, RunDocument, TrialResult, Verdict


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


def test_what_was_measured_is_told_and_what_rests_on_too_few_samples_is_not() -> None:
    table = figures_of(arrange({}, [measured(1, 900.0)]))
    assert table is not None
    assert table.columns == ("", "measured")
    assert table.rows == (
        ("Requests per second", "900 requests/s"),
        ("Response time (p50)", "200 µs"),
        ("Response time (p99)", "800 µs"),
    )


def test_repeats_are_told_by_their_spread() -> None:
    table = figures_of(arrange({}, [measured(1, 900.0), measured(2, 1000.0), measured(3, 1200.0)]))
    assert table is not None
    assert table.rows[0][1] == "1,000 requests/s (900 to 1,200 over repeats)"


def test_an_open_load_has_its_service_times_too(open_load: RunDocument) -> None:
    table = figures_of(arrange(open_load.profile, open_load.trials[:1]))
    assert table is not None
    assert "Service time (p99)" in [name for name, _ in table.rows]


def test_several_settings_and_none_measured_have_no_table(sample_run: RunDirectory) -> None:
    document = sample_run.read_document()
    assert figures_of(arrange(document.profile, document.trials)) is None
    impossible = [trial for trial in document.trials if trial.state != "done"][:1]
    assert figures_of(arrange(document.profile, impossible)) is None
