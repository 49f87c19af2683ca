"""Pages of loads that are not HTTP: their words, and the figures that only they have, where a reader looks for them."""

import re

import pytest

from loadlab.report.curves import curves_of
from loadlab.report.layout import arrange
from loadlab.report.page import build_page, render
from loadlab.report.sections.charts import charts_of, tables_of
from loadlab.report.sections.overview import overview_of
from loadlab.report.sections.trials import tabulate, tabulate_kinds
from loadlab.results.directory import RunDirectory
from loadlab.results.run import RunDocument

from ....stream_runs import of_kinds
from ..laid_out import run_of


def single(document: RunDocument, number: int) -> RunDocument:
    return document.model_copy(update={"trials": [document.trials[number]], "trials_planned": 1})


def titles_of(document: RunDocument) -> list[str]:
    return [captioned.chart.title for captioned in charts_of(run_of(document))]


def test_the_delivery_delay_is_the_answer_of_a_broadcast(broadcast: RunDocument) -> None:
    change, extremes, cost = overview_of(run_of(broadcast)).head
    assert change == "Delivery delay (p99) rises with more subscribers for node and coroutine, 15-fold each at 15,000."
    assert extremes.startswith("Delivery delay (p99) at 15,000 subscribers: coroutine is fastest with ")
    assert cost.startswith("CPU time of the target per event does not depend on the number of subscribers")


def test_the_pace_of_a_broadcast_comes_last_of_its_times(broadcast: RunDocument) -> None:
    assert titles_of(broadcast) == [
        "Delivery delay",
        "Throughput",
        "CPU time of the target per event",
        "Time between events",
        "Time to the first event",
    ]


def test_delay_is_what_a_broadcast_plots_even_if_it_does_not_say_so(broadcast: RunDocument) -> None:
    unsaid = broadcast.model_copy(update={"profile": {**broadcast.profile, "plot": {"x": "load.connections"}}})
    [delay, *_] = charts_of(run_of(unsaid))
    assert [panel.measure.title for panel in delay.chart.panels] == [
        "Delivery delay (p50)",
        "Delivery delay (p99)",
        "Time added by the client (p99)",
    ]


def test_events_are_no_closed_model(broadcast: RunDocument) -> None:
    page = build_page(run_of(broadcast))
    assert page.facts[0] == "streams of events: swept subscribers"
    assert page.model == ""
    paragraphs = " ".join(overview_of(run_of(broadcast)).rest)
    assert paragraphs.startswith("Each subscriber reads one stream.")
    assert "coordinated omission" not in paragraphs


def test_the_curves_of_a_broadcast_begin_with_the_delay_on_an_axis_of_its_own(broadcast_run: RunDirectory) -> None:
    document = broadcast_run.read_document()
    panels, far = curves_of(arrange(document.profile, document.trials), broadcast_run.read_latency_rounds)
    assert [(panel.title, panel.counted, panel.is_apart) for panel in panels] == [
        ("Delivery delay", "events", True),
        ("Time between events", "events", False),
        ("Time to the first event", "streams", False),
    ]
    assert [each.times.count for each in far] == [60_000, 60_000]
    assert max(each.times.max_ns for each in far) < 300_000_000


def test_columns_of_events(broadcast: RunDocument) -> None:
    table = tabulate(broadcast.trials)
    titles = [column.title for column in table.columns]
    assert titles[:6] == ["trial", "server", "subscribers", "verdict", "events/s", "failed"]
    for title in ("streams ended", "delay p50", "delay p99", "first p50", "bytes/s", "CPU per event"):
        assert title in titles
    assert not [title for title in titles if "request" in title or "gap" in title]
    row = dict(zip(titles, (cell.text for cell in table.rows[-1].cells), strict=True))
    assert (row["streams ended"], row["bytes/s"]) == ("150", "2.29 MiB/s")


def test_one_server_sends_events_within_a_delay(broadcast: RunDocument) -> None:
    alone = single(broadcast, 3)
    [sentence, *_] = overview_of(run_of(alone)).head
    assert re.fullmatch(
        r"coroutine at 15,000 subscribers sends 30,000 events/s; half of the events arrive within 6\d(\.\d)? ms, "
        r"99.% within 13\d ms\.",
        sentence,
    )
    [figures, *_] = tables_of(run_of(alone))
    names = [name for name, _ in figures.rows]
    assert names[0] == "Events per second"
    for name in ("Delivery delay (p99)", "Time between events (p50)", "Bytes of events per second",
                 "Streams ended by the server", "CPU time of the target per event"):  # fmt: skip
        assert name in names
    assert "Pings answered" not in names  # none were


