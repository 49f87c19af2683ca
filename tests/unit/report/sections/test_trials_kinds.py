from loadlab.report.sections.trials import tabulate_kinds
from loadlab.results.directory import RunDirectory
from loadlab.results.model import RunDocument


def test_a_row_for_each_kind_in_each_trial(mix: RunDocument) -> None:
    table = tabulate_kinds(mix.trials)
    assert table is not None
    assert [column.title for column in table.columns] == [
        "trial", "blocking", "active connections", "kind", "requests", "requests/s",
        "p50", "service p50", "p99", "service p99", "failed",
    ]  # fmt: skip
    assert [row.cells[3].text for row in table.rows] == ["hello", "slow"] * 6
    hello, slow = (row.cells for row in table.rows[:2])
    assert [cell.text for cell in (*hello[:6], hello[10])] == ["001", "false", "4", "hello", "2,000", "1,000", "0"]
    # Of 60 requests none is the slowest of a hundred.
    assert [cell.text.endswith(" µs") for cell in hello[6:10]] == [True] * 4
    assert [cell.text == "\N{EN DASH}" for cell in slow[6:10]] == [False, False, True, True]


def test_slow_senders_come_last_and_are_told_apart(slow_senders: RunDocument) -> None:
    turned = [trial.model_copy(update={"kinds": trial.kinds[::-1]}) for trial in slow_senders.trials]
    table = tabulate_kinds(turned)
    assert table is not None
    assert [row.cells[3].text for row in table.rows] == ["hello", "slow-senders"] * 4
    assert [row.cells[3].badge for row in table.rows[:2]] == ["", "apart"]
    assert "a byte at a time" in table.rows[1].cells[3].note


def test_requests_of_one_kind_need_no_table(sample_run: RunDirectory) -> None:
    assert tabulate_kinds(sample_run.read_document().trials) is None


def test_an_invalid_trial_has_no_rate_for_its_kinds_either(mix: RunDocument) -> None:
    trial = mix.trials[0]
    invalid = trial.model_copy(update={"verdict": trial.verdict.model_copy(update={"state": "invalid"})})
    table = tabulate_kinds([invalid])
    assert table is not None
    assert table.rows[0].cells[5].sort is None
