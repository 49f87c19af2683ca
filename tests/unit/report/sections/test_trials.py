"""The tables of trials and of kinds of requests."""

from typing import Any

from loadlab.report.sections.trials import tabulate, tabulate_kinds
from loadlab.report.tables import Cell, Row, Table
from loadlab.results.directory import RunDirectory
from loadlab.results.run import RunDocument
from loadlab.results.trial import TrialResult

from ....trials import make_trial


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
    assert (row["server"].text, row["idle connections"].text, row["verdict"].text) == ("epoll", "19,000", "valid")
    assert row["requests/s"].text.startswith("21,")
    assert isinstance(row["requests/s"].sort, float)
    assert row["p99"].text.endswith(" ms")
    assert row["idle alive"].note.startswith("19,000 of 19,000 opened")
    assert remark == ""


def test_a_trial_that_was_not_measured_has_dashes_and_its_reason(sample_run: RunDirectory) -> None:
    row, remark = row_of(sample_run, "select", 19_000)
    assert remark == "select holds at most 16,384 connections here, and this trial wants 19,016."
    assert row["verdict"].text == "not possible"
    for title in ("requests/s", "p50", "p99.9", "max", "user", "failed", "idle alive"):
        assert row[title] == Cell("\N{EN DASH}", None, note=remark)


def test_the_capacity_of_an_invalid_trial_is_not_printed(sample_run: RunDirectory) -> None:
    row, remark = row_of(sample_run, "poll", 10_000)
    assert row["verdict"].badge == "invalid"
    assert row["requests/s"].sort is None
    assert row["requests/s"].note == remark == "Idle connections were lost while the trial ran."
    assert row["failed"] == Cell("3", 3, note="timeout 3", short="3")


def test_a_percentile_with_too_few_samples_is_not_shown(sample_run: RunDirectory) -> None:
    row, _ = row_of(sample_run, "select", 10_000)
    assert [title for title, cell in row.items() if cell.sort is None] == ["p99.9", "added by client p99"]
    assert row["p99.9"].note == "Fewer than 10 of 2,579 samples lie beyond p99.9: too few to show it."


def test_response_times_stand_beside_what_the_client_added(sample_run: RunDirectory) -> None:
    titles = [column.title for column in tabulate(sample_run.read_document().trials).columns]
    assert titles[titles.index("p50") : titles.index("CPU per request")] == [
        "p50", "p90", "p99", "p99.9", "max", "added by client p50", "added by client p99",
    ]  # fmt: skip


def test_service_times_stand_beside_response_times_where_the_two_can_part(open_load: RunDocument) -> None:
    titles = [column.title for column in tabulate(open_load.trials).columns]
    assert titles[titles.index("p50") : titles.index("p99.9")] == ["p50", "service p50", "p90", "p99", "service p99"]


def test_cpu_time_that_cannot_be_divided_is_shown_as_a_whole(sample_run: RunDirectory) -> None:
    trial = next(trial for trial in sample_run.read_document().trials if trial.state == "done")
    assert trial.target is not None
    unknown = dict.fromkeys(("cpu_user_ns_per_request", "cpu_system_ns_per_request"))
    usage = trial.target.model_copy(update={"cpu_ns_per_request": 81_000.0, **unknown})
    table = tabulate([trial.model_copy(update={"target": usage})])
    row = cells(table, table.rows[0])
    assert row["CPU per request"].text == "81 µs"
    assert not {"user", "system"} & row.keys()


def test_a_throughput_that_the_load_limited_is_marked(open_load: RunDocument) -> None:
    rates = [cells(tabulate(open_load.trials), row)["requests/s"] for row in tabulate(open_load.trials).rows]
    assert [rate.text for rate in rates[-2:]] == ["12,000", "≥ 16,666"]
    assert rates[-1].sort == 16_666
    assert rates[-1].note.startswith("A lower bound")


