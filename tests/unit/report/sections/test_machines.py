"""The section on the machines that generated the load, and what else of the page is about them."""

import pytest

from loadlab.report.loaded import loaded_lines
from loadlab.report.machines import anchor_of_machine, describe_origin, tabulate_machines
from loadlab.report.page import build_page, render
from loadlab.report.sections import findings, provenance
from loadlab.report.sections.charts import CaptionedChart
from loadlab.report.sections.machines import LoadByMachine, describe_clocks, sections_of
from loadlab.report.tables import Cell, Table
from loadlab.results.directory import RunDirectory
from loadlab.results.run import RunDocument
from loadlab.results.trial import LoadedServer

from ..laid_out import run_of

NBSP = "\N{NO-BREAK SPACE}"


def column(table: Table, title: str) -> list[Cell]:
    index = [each.title for each in table.columns].index(title)
    return [row.cells[index] for row in table.rows]


def table_of(document: RunDocument) -> Table:
    [section] = (each for each in sections_of(run_of(document)) if isinstance(each, LoadByMachine))
    return section.table


def test_a_run_on_this_machine_alone_has_no_such_section(sample_run: RunDirectory) -> None:
    document = sample_run.read_document()
    assert [*sections_of(run_of(document))] == []
    assert describe_origin(document.trials) == ""
    assert not any("load from" in fact for fact in build_page(run_of(document)).facts)


def test_each_machine_has_a_row_with_its_figures_and_verdict(cluster: RunDocument) -> None:
    table = table_of(cluster)
    assert [each.title for each in table.columns] == [
        "machine", "verdict", "cores", "connections", "requests/s", "failed", "p50", "p99", "late p99", "added p99",
        "CPU, cores", "speed", "clock offset",
    ]  # fmt: skip
    assert [cell.text for cell in column(table, "machine")] == ["node1", "node2", "node3"]
    assert [cell.note for cell in column(table, "machine")] == ["", "node2.example", "node3.example"]
    assert [cell.text for cell in column(table, "cores")] == ["2", "3", "4"]
    assert [cell.text for cell in column(table, "failed")] == ["0", "7", "0"]
    assert [cell.text for cell in column(table, "CPU, cores")] == ["0.50"] * 3
    assert [cell.text for cell in column(table, "speed")] == ["as usual", f"3{NBSP}% slower", f"4{NBSP}% faster"]
    assert [cell.text for cell in column(table, "clock offset")] == [
        "the same", "\N{MINUS SIGN}12.4 ms ± 180 µs", "\N{MINUS SIGN}24.8 ms ± 1.4 ms",
    ]  # fmt: skip
    assert [(cell.text, cell.badge) for cell in column(table, "verdict")] == [
        ("valid", "valid"), ("valid", "valid"), ("suspect", "suspect"),
    ]  # fmt: skip
    assert [bool(row.remark) for row in table.rows] == [False, False, True]
    assert [row.anchor for row in table.rows] == [f"machine-001-node{number}" for number in (1, 2, 3)]


def test_of_several_trials_each_row_begins_with_its_trial(cluster_users: RunDocument) -> None:
    table = table_of(cluster_users)
    assert [each.title for each in table.columns[:4]] == ["trial", "server", "active connections", "machine"]
    assert len(table.rows) == 12
    assert "late p99" in [each.title for each in table.columns]
    assert not [each for each in sections_of(run_of(cluster_users)) if isinstance(each, CaptionedChart)]


def test_throughput_by_machine_is_drawn_of_a_single_setting(cluster: RunDocument) -> None:
    [chart] = (each for each in sections_of(run_of(cluster)) if isinstance(each, CaptionedChart))
    assert chart.chart.title == "Requests per second by machine, open model"
    [line] = chart.chart.panels[0].lines
    assert [point.x for point in line.points] == ["node1", "node2", "node3"]
    assert [point.value.median for point in line.points if point.value] == [1200.0, 900.0, 600.0]
    assert line.points[2].value is not None
    assert set(line.points[2].value.doubts) == {"late", "disturbed", "clock_offset"}
    assert len(chart.draw()) == 1


def test_equal_bars_are_not_drawn(cluster: RunDocument) -> None:
    equal = [
        each.model_copy(update={"requests_per_second": 900.0 + index})
        for index, each in enumerate(cluster.trial.machines)
    ]
    document = cluster.model_copy(update={"trials": [cluster.trial.model_copy(update={"machines": equal})]})
    assert [type(section) for section in sections_of(run_of(document))] == [LoadByMachine]


def test_it_says_how_well_the_clocks_are_known(cluster: RunDocument) -> None:
    assert describe_clocks(cluster.trials).endswith("windows began together to within 1.4 ms.")
    same = [each.model_copy(update={"clock": None}) for each in cluster.trial.machines]
    assert describe_clocks([cluster.trial.model_copy(update={"machines": same})]) == ""


def test_a_trial_that_failed_has_no_rows(cluster: RunDocument) -> None:
    failed = cluster.trial.model_copy(update={"state": "failed"})
    assert [*sections_of(run_of(cluster.model_copy(update={"trials": [failed]})))] == []


def test_the_first_screen_says_where_the_load_came_from(cluster: RunDocument) -> None:
    assert "load from 3 machines with 9 cores" in build_page(run_of(cluster)).facts
    facts = {fact.name: fact.value for fact in provenance.machine_of(cluster)}
    assert facts["Load from"] == "node1 (2 cores), node2 (node2.example, 3 cores), node3 (node3.example, 4 cores)"


def test_a_finding_links_to_the_machine(cluster: RunDocument) -> None:
    groups = findings.group_findings(cluster.trials, lambda _: "")
    late = next(group for group in groups if group.code == "late")
    assert late.text.startswith("Client machine node3: requests were sent later than scheduled")
    assert late.occurrences[0].machines == (("node3", "machine-001-node3"),)


@pytest.mark.parametrize(
    ("name", "anchor"), [("a.b", "machine-1-a-b"), ("tcp://10.0.0.1:8", "machine-1-tcp-10-0-0-1-8")]
)
def test_any_name_makes_an_anchor(name: str, anchor: str) -> None:
    assert anchor_of_machine("1", name) == anchor


def test_the_page_has_them(cluster_run: RunDirectory) -> None:
    html = render(cluster_run)
    assert '<section id="load-by-machine">' in html
    assert '<a href="#machine-001-node3">node3</a>' in html
    assert '<tbody id="machine-001-node3">' in html
    assert tabulate_machines(cluster_run.read_document().trials).rows


def test_a_target_on_a_machine_of_the_cluster_is_named_and_known(cluster: RunDocument) -> None:
    server = LoadedServer(address="10.0.0.9:8080", remote=True, on="db")
    trial = cluster.trial.model_copy(update={"server": server, "placement": {"target": [0, 1]}})
    document = cluster.model_copy(update={"trials": [trial]})
    assert "target on db" in build_page(run_of(document)).facts
    facts = {fact.name: fact.value for fact in provenance.machine_of(document)}
    assert facts["Target on"] == "db"
    assert facts["Placement"] == "target on CPU 0, 1 of db"
    assert facts["Server"].endswith(", on db")
    assert "CPU time and memory of the target" not in facts
    [line] = loaded_lines(document)
    assert "not known" not in line
