from loadlab.report.table import Cell, Row, Table, tabulate
from loadlab.results.directory import RunDirectory
from loadlab.results.model import RunDocument, TrialResult


def cells(table: Table, row: Row) -> dict[str, Cell]:
    return {column.title: cell for column, cell in zip(table.columns, row.cells, strict=True)}


def row_of(run: RunDirectory, server: str, idle: int) -> tuple[dict[str, Cell], str]:
    trials = run.read_document().trials
    table = tabulate(trials)
    [row] = [
        row
        for trial, row in zip(trials, table.rows, strict=True)
        if trial.factors == {"target.server": server, "load.idle": idle}
    ]
    return cells(table, row), row.remark


def test_a_measured_trial_has_text_to_read_and_keys_to_sort_by(sample_run: RunDirectory) -> None:
    row, remark = row_of(sample_run, "epoll", 19_000)
    assert (row["server"].text, row["dead connections"].text, row["verdict"].text) == ("epoll", "19,000", "valid")
    assert row["requests/s"].text.startswith("21,")
    assert isinstance(row["requests/s"].sort, float)
    assert row["p99"].text.endswith(" ms")
    assert not row["p99"].doubtful
    assert row["alive"].note.startswith("19,000 of 19,000 opened")
    assert remark == ""


def test_a_trial_that_was_not_measured_has_dashes_and_its_reason(sample_run: RunDirectory) -> None:
    row, remark = row_of(sample_run, "select", 19_000)
    assert remark == "select holds at most 16,384 connections here, and this trial wants 19,016."
    assert row["verdict"].text == "not possible"
    for title in ("requests/s", "p50", "p99.9", "max", "CPU user", "failed", "alive"):
        assert row[title] == Cell("\N{EN DASH}", None, note=remark)


def test_the_capacity_of_an_invalid_trial_is_not_printed(sample_run: RunDirectory) -> None:
    row, remark = row_of(sample_run, "poll", 10_000)
    assert row["verdict"].badge == "invalid"
    assert row["requests/s"].sort is None
    assert row["requests/s"].note == remark == "Dead connections were lost while the trial ran."
    assert row["failed"] == Cell("3", 3, note="timeout 3")


def test_a_percentile_with_too_few_samples_is_doubtful(sample_run: RunDirectory) -> None:
    row, _ = row_of(sample_run, "select", 10_000)
    assert [title for title, cell in row.items() if cell.doubtful] == ["p99.9"]
    assert row["p99.9"].note.startswith("Fewer than 10 of 2,579 samples lie beyond p99.9")


def test_repeats_have_a_column_only_where_there_are_any(sample_run: RunDirectory) -> None:
    trials: list[TrialResult] = sample_run.read_document().trials[:1]
    assert "repeat" not in [column.title for column in tabulate(trials).columns]
    again = trials[0].model_copy(update={"repeat": 2})
    assert [column.title for column in tabulate([*trials, again]).columns][:4] == [
        "trial",
        "server",
        "dead connections",
        "repeat",
    ]


def test_no_trials_give_an_empty_table() -> None:
    assert tabulate([]).rows == ()


def test_a_figure_that_no_trial_has_gets_no_column(wait_cost: RunDocument, switch_cost: RunDocument) -> None:
    assert [column.title for column in tabulate(wait_cost.trials).columns] == [
        "trial", "method", "descriptors", "verdict", "cost", "least cost", "of that, measuring", "operation",
    ]  # fmt: skip
    assert [column.title for column in tabulate(switch_cost.trials).columns][-2:] == [
        "of that, measuring",
        "memory of one",
    ]


def test_memory_is_what_processes_share_fairly_where_that_is_known(
    crowd: RunDocument, sample_run: RunDirectory
) -> None:
    table = tabulate(crowd.trials)
    assert cells(table, table.rows[0])["memory"].text == "21.9 MiB"
    row, _ = row_of(sample_run, "epoll", 0)
    assert row["memory"].text == "17.5 MiB"