def test_what_was_never_sent_and_what_was_cut_have_columns_where_there_is_any(
    open_load: RunDocument, crowd: RunDocument
) -> None:
    table = tabulate(open_load.trials)
    overloaded = cells(table, table.rows[-1])
    assert [overloaded[title].text for title in ("failed", "dropped", "cut")] == ["0", "14,668", "64"]
    quiet = [trial.model_copy(update={"outcomes": {"ok": trial.requests}}) for trial in open_load.trials]
    assert not {"dropped", "cut"} & {column.title for column in tabulate(quiet).columns}
    titles = [column.title for column in tabulate(crowd.trials).columns]
    assert titles[titles.index("requests/s") :][:4] == ["requests/s", "failed", "cut", "p50"]


def test_the_offered_rate_has_a_column_unless_it_is_what_is_swept(open_load: RunDocument) -> None:
    assert "offered" not in [column.title for column in tabulate(open_load.trials).columns]
    ramp = open_load.trials[0].model_copy(update={"factors": {}})
    table = tabulate([ramp])
    assert cells(table, table.rows[0])["offered"].text == "500"


def test_trials_of_both_models_say_which_they_are(open_load: RunDocument) -> None:
    closed = open_load.trials[0].model_copy(update={"load_model": "closed"})
    table = tabulate([closed, open_load.trials[1]])
    assert [cells(table, row)["model"].text for row in table.rows] == ["closed", "open"]
    assert "model" not in [column.title for column in tabulate(open_load.trials).columns]


def test_repeats_have_a_column_only_where_there_are_any(sample_run: RunDirectory) -> None:
    trials: list[TrialResult] = sample_run.read_document().trials[:1]
    assert "repeat" not in [column.title for column in tabulate(trials).columns]
    again = trials[0].model_copy(update={"repeat": 2})
    assert [column.title for column in tabulate([*trials, again]).columns][:4] == [
        "trial",
        "server",
        "idle connections",
        "repeat",
    ]


def test_no_trials_give_an_empty_table() -> None:
    assert tabulate([]).rows == ()


def test_a_figure_that_no_trial_has_gets_no_column(wait_cost: RunDocument, switch_cost: RunDocument) -> None:
    assert [column.title for column in tabulate(wait_cost.trials).columns] == [
        "trial", "method", "descriptors", "verdict", "cost", "least cost", "measuring overhead", "operation",
    ]  # fmt: skip
    assert [column.title for column in tabulate(switch_cost.trials).columns][-2:] == [
        "measuring overhead",
        "memory of one",
    ]


def test_memory_is_what_processes_share_fairly_where_that_is_known(
    crowd: RunDocument, sample_run: RunDirectory
) -> None:
    table = tabulate(crowd.trials)
    assert cells(table, table.rows[0])["memory"].text == "21.9 MiB"
    row, _ = row_of(sample_run, "epoll", 0)
    assert row["memory"].text == "17.5 MiB"


def test_what_every_user_of_a_closed_load_had_in_flight_is_no_figure(crowd: RunDocument) -> None:
    changes = {"load_model": "closed", "outcomes": {"ok": 100, "cut": 16}}
    table = tabulate([trial.model_copy(update=changes) for trial in crowd.trials])
    assert "cut" not in [column.title for column in table.columns]


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


def test_slow_senders_come_last_and_are_described_apart(slow_senders: RunDocument) -> None:
    turned = [trial.model_copy(update={"kinds": trial.kinds[::-1]}) for trial in slow_senders.trials]
    table = tabulate_kinds(turned)
    assert table is not None
    assert [row.cells[3].text for row in table.rows] == ["hello", "slow-senders"] * 4
    assert [row.cells[3].badge for row in table.rows[:2]] == ["", "apart"]
    assert "one byte at a time" in table.rows[1].cells[3].note


def test_requests_of_one_kind_need_no_table(sample_run: RunDirectory) -> None:
    assert tabulate_kinds(sample_run.read_document().trials) is None


