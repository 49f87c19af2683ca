from dataclasses import replace

import pytest

from loadlab.report.layout import Arrangement, arrange
from loadlab.report.measures import ANSWERED_SHARE, RESPONSE_P99, THROUGHPUT
from loadlab.report.panels import Line, Value, panel_of
from loadlab.report.sections.charts import CaptionedChart, charts_of, describe_gaps, tables_of
from loadlab.report.sections.overview import Answer, overview_of
from loadlab.results.directory import RunDirectory
from loadlab.results.laws import Law
from loadlab.results.requests import LatencySummary
from loadlab.results.run import RunDocument
from loadlab.results.trial import TrialResult
from loadlab.results.verdict import Verdict

from ..laid_out import run_of


def arranged(run: RunDirectory) -> Arrangement:
    document = run.read_document()
    return arrange(document.profile, document.trials)


def medians(line: Line) -> list[float | None]:
    return [point.value.median if point.value else None for point in line.points]


def test_a_line_for_each_server_with_a_point_for_each_x(sample_run: RunDirectory) -> None:
    lines = panel_of(arranged(sample_run), THROUGHPUT).lines
    assert [(line.index, line.name, len(line.points)) for line in lines] == [
        (0, "select", 5),
        (1, "poll", 5),
        (2, "epoll", 5),
    ]
    epoll = [value for value in medians(lines[2]) if value is not None]
    assert len(epoll) == 5
    assert max(epoll) < 1.05 * min(epoll)


def test_what_was_not_measured_is_a_gap_and_never_a_zero(sample_run: RunDirectory) -> None:
    select, poll, _ = panel_of(arranged(sample_run), THROUGHPUT).lines
    assert [value is None for value in medians(select)] == [False, False, False, False, True]
    # One failed, the other is done but invalid: its requests/s are no capacity.
    assert [value is None for value in medians(poll)] == [False, False, False, True, True]
    assert 0 not in medians(select) + medians(poll)


def repeated(*rates: float, count: int = 100_000) -> Arrangement:
    trials = [
        TrialResult(
            id=f"{number:03}",
            repeat=number,
            factors={},
            state="done",
            verdict=Verdict(state="valid"),
            requests_per_second=rate,
            response_ns=LatencySummary(p99=1000 * number, count=count),
        )
        for number, rate in enumerate(rates, start=1)
    ]
    return arrange({}, trials)


def test_repeats_give_their_median_and_how_far_they_spread() -> None:
    [line] = panel_of(repeated(100.0, 400.0, 120.0), THROUGHPUT).lines
    value = line.points[0].value
    assert value is not None
    assert value.interval is not None
    assert replace(value, interval=None) == Value(120.0, low=100.0, high=400.0, repeats=3)
    assert value.interval[0] < 120 < value.interval[1]


def test_a_percentile_with_too_few_samples_is_left_out() -> None:
    [point] = panel_of(repeated(1.0, count=100_000), RESPONSE_P99).lines[0].points
    assert (point.value, point.too_few) == (Value(1000, 1000, 1000), False)
    [point] = panel_of(repeated(1.0, count=900), RESPONSE_P99).lines[0].points
    assert (point.value, point.too_few) == (None, True)


def test_a_throughput_that_the_load_limited_is_a_lower_bound_and_a_time_is_not(open_run: RunDirectory) -> None:
    _, asyncio = panel_of(arranged(open_run), THROUGHPUT).lines
    assert [point.value is not None and point.value.at_least for point in asyncio.points] == [False, False, False, True]
    for measure in (RESPONSE_P99, ANSWERED_SHARE):
        values = [value for line in panel_of(arranged(open_run), measure).lines for _, value in line.measured]
        assert len(values) == 8
        assert not any(value.at_least for value in values)


def charts(document: RunDocument) -> dict[str, CaptionedChart]:
    found = charts_of(run_of(document))
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
    assert resources.notes[0].startswith("Growth for each idle connection: fork 420 KiB, thread 21.5 KiB, ")
    assert resources.notes[-1].startswith("PSS divides")
    assert "resources" not in charts(sample_run.read_document())


def test_only_lines_with_a_point_are_in_the_legend(crowd: RunDocument) -> None:
    legend = charts(crowd)["throughput"].chart.legend
    assert "node" not in [line.name for line in legend]
    assert len(legend) == 12