def test_without_a_send_time_the_pace_is_all_that_is_known(broadcast: RunDocument) -> None:
    nothing = type(broadcast.trials[3].delay_ns)()
    trial = broadcast.trials[3].model_copy(update={"delay_ns": nothing})
    [sentence, *_] = overview_of(run_of(broadcast.model_copy(update={"trials": [trial]}))).head
    assert "sends 30,000 events/s; half of the events follow the one before within 500 ms, 99" in sentence


def test_memory_answers_first_and_then_what_active_ones_pay(websockets: RunDocument) -> None:
    capacity, extremes, cost = overview_of(run_of(websockets)).head
    assert capacity == (
        "A GiB holds so many idle WebSockets at the server's end: coroutine 152,000 and asyncio 44,500; with both "
        "ends: 103,000 and 39,000."
    )
    assert extremes.startswith("Memory of one idle WebSocket at 19,000 idle WebSockets: coroutine is smallest with ")
    assert overview_of(run_of(websockets)).rest[0].startswith("Memory of one idle WebSocket does not depend on ")
    assert cost.startswith("CPU time of the target per round trip does not depend on the number of idle WebSockets ")
    [memory, *_] = charts_of(run_of(websockets))
    assert memory.chart.title == "Memory of one idle WebSocket"
    assert memory.table is not None


def test_columns_of_websockets(websockets: RunDocument) -> None:
    table = tabulate(websockets.trials)
    titles = [column.title for column in table.columns]
    for title in ("idle WebSockets", "round trips/s", "pings answered", "WebSocket upgrade p50", "CPU per round trip"):
        assert title in titles
    row = dict(zip(titles, table.rows[-1].cells, strict=True))
    assert row["statuses"].text == "1011 internal error: 2"
    assert row["idle alive"].note.endswith("; they speak WebSocket, and answered 57,000 pings")
    assert row["memory of one idle"].text == "26.9 KiB"


def test_kinds_of_messages_keep_their_names(websockets: RunDocument) -> None:
    mixed = websockets.model_copy(update={"trials": [of_kinds(trial) for trial in websockets.trials]})
    assert "Response time by kind of message, closed model" in titles_of(mixed)
    table = tabulate_kinds(mixed.trials)
    assert table is not None
    assert [column.title for column in table.columns][3:6] == ["kind", "round trips", "round trips/s"]
    assert table.rows[1].cells[3].text == "{join}"


@pytest.mark.parametrize("number", range(2))
def test_no_page_of_them_speaks_of_requests_it_did_not_count(
    broadcast_run: RunDirectory, websockets_run: RunDirectory, number: int
) -> None:
    text = re.sub("<[^>]+>", " ", render((broadcast_run, websockets_run)[number]))
    shown = text[text.index("In detail") : text.index("Error added by the client")]
    assert not re.findall(r"[^.]*\brequests?/s[^.]*|[^.]*per request[^.]*", shown)


def test_streamed_answers_have_a_chart_of_their_beginning_and_their_gaps(broadcast: RunDocument) -> None:
    trials = [
        trial.model_copy(update={"protocol": "http", "delay_ns": type(trial.delay_ns)(), "gap_ns": trial.response_ns})
        for trial in broadcast.trials
    ]
    profile = {**broadcast.profile, "load": {"connections": 100}, "plot": {"x": "load.connections"}}
    streamed = broadcast.model_copy(update={"trials": trials, "profile": profile})
    assert titles_of(streamed)[:3] == [
        "Throughput, closed model",
        "Response time, closed model",
        "Time to the first byte of the body, and between pieces",
    ]
    [*_, streams, _] = charts_of(run_of(streamed))
    assert [panel.measure.title for panel in streams.chart.panels] == [
        "Time to the first byte of the body (p50)",
        "Time to the first byte of the body (p99)",
        "Time between pieces of the body (p50)",
        "Time between pieces of the body (p99)",
    ]