def test_an_invalid_trial_has_no_rate_for_its_kinds_either(mix: RunDocument) -> None:
    trial = mix.trials[0]
    invalid = trial.model_copy(update={"verdict": trial.verdict.model_copy(update={"state": "invalid"})})
    table = tabulate_kinds([invalid])
    assert table is not None
    assert table.rows[0].cells[5].sort is None


def columns_of(*trials: TrialResult) -> list[dict[str, Cell]]:
    table = tabulate(trials)
    return [cells(table, row) for row in table.rows]


def test_statuses_have_a_column_where_some_response_was_not_200() -> None:
    plain = make_trial(outcomes={"ok": 9}, statuses={"200": 9})
    assert "statuses" not in columns_of(plain)[0]
    mixed = make_trial(outcomes={"ok": 9}, statuses={"503": 1_000, "200": 3_000})
    assert [row["statuses"].text for row in columns_of(plain, mixed)] == ["200: 9", "200: 3,000, 503: 1,000"]
    assert columns_of(mixed)[0]["statuses"].sort == 0.25
    redirects = make_trial(outcomes={"ok": 9}, statuses={"302": 9})
    assert columns_of(redirects)[0]["statuses"].text == "302: 9"
    many = make_trial(outcomes={"ok": 9}, statuses={str(status): 1 for status in range(500, 507)})
    assert columns_of(many)[0]["statuses"].text == "500: 1, 501: 1, 502: 1, 503: 1, others"
    assert columns_of(many)[0]["statuses"].note.endswith("506: 1")


def test_what_connections_did_has_columns_where_there_is_any() -> None:
    rare = {"connections opened", "retried", "surplus", "connect p50", "TLS handshake p50"}
    quiet = make_trial(outcomes={"ok": 9})
    assert not rare & columns_of(quiet)[0].keys()
    times = {"p50": 30_000, "p99": 90_000, "count": 5_000}
    counts: dict[str, Any] = {
        "connects": {"opened": 5_000},
        "retried": 3,
        "surplus": 2,
        "connect_ns": times,
        "handshake_ns": times,
    }
    row = columns_of(quiet, make_trial(outcomes={"ok": 9}, **counts))[1]
    assert [row[title].text for title in ("connections opened", "retried", "surplus")] == ["5,000", "3", "2"]
    assert [row[title].text for title in ("connect p50", "TLS handshake p99")] == ["30 µs", "90 µs"]


def test_a_figure_with_rounds_has_its_interval_beside_it(sample_run: RunDirectory) -> None:
    epoll = next(trial for trial in sample_run.read_document().trials if trial.is_credible)
    rate = epoll.requests_per_second or 0.0
    known = epoll.model_copy(update={"confidence": {"requests_per_second": (rate * 0.982, rate * 1.01)}})
    table = tabulate([known])
    cell = cells(table, table.rows[0])["requests/s"]
    assert cell.within == "\N{PLUS-MINUS SIGN}1.8\N{NO-BREAK SPACE}%"
    assert cell.note.startswith("95 %: ")
    assert cells(table, table.rows[0])["p50"].within == ""


def test_a_trial_of_a_scenario_has_its_iterations_and_failed_checks(shop: RunDocument, shop_rates: RunDocument) -> None:
    table = tabulate(shop.trials)
    row = cells(table, table.rows[0])
    assert [row[title].text for title in ("iterations/s", "iteration p99", "iterations failed", "requests/s")] == [
        "500", "187 ms", "7", "2,000",
    ]  # fmt: skip
    assert (row["checks failed"].text, row["checks failed"].note) == ("1", "order accepted: 1")
    # What the schedule asks for are iterations.
    table = tabulate(shop_rates.trials)
    assert [cells(table, row)["dropped"].text for row in table.rows] == ["0", "0", "100"]
    assert "service p50" not in [column.title for column in table.columns]


def test_requests_of_a_scenario_stand_in_a_table_of_its_own_section(shop: RunDocument) -> None:
    assert tabulate_kinds(shop.trials) is None