def test_each_kind_of_request_has_its_panels(mix: RunDocument) -> None:
    found = charts(mix)
    assert [*found] == ["plotted", "throughput", "kinds", "cpu"]
    # No trial has enough of the slow ones for their p99.
    assert titles(found["kinds"]) == ["hello, median (p50)", "hello, 99th percentile (p99)", "slow, median (p50)"]
    assert "hello, 99th percentile (p99). From 4 to 64 active connections: suspending calls" in found["kinds"].sentence
    assert (
        "A percentile is left out where fewer than 10 samples lie beyond it, or the window was too short for it."
        in found["kinds"].notes
    )


def test_a_kind_has_a_point_where_there_were_no_slow_senders(slow_senders: RunDocument) -> None:
    hello, slow = charts(slow_senders)["kinds"].chart.panels[0::2]
    assert [x for x, _ in hello.lines[0].measured] == [0, 2, 8]
    assert [x for x, _ in slow.lines[0].measured] == [2, 8]


def test_laws_stand_under_the_chart_of_their_metric(crowd: RunDocument) -> None:
    found = charts(crowd)
    assert [key for key, captioned in found.items() if captioned.laws] == ["cpu"]
    laws = found["cpu"].laws
    assert [law.line for law in laws] == [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12]
    assert laws[2].text.startswith("select: each idle connection adds 72 ns")


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
        "Time per event of the chain",
        "Time of a complete chain of events",
    ]
    assert found["cost"].table is None


def test_switching_has_time_and_memory_side_by_side(switch_cost: RunDocument) -> None:
    [(key, cost)] = charts(switch_cost).items()
    assert (key, titles(cost)) == ("cost", ["Time of one switch", "Memory of one unit"])
    assert cost.table is not None


def test_an_open_load_begins_with_its_times_and_where_they_go(open_load: RunDocument) -> None:
    found = charts(open_load)
    assert [*found] == ["response", "parts", "throughput", "cpu"]
    assert found["response"].chart.title == "Response and service time, open model"
    assert titles(found["response"]) == [
        "Response time (p50)", "Service time (p50)", "Response time (p99)", "Service time (p99)",
    ]  # fmt: skip
    assert titles(found["parts"]) == [
        "Lateness (p50)", "Server and wire (p50)", "Dispatch (p50)",
        "Lateness (p99)", "Server and wire (p99)", "Dispatch (p99)",
    ]  # fmt: skip
    assert found["parts"].chart.columns == 3
    assert [*charts(plotting(open_load, "requests_per_second"))] == ["throughput", "response", "parts", "cpu"]


@pytest.mark.parametrize("metric", ["lateness_ns.p50", "response_ns.p99", "outcomes.dropped"])
def test_what_no_chart_begins_with_and_tells_has_one_of_its_own(open_load: RunDocument, metric: str) -> None:
    document = plotting(open_load, metric)
    assert [*charts(document)] == ["plotted", "response", "parts", "throughput", "cpu"]
    assert overview_of(run_of(document)).head


def test_of_the_parts_only_means_are_added_up(open_load: RunDocument) -> None:
    parts = charts(open_load)["parts"]
    assert parts.sentence.startswith(
        "The highest mean response time (asyncio at 24,000 offered requests/s) is 306 ms: "
    )
    assert parts.sentence.endswith("306 ms of lateness, 70.8 µs of server and wire, and 1.99 µs of dispatch.")
    assert any("do not add up" in note for note in parts.notes)


def test_what_was_answered_of_the_offered_rate_is_told(open_load: RunDocument) -> None:
    throughput = charts(open_load)["throughput"]
    assert titles(throughput) == ["Requests per second", "Share of the offered rate that was answered"]
    assert throughput.sentence == (
        "The target did not keep up with the offered rate: it answered 69.4\N{NO-BREAK SPACE}% of it at worst "
        "(asyncio at 24,000 offered requests/s). Requests per second. From 500 to 24,000 offered requests/s: epoll 500 "
        "→ 24,000 requests/s (48 times), asyncio 500 → at least 16,666 requests/s."
    )
    assert any(note.startswith("An arrow marks a lower bound") for note in throughput.notes)
    assert "Poisson arrivals scatter around their rate." in throughput.notes


def test_the_kinds_of_an_open_load_have_service_times_beside_response_times(mix: RunDocument) -> None:
    trials = [trial.model_copy(update={"load_model": "open"}) for trial in mix.trials]
    assert titles(charts(mix.model_copy(update={"trials": trials}))["kinds"])[:4] == [
        "Response time of hello (p50)", "Service time of hello (p50)",
        "Response time of hello (p99)", "Service time of hello (p99)",
    ]  # fmt: skip


def test_a_closed_load_is_called_so_where_its_figures_are(sample_run: RunDirectory) -> None:
    found = charts(sample_run.read_document())
    assert found["throughput"].chart.title == "Throughput, closed model"
    assert found["response"].chart.title == "Response time, closed model"


