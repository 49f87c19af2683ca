"""Findings on what is not HTTP: each of its rules, and the words of those that all loads share."""

from dataclasses import replace
from typing import Any

import pytest

from loadlab.analysis.verdict import WindowEvidence, judge_trial
from loadlab.recording.histogram import Histogram
from loadlab.results.machine import ClockResult, MachineResult
from loadlab.results.requests import LatencySummary
from loadlab.results.trial import LoadedServer, TrialResult
from loadlab.results.verdict import Finding

from ....trials import make_trial

SECOND_NS = 1_000_000_000


def trial(protocol: str, **changes: object) -> TrialResult:
    fields: dict[str, Any] = {
        "protocol": protocol,
        "window_ns": 10 * SECOND_NS,
        "requests": 100_000,
        "requests_per_second": 10_000.0,
        "load_model": "closed",
        "outcomes": {"ok": 100_000},
        "response_ns": LatencySummary(count=100_000, p50=SECOND_NS, p99=SECOND_NS, mean=float(SECOND_NS)),
    }
    return make_trial(**fields | changes)


def findings(result: TrialResult, **evidence: Any) -> dict[str, Finding]:  # noqa: ANN401 - fields of the evidence
    window = replace(WindowEvidence(asked_ns=result.window_ns), **evidence)
    return {finding.code: finding for finding in judge_trial(result, window).findings}


def test_streams_that_end_often_are_noted() -> None:
    assert "streams_ended" not in findings(trial("events", ended=1_000))
    found = findings(trial("events", ended=1_001))["streams_ended"]
    assert (found.severity, found.evidence) == ("note", "1,001 streams ended, for 100,000 events")


@pytest.mark.parametrize(("opened", "severity"), [(50, None), (51, "note"), (500, "note"), (501, "suspect")])
def test_streams_have_to_be_open_when_the_window_begins(opened: int, severity: str | None) -> None:
    late = trial("events", connects={"opened": opened + 7, "failed": {}}, ended=7)
    found = findings(late, users=5_000).get("streams_late")
    assert (found.severity if found else None) == severity
    if found is not None:
        assert found.evidence == f"{opened} of 5,000 streams opened in the window"
    asked = trial("websocket", connects={"opened": opened, "failed": {}})
    assert "streams_late" not in findings(asked, users=5_000)


def test_delays_between_two_machines_are_noted() -> None:
    delay = LatencySummary(count=100_000, p50=5_000_000)
    here, there = (LoadedServer(address="192.0.2.7:80", remote=remote) for remote in (False, True))
    assert "two_clocks" not in findings(trial("events", delay_ns=delay, server=here))
    assert "two_clocks" not in findings(trial("events", server=there))
    found = findings(trial("events", delay_ns=delay, server=there))["two_clocks"]
    assert (found.severity, found.evidence) == ("note", "events were sent by 192.0.2.7:80, on another machine")


def test_messages_that_belong_to_no_answer_put_the_answers_in_doubt() -> None:
    assert "unasked_messages" not in findings(trial("websocket", unasked=10_000))
    found = findings(trial("websocket", unasked=10_001))["unasked_messages"]
    assert (found.severity, found.evidence) == (
        "suspect",
        "10,001 messages belong to no answer, beside 100,000 answers",
    )
    assert "message.matches" in found.advice
    assert "unasked_messages" not in findings(trial("websocket", unasked=90_000), answers_are_matched=True)


def test_websockets_that_are_closed_are_named_by_their_code() -> None:
    closed = trial("websocket", outcomes={"ok": 90_000, "closed_early": 10_000}, statuses={"1011": 9_000, "1000": 3})
    found = findings(closed)["failures"]
    assert found.text.startswith("Many round trips failed (most often: WebSocket closed with 1011 internal error), ")
    assert found.evidence == "10 % of 100,000 round trips failed: closed_early 10,000".replace(
        " %", "\N{NO-BREAK SPACE}%"
    )
    assert "statuses" in found.advice


