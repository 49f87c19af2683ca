import csv
import io
import json
from pathlib import Path
from typing import Any

from loadlab.export.rows import format_csv, format_json, rows_of, shown_figure
from loadlab.results.requests import CheckResult, LatencySummary
from loadlab.results.run import RunDocument
from loadlab.results.verdict import Finding, Verdict
from tests.cluster_runs import write_cluster
from tests.sample_run import sample_document
from tests.stream_runs import write_broadcast, write_websockets
from tests.trials import make_kind, make_trial
from tests.unit.analysis.comparison.runs import make_rate, make_run

CLIENT_BOUND = Finding(code="client_bound", severity="suspect", text="", evidence="", advice="")


def read_csv(document: RunDocument) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(format_csv(document))))


def test_each_trial_has_a_row_with_settings_figures_and_verdict() -> None:
    document = sample_document()
    rows = read_csv(document)
    assert [row["trial"] for row in rows] == [trial.id for trial in document.trials]
    done = next(row for row in rows if (row["target.server"], row["load.idle"]) == ("epoll", "19000"))
    (trial,) = [trial for trial in document.trials if trial.id == done["trial"]]
    assert float(done["requests_per_second"]) == trial.requests_per_second
    assert int(done["response_ns.p99"]) == trial.response_ns.p99
    assert (done["state"], done["verdict"], done["is_lower_bound"]) == ("done", "valid", "false")


def test_trials_without_figures_have_a_state_and_a_reason() -> None:
    rows = {row["state"]: row for row in read_csv(sample_document())}
    refused, failed = rows["not possible"], rows["failed"]
    assert refused["reason"].startswith("select holds at most 16,384 connections")
    assert failed["findings"] == "failed"
    assert {refused[name] for name in ("verdict", "requests", "requests_per_second", "response_ns.p50")} == {""}


def test_invalid_trials_have_counts_but_no_figures() -> None:
    (invalid,) = [row for row in read_csv(sample_document()) if row["verdict"] == "invalid"]
    assert (invalid["requests_per_second"], invalid["response_ns.p50"], invalid["failures"]) == ("", "", "3")


def test_intervals_stand_beside_their_figures() -> None:
    trial = make_rate(50_000, confidence={"requests_per_second": (49_000, 51_000)})
    (row,) = rows_of(make_run([trial]))
    assert (row["requests_per_second.low"], row["requests_per_second.high"]) == (49_000, 51_000)
    assert row["response_ns.p50.low"] is None


def test_throughput_that_the_client_limited_is_marked() -> None:
    (row,) = rows_of(make_run([make_rate(50_000, verdict=Verdict(state="suspect", findings=[CLIENT_BOUND]))]))
    assert (row["is_lower_bound"], row["findings"]) == (True, "client_bound")


def test_percentiles_that_are_not_shown_are_left_out() -> None:
    times = LatencySummary(p50=100, p90=200, p99=300, p99_9=400, max=500, mean=120.0, count=1500, too_low=["p99"])
    trial = make_rate(50_000, response_ns=times)
    names = ("p50", "p90", "p99", "p99.9", "mean", "max")
    assert [shown_figure(trial, f"response_ns.{name}") for name in names] == [100, 200, None, None, None, None]


def test_values_of_any_kind_survive_csv() -> None:
    values: list[Any] = ['a,b "quoted"', "two\nlines", "naïve ✓", " spaces ", None, True, 0.1, "=1+1", ""]
    trials = [make_rate(1.0, number, factors={"target.env.X": value}) for number, value in enumerate(values, start=1)]
    expected = ["" if value is None else "true" if value is True else str(value) for value in values]
    assert [row["target.env.X"] for row in read_csv(make_run(trials))] == expected


def test_json_has_the_same_rows_with_their_types() -> None:
    document = sample_document()
    assert json.loads(format_json(document)) == rows_of(document)


def test_a_run_without_trials_has_a_heading() -> None:
    text = format_csv(make_run([]))
    assert text.startswith("trial,repeat,")
    assert text.count("\n") == 1


def test_trials_need_not_have_the_same_settings() -> None:
    rows = read_csv(
        make_run([make_rate(1.0, 1, factors={"load.idle": 5}), make_rate(1.0, 2, factors={"load.rate": 7})])
    )
    assert [(row["load.idle"], row["load.rate"]) for row in rows] == [("5", ""), ("", "7")]


