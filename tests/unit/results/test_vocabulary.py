import pytest

from loadlab.results.idle import IdleProtocol, IdleSummary
from loadlab.results.requests import KindResult, LatencySummary
from loadlab.results.trial import LoadProtocol, TrialResult
from loadlab.results.vocabulary import REQUESTS, vocabulary_for, vocabulary_of, vocabulary_of_schedule

from ...trials import make_trial


def spoke(protocol: LoadProtocol, window_ns: int = 1) -> TrialResult:
    return make_trial(protocol=protocol, window_ns=window_ns)


@pytest.mark.parametrize(
    ("protocol", "many", "sentence"),
    [
        ("http", "requests", "Requests answered: 1 request"),
        ("websocket", "round trips", "Round trips answered: 1 round trip"),
        ("tcp", "round trips", "Round trips answered: 1 round trip"),
        ("events", "events", "Events received: 1 event"),
    ],
)
def test_each_protocol_has_its_words(protocol: LoadProtocol, many: str, sentence: str) -> None:
    words = vocabulary_of([spoke(protocol)])
    assert words.many == many
    assert f"{words.fill('{Many} {answered}')}: {words.count(1)}" == sentence


def test_of_several_protocols_all_are_requests() -> None:
    assert vocabulary_of([spoke("websocket"), spoke("http")]) == REQUESTS
    assert vocabulary_of([spoke("websocket"), spoke("tcp")]) == REQUESTS


def test_trials_that_did_not_run_say_nothing_and_then_the_profile_does() -> None:
    assert vocabulary_of([spoke("websocket"), spoke("http", window_ns=0)]).many == "round trips"
    assert vocabulary_of([spoke("http", window_ns=0)], {"load": {"protocol": "events"}}).many == "events"
    assert vocabulary_of([], {"load": {"protocol": "unknown"}}) == REQUESTS


@pytest.mark.parametrize(
    ("idle", "name"),
    [("tcp", "idle connections"), ("http", "idle connections"), ("websocket", "idle WebSockets"),
     ("events", "idle subscribers")],
)  # fmt: skip
def test_idle_connections_are_called_by_what_they_speak(idle: IdleProtocol, name: str) -> None:
    held = IdleSummary(wanted=9, opened=9, alive_at_start=9, alive=9, open_seconds=1.0, holders=1, protocol=idle)
    words = vocabulary_of([make_trial(idle=held, window_ns=1)])
    assert words.name_of_path("load.idle").many == name
    assert words.name_of_path("load.idle").growing == f"with more {name}"
    assert words.name_of_value("load.idle", 19_000) == f"19,000 {name}"


def test_subscribers_are_who_reads_streams() -> None:
    assert vocabulary_for("events").name_of_value("load.connections", 1) == "1 subscriber"
    assert vocabulary_for("http").name_of_value("load.connections", 16) == "16 active connections"
    assert vocabulary_for("events").name_of_value("target.server", "node") == "node"


def test_a_scenario_has_users_and_a_schedule_of_iterations() -> None:
    iterations = KindResult(
        name="checkout",
        level="iteration",
        requests=1,
        requests_per_second=1.0,
        outcomes={"ok": 1},
        response_ns=LatencySummary(),
        service_ns=LatencySummary(),
    )
    trial = make_trial(window_ns=1, kinds=[iterations])
    for words in (vocabulary_of([trial]), vocabulary_of([], {"load": {"scenario": "shop.py:checkout"}})):
        assert words.many == "requests"
        assert words.name_of_value("load.connections", 500) == "500 users"
        assert words.name_of_path("load.rate").many == "offered iterations/s"
    assert vocabulary_of([trial, spoke("http")]) == REQUESTS
    assert REQUESTS.name_of_path("load.rate").many == "offered requests/s"
    assert vocabulary_of_schedule(trial).many == "iterations"
    assert vocabulary_of_schedule(spoke("events")).many == "events"
