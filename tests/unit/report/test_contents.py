import pytest

from loadlab.report.arrangement import arrange
from loadlab.report.contents import CaptionedChart, charts_of, overview_of
from loadlab.results.directory import RunDirectory
from loadlab.results.model import Law, RunDocument


def charts(document: RunDocument) -> dict[str, CaptionedChart]:
    found = charts_of(document, arrange(document.profile, document.trials))
    return {captioned.chart.key: captioned for captioned in found}


def titles(captioned: CaptionedChart) -> list[str]:
    return [panel.measure.title for panel in captioned.chart.panels]


def plotting(document: RunDocument, metric: str) -> RunDocument:
    plot = {**document.profile["plot"], "y": metric}
    return document.model_copy(update={"profile": {**document.profile, "plot": plot}})


def test_throughput_comes_first_unless_another_metric_is_asked_for(crowd: RunDocument) -> None:
    assert [*charts(crowd)] == ["throughput", "response", "cpu", "resources"]
    assert [*charts(plotting(crowd, "requests_per_second"))] == [*charts(crowd)]
    memory = charts(plotting(crowd, "target.pss_bytes"))
    assert [*memory] == ["plotted", "throughput", "response", "cpu", "resources"]
    assert memory["plotted"].chart.title == "Memory of the target (PSS)"
    assert titles(memory["resources"]) == ["Context switches per request"]


def test_a_metric_that_nothing_has_gives_no_chart(crowd: RunDocument) -> None:
    assert "plotted" not in charts(plotting(crowd, "cost_ns"))


def test_memory_and_switches_are_shown_where_they_vary(crowd: RunDocument, sample_run: RunDirectory) -> None:
    resources = charts(crowd)["resources"]
    assert titles(resources) == ["Memory (PSS)", "Context switches per request"]
    assert resources.notes[0].startswith("More for each of the dead connections: fork 420 KiB, thread 21.5 KiB, ")
    assert resources.notes[-1].startswith("PSS counts")
    assert "resources" not in charts(sample_run.read_document())


def test_only_lines_with_a_point_are_in_the_legend(crowd: RunDocument) -> None:
    legend = charts(crowd)["throughput"].chart.legend
    assert "node" not in [line.name for line in legend]
    assert len(legend) == 12


def test_each_kind_of_request_has_its_panels(mix: RunDocument) -> None:
    found = charts(mix)
    assert [*found] == ["plotted", "throughput", "kinds", "cpu"]
    assert titles(found["kinds"]) == [
        "hello, median (p50)", "hello, 99th percentile (p99)", "slow, median (p50)", "slow, 99th percentile (p99)",
    ]  # fmt: skip
    assert "slow, 99th percentile (p99). From 4 to 64 active connections: blocking false" in found["kinds"].sentence


def test_a_kind_has_a_point_where_there_were_no_slow_senders(slow_senders: RunDocument) -> None:
    hello, slow = charts(slow_senders)["kinds"].chart.panels[1::2]
    assert [x for x, _ in hello.lines[0].measured] == [0, 2, 8]
    assert [x for x, _ in slow.lines[0].measured] == [2, 8]


def test_laws_stand_under_the_chart_of_their_metric(crowd: RunDocument) -> None:
    found = charts(crowd)
    assert [key for key, captioned in found.items() if captioned.laws] == ["cpu"]
    laws = found["cpu"].laws
    assert [law.line for law in laws] == [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12]
    assert laws[2].text.startswith("select: 72 ns more for each dead connection")


def test_a_law_over_another_axis_or_of_no_line_is_left_out(crowd: RunDocument) -> None:
    law = crowd.laws[0]
    others: list[Law] = [
        law.model_copy(update={"over": "load.connections"}),
        law.model_copy(update={"where": {"target.server": "gone"}}),
        law.model_copy(update={"metric": "cost_ns"}),
    ]
    assert charts(crowd.model_copy(update={"laws": others}))["cpu"].laws == ()


def test_waiting_has_its_cost_its_laws_and_the_books_table(wait_cost: RunDocument) -> None:
    [(key, cost)] = charts(wait_cost).items()
    assert (key, titles(cost)) == ("cost", ["Time of one waiting call"])
    assert [law.line for law in cost.laws] == [0, 1, 2]
    assert cost.table is not None


def test_chained_writes_show_the_whole_run_too(wait_cost: RunDocument) -> None:
    profile = {**wait_cost.profile, "wait": {"active": 100, "writes": 1000}}
    trials = [trial.model_copy(update={"operation_ns": None, "run_ns": 3e6}) for trial in wait_cost.trials]
    found = charts(wait_cost.model_copy(update={"profile": profile, "trials": trials}))
    assert [captioned.chart.title for captioned in found.values()] == [
        "Time for one event of the chain",
        "Time of a whole run of the chain",
    ]
    assert found["cost"].table is None


def test_switching_has_time_and_memory_side_by_side(switch_cost: RunDocument) -> None:
    [(key, cost)] = charts(switch_cost).items()
    assert (key, titles(cost)) == ("cost", ["Time of one switch", "Memory of one unit"])
    assert cost.table is not None


@pytest.mark.parametrize("name", ["crowd", "mix", "wait_cost", "switch_cost"])
def test_a_run_without_trials_has_no_charts_and_nothing_to_see(name: str, request: pytest.FixtureRequest) -> None:
    document: RunDocument = request.getfixturevalue(name).model_copy(update={"trials": []})
    assert charts(document) == {}
    assert overview_of(document, arrange(document.profile, [])) == ()
