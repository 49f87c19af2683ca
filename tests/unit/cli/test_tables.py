"""The results table of the terminal, from the sample run."""

from rich.console import Console

from loadlab.cli.progress import format_factors
from loadlab.cli.tables import findings_lines, results_table, sorted_trials
from loadlab.results.directory import RunDirectory
from loadlab.results.model import RunDocument


def printed(document: RunDocument, width: int) -> list[str]:
    console = Console(width=width, color_system=None)
    with console.capture() as capture:
        console.print(results_table(document))
    return capture.get().splitlines()


def test_trials_come_in_the_order_of_the_sweep(sample_run: RunDirectory) -> None:
    document = sample_run.read_document()
    sweep = document.profile["sweep"]
    found = [(trial.factors["target.server"], trial.factors["load.idle"]) for trial in sorted_trials(document)]
    assert found == [(server, idle) for server in sweep["target.server"] for idle in sweep["load.idle"]]
    assert [trial.id for trial in document.trials] != [trial.id for trial in sorted_trials(document)]


def test_the_table_fits_a_terminal_of_80_columns(sample_run: RunDirectory) -> None:
    document = sample_run.read_document()
    lines = printed(document, 80)
    assert not any("\u2026" in line for line in lines)
    assert len([line for line in lines if "epoll" in line]) == 5


def test_an_invalid_trial_shows_no_capacity(sample_run: RunDirectory) -> None:
    document = sample_run.read_document()
    invalid = [trial for trial in document.trials if trial.state == "done" and trial.verdict.state == "invalid"]
    assert invalid
    for trial in invalid:
        header, _, row = printed(document.model_copy(update={"trials": [trial]}), 120)
        assert "req/s" not in header
        assert "p99" not in header
        assert row.split()[-1] == "invalid"


def test_each_kind_of_finding_is_told_once(sample_run: RunDirectory) -> None:
    document = sample_run.read_document()
    lines = list(findings_lines(document))
    codes = {
        finding.code for trial in document.trials for finding in trial.verdict.findings if finding.severity != "note"
    }
    assert codes
    assert len(lines) == len(codes)


def test_factors_in_a_few_words() -> None:
    assert format_factors({"target.server": "epoll", "load.idle": 19000}) == "server epoll, idle 19k"
    assert format_factors({}) == "the only trial"