@pytest.mark.parametrize(
    ("protocol", "outcome", "name", "advised"),
    [
        ("http", "malformed", "malformed response", "HTTP/1.1"),
        ("websocket", "malformed", "malformed handshake or frame", "RFC 6455"),
        ("tcp", "malformed", "unexpected answer", "with what was sent"),
        ("events", "timeout", "no event in time", "load.timeout"),
        ("websocket", "reset", "connection reset", "log"),
    ],
)
def test_failures_are_named_by_protocol(protocol: str, outcome: str, name: str, advised: str) -> None:
    found = findings(trial(protocol, outcomes={"ok": 50_000, outcome: 50_000}))["failures"]
    assert f"(most often: {name})" in found.text
    assert advised in found.advice


def test_no_event_is_said_as_such() -> None:
    none = trial("events", requests=0, outcomes={"ok": 0}, response_ns=LatencySummary())
    found = findings(none)["no_requests"]
    assert (found.text, found.evidence) == ("No event was received in the measured window.", "0 events in 10 s")


def test_the_pace_of_events_has_to_fit_into_the_window() -> None:
    """At 10,000 events/s 10,000 subscribers have one a second; of 13,000 not all were subscribed."""
    assert "window_too_short" not in findings(trial("events"), users=10_000)
    found = findings(trial("events"), users=13_000)["window_too_short"]
    assert "not all streams were open" in found.text
    assert "13,000 subscribers at 10,000 events/s mean 1.3 s for each (Little's law), not 1 s" in found.evidence
    assert "load.warmup" in found.advice
    # Streams that end pause before they are opened again.
    assert "window_too_short" not in findings(trial("events", ended=900), users=13_000)


def test_events_at_40_ms_are_no_delayed_acks() -> None:
    times = Histogram()
    times.fold([45_000_000] * 1_000)
    assert "delayed_ack" not in findings(trial("events"), service_times=times)
    assert findings(trial("tcp"), service_times=times)["delayed_ack"].text.startswith("Many answers took 40 to 52 ms")


def test_the_client_adds_to_the_delay_of_events_not_to_their_pace() -> None:
    added = LatencySummary(count=100_000, p50=1_000_000, p99=3_000_000)
    slow = trial("events", dispatch_ns=added, delay_ns=LatencySummary(count=100_000, p50=5_000_000, p99=5_000_000))
    found = findings(slow)["client_added"]
    assert (found.severity, found.evidence) == ("suspect", "p99 of dispatch time 3 ms, of delivery delay 5 ms")
    assert "client_added" not in findings(trial("events", dispatch_ns=added))


def test_a_server_that_closes_after_each_message_is_noted() -> None:
    found = findings(trial("websocket", connects={"opened": 90_000, "failed": {}}))["each_request_connects"]
    assert found.text.startswith("Each round trip opens a connection: ")
    assert found.evidence == "90,000 connections opened for 100,000 answers"
    assert found.advice.startswith("Look for why the server closes its WebSockets")


@pytest.mark.parametrize(
    ("offset_ns", "bound_ns", "severity"),
    [(0, 0, None), (1000, 500, "note"), (-90_000, 10_000, "note"), (-90_000, 10_001, "suspect")],
)
def test_machines_of_a_cluster_have_clocks_of_their_own(offset_ns: int, bound_ns: int, severity: str | None) -> None:
    machines = [
        MachineResult(name=name, host=name, cores=1, workers=1, holders=0, connections=1, idle=0, clock=clock)
        for name, clock in (
            ("here", ClockResult(offset_ns=0, bound_ns=0, drift_ppm=0.0)),
            ("there", ClockResult(offset_ns=offset_ns, bound_ns=bound_ns, drift_ppm=0.0)),
        )
    ]
    delay = LatencySummary(count=100_000, p50=1_000_000)
    found = findings(trial("events", delay_ns=delay, server=LoadedServer(address="127.0.0.1:1"), machines=machines))
    finding = found.get("two_clocks")
    assert (finding and finding.severity) == severity
    assert finding is None or "client machine there" in finding.evidence