def test_connection_memory_is_drawn_by_its_parts_and_told_where_most_are_open(million: RunDocument) -> None:
    memory = charts(million)["connection-memory"]
    assert (memory.chart.title, titles(memory), memory.table) == ("Memory of one idle connection", [], None)
    assert memory.split is not None
    assert memory.split.parts == ("Kernel, both ends", "Target", "Client")
    assert len(memory.split.panels[0].totals) == 4
    assert (
        "One idle connection takes 6.88 KiB of memory at 1,000,000 idle connections: 6.15 KiB in the kernel for both "
        "ends, 500 B in the target, and 250 B in the client. A GiB holds 294,000 of them at the server's "
        "end, or 152,000 with both ends."
    ) in overview_of(run_of(million)).head
    assert memory.sentence == "From 10,000 to 1,000,000 idle connections: stays at 6.88 KiB."
    [note] = memory.notes
    assert "the kernel holds it twice" in note


def test_connection_memory_comes_first_where_it_is_asked_for(million: RunDocument) -> None:
    first, *others = charts(plotting(million, "connection_memory.bytes_per_connection"))
    assert first == "connection-memory"
    assert "plotted" not in others


def test_cpu_time_is_split_into_user_and_system(crowd: RunDocument) -> None:
    cpu = charts(crowd)["cpu"]
    assert titles(cpu) == ["CPU time of the target per request"]
    assert cpu.split is not None
    assert cpu.split.parts == ("User", "System (kernel)")
    assert [panel.name for panel in cpu.split.panels] == [line.name for line in cpu.chart.legend]


def test_one_setting_has_tables_instead_of_charts(million: RunDocument, crowd: RunDocument) -> None:
    document = million.model_copy(update={"trials": million.trials[-1:]})
    assert charts_of(run_of(document)) == ()
    assert [table.title for table in tables_of(run_of(document))] == ["Figures"]
    assert tables_of(run_of(crowd)) == ()


def test_of_several_servers_each_has_its_memory_told(million: RunDocument) -> None:
    trials = [
        trial.model_copy(update={"factors": {"target.server": server, **trial.factors}})
        for server in ("epoll", "asyncio")
        for trial in million.trials
    ]
    memory = charts(million.model_copy(update={"trials": trials}))["connection-memory"]
    assert memory.sentence == (
        "From 10,000 to 1,000,000 idle connections: epoll stays at 6.88 KiB, asyncio stays at 6.88 KiB."
    )


@pytest.mark.parametrize("name", ["crowd", "mix", "open_load", "million", "wait_cost", "switch_cost"])
def test_a_run_without_trials_has_no_charts_and_nothing_to_see(name: str, request: pytest.FixtureRequest) -> None:
    document: RunDocument = request.getfixturevalue(name).model_copy(update={"trials": []})
    assert charts(document) == {}
    assert overview_of(run_of(document)) == Answer()


def test_the_wait_for_a_core_stands_beside_memory_where_it_grows(crowd: RunDocument) -> None:
    trials = [
        trial.model_copy(
            update={
                "target": trial.target.model_copy(
                    update={"run_queue_wait_ns_per_request": 500.0 + 2 * float(trial.factors["load.idle"] or 0)}
                )
            }
        )
        for trial in crowd.trials
        if trial.target
    ]
    resources = charts(crowd.model_copy(update={"trials": trials}))["resources"]
    assert titles(resources) == ["Memory (PSS)", "Context switches per request", "Run-queue wait per request"]
    assert resources.notes[-1].endswith("the time that the target was ready to run and had no core.")


def test_events_per_wait_are_drawn_for_the_servers_that_were_traced(probed_run: RunDirectory) -> None:
    waits = charts(probed_run.read_document())["waits"]
    assert [line.name for line in waits.chart.legend] == ["select", "epoll"]
    assert {value for panel in waits.chart.panels for value in panel.values} == {10.0}


def test_gaps_are_counted_by_reason_under_the_first_chart(sample_run: RunDirectory) -> None:
    document = sample_run.read_document()
    gaps = describe_gaps(run_of(document).trials)
    assert gaps.startswith("3 of 15 trials have no point here (")
    assert all(reason in gaps for reason in ("1 not possible", "1 failed", "1 invalid"))
    first, *others = charts_of(run_of(document))
    assert first.notes[-1] == gaps
    assert not any(gaps in chart.notes for chart in others)
    assert describe_gaps([trial for trial in document.trials if trial.is_credible]) == ""