def test_microbenchmarks_have_their_own_columns() -> None:
    document = make_run([make_trial(cost_ns=41.5)], {"name": "wait", "kind": "wait-cost"})
    (row,) = rows_of(document)
    assert row["cost_ns"] == 41.5
    assert "requests_per_second" not in row


def test_events_have_their_delay_and_their_bytes(tmp_path: Path) -> None:
    document = write_broadcast(tmp_path).read_document()
    last, trial = read_csv(document)[-1], document.trials[-1]
    assert (last["protocol"], int(last["delay_ns.p99"])) == ("events", trial.delay_ns.p99)
    assert (int(last["received_bytes"]), int(last["ended"])) == (trial.received_bytes, 150)
    assert (last["unasked"], last["pings"]) == ("", "")  # an event stream has neither


def test_websockets_have_their_upgrade_and_their_memory(tmp_path: Path) -> None:
    document = write_websockets(tmp_path).read_document()
    last, trial = read_csv(document)[-1], document.trials[-1]
    assert (last["protocol"], int(last["upgrade_ns.p50"])) == ("websocket", trial.upgrade_ns.p50)
    assert (last["pings"], last["idle.pings"], last["ended"], last["delay_ns.p50"]) == ("100", "57000", "", "")
    assert float(last["connection_memory.bytes_per_connection"]) == 27_540.0


def test_a_scenario_has_columns_of_its_iterations_and_of_its_own_names() -> None:
    few = LatencySummary(p50=1, p90=2, p99=3, count=50)
    kinds = [
        make_kind("GET /items/{id}", outcomes={"ok": 1000, "status": 4}),
        make_kind("log in", "step", response_ns=few),
        make_kind("checkout", "iteration", outcomes={"ok": 1000, "script_error": 2, "dropped": 7}),
    ]
    changes: dict[str, Any] = {
        "kinds": kinds,
        "checks": [CheckResult(name="paid", passed=9, failed=1)],
        "confidence": {"iterations.response_ns.p50": (900_000, 1_100_000)},
    }
    document = make_run([make_rate(500.0, **changes), make_rate(500.0, 2)])
    row, plain = rows_of(document)
    assert (row["iterations.requests_per_second"], row["iterations.outcomes.script_error"]) == (100.0, 2)
    assert (row["iterations.failures"], row["iterations.outcomes.dropped"], row["failed_checks"]) == (9, 7, 1)
    assert (row["iterations.response_ns.p50.low"], row["iterations.response_ns.p50.high"]) == (900_000, 1_100_000)
    assert (row["kinds.GET /items/{id}.failures"], row["kinds.GET /items/{id}.response_ns.p90"]) == (4, 2_000_000)
    assert (row["steps.log in.requests"], row["steps.log in.response_ns.p50"]) == (1000, 1)
    assert row["steps.log in.response_ns.p99"] is None  # fewer than ten lie beyond it
    assert (row["checks.paid.passed"], row["checks.paid.failed"]) == (9, 1)
    assert [*row][-2:] == ["checks.paid.passed", "checks.paid.failed"]
    of_scenario = [name for name in row if name.startswith(("iterations.", "kinds.", "steps.", "checks.", "failed_c"))]
    assert {plain[name] for name in of_scenario} == {None}
    (alone,) = rows_of(make_run([make_rate(500.0)]))
    assert set(row) - set(alone) == {name for name in of_scenario if name.startswith(("kinds.", "steps.", "checks."))}


def test_machines_of_a_cluster_have_columns_behind_all_others(tmp_path: Path) -> None:
    document = write_cluster(tmp_path).read_document()
    [row] = read_csv(document)
    names = list(row)
    first = names.index("machines.node1.connections")
    assert all(name.startswith("machines.node") for name in names[first:])
    assert (row["machines.node3.requests_per_second"], row["machines.node3.verdict"]) == ("600.0", "suspect")
    assert row["machines.node2.clock.offset_ns"] == "-12400000"
    assert row["machines.node1.client_ns.p99"].startswith("40")
    invalid = document.trial.model_copy(update={"verdict": Verdict(state="invalid")})
    [row] = read_csv(document.model_copy(update={"trials": [invalid]}))
    assert (row["machines.node3.requests_per_second"], row["machines.node3.requests"]) == ("", "1200")
