"""Loads beyond the plain one, from profile to run.json: mixes, slow senders, idle kinds, upstream, options, micro."""

from typing import Any

import pytest

from .program import ANY_VERDICT, Program

LOAD = "load: {{connections: 4, warmup: 50ms, duration: 300ms, timeout: 5s{more}}}\n"


def profile(target: str, more: str = "", end: str = "") -> str:
    return f"name: quick\ntarget: {{{target}}}\n{LOAD.format(more=more)}{end}"


def only_trial(program: Program) -> dict[str, Any]:
    (trial,) = program.document()["trials"]
    found: dict[str, Any] = trial
    return found


def test_a_mix_is_told_together_and_by_kind(program: Program) -> None:
    mix = ', mix: [{path: /hello, weight: 3}, {path: "/sleep?ms=1", name: nap}, {path: /none, expect_status: 404}]'
    ended = program.measure(
        profile("server: epoll", mix, 'expect: ["kinds.nap.response_ns.p50 >= 1ms"]\n'), ANY_VERDICT
    )
    assert ended.code == 0, ended.stderr
    trial = only_trial(program)
    kinds = {kind["name"]: kind for kind in trial["kinds"]}
    assert set(kinds) == {"hello", "nap", "none"}
    assert sum(kind["requests"] for kind in kinds.values()) == trial["requests"] == trial["response_ns"]["count"]
    assert kinds["nap"]["response_ns"]["p50"] >= 1_000_000
    assert set(trial["outcomes"]) <= {"ok", "cut"}
    # Drawn by weight, 3 to 1 to 1; some hundred requests at the least.
    assert 0.4 < kinds["hello"]["requests"] / trial["requests"] < 0.8
    assert [expectation["met"] for expectation in trial["expectations"]] == [True]
    program.check_drawable()


def test_a_window_that_only_the_fastest_answers_fit_into_is_invalid(program: Program) -> None:
    # One answer after the other, 50 ms each: the last of 40 users waits for 2 s.
    load = "load: {connections: 40, path: '/sleep?ms=50', warmup: 0, duration: 500ms, timeout: 60s}\n"
    ended = program.measure(f"name: quick\ntarget: {{server: epoll}}\n{load}expect: ['p50 < 5s']\n")
    assert ended.code == 3, ended.stderr
    trial = only_trial(program)
    assert 0 < trial["requests"] < 40  # about 10, and more where the worker is late to end its window
    assert trial["cut_age_ns"]["count"] == trial["outcomes"]["cut"] == 40
    assert trial["cut_age_ns"]["max"] >= 400_000_000
    (found,) = (each for each in trial["verdict"]["findings"] if each["code"] == "window_too_short")
    assert found["severity"] == "invalid"
    assert "p50" in trial["response_ns"]["too_low"]
    assert [expectation["met"] for expectation in trial["expectations"]] == [False]
    program.check_drawable()


def test_slow_senders_are_told_apart(program: Program) -> None:
    ended = program.measure(profile("server: epoll", ", slow_connections: 2, pace: 1ms"), ANY_VERDICT)
    assert ended.code == 0, ended.stderr
    trial = only_trial(program)
    fast, slow = trial["kinds"]
    assert slow["name"] == "slow-senders"
    assert 0 < slow["requests"] < fast["requests"] == trial["requests"]


def test_all_senders_may_be_slow(program: Program) -> None:
    ended = program.measure(profile("server: epoll", ", senders: slow, pace: 1ms"), ANY_VERDICT)
    assert ended.code == 0, ended.stderr
    trial = only_trial(program)
    assert trial["kinds"] == []
    assert 0 < trial["requests"] < 500 * 4


@pytest.mark.parametrize("kind", ["trickle", "churn"])
def test_idle_connections_that_do_something_stay(program: Program, kind: str) -> None:
    ended = program.measure(profile("server: epoll", f", idle: 50, idle_kind: {kind}, idle_pace: 100ms"), ANY_VERDICT)
    assert ended.code == 0, ended.stderr
    trial = only_trial(program)
    assert trial["state"] == "done"
    assert trial["idle"]["opened"] == 50
    assert trial["idle"]["alive"] >= 45  # under churn some are on their way


def test_the_upstream_server_is_started_for_the_trial(program: Program) -> None:
    ended = program.measure(profile("server: coroutine, handler: upstream", ', path: "/upstream?ms=5"'), ANY_VERDICT)
    assert ended.code == 0, ended.stderr
    trial = only_trial(program)
    assert trial["requests"] > 0
    assert trial["response_ns"]["p50"] >= 5_000_000


def test_an_option_of_the_server_reaches_it(program: Program) -> None:
    ended = program.measure(
        profile("server: epoll-threads, pool: 1", end="sweep: {target.pool: [1, 6]}\nseed: 1\n"), ANY_VERDICT
    )
    assert ended.code == 0, ended.stderr
    threads = {trial["factors"]["target.pool"]: trial["target"]["threads"] for trial in program.document()["trials"]}
    assert threads[6] - threads[1] == 5


def test_an_option_that_no_server_has_is_a_mistake(program: Program) -> None:
    ended = program.measure(profile("server: epoll, poool: 3"))
    assert ended.code == 2
    assert "poool" in ended.stderr
    assert not program.reports.exists()


@pytest.mark.parametrize(
    ("text", "figure"),
    [
        ("kind: wait-cost\nwait: {method: epoll, descriptors: 100, channel: eventfd, calls: 200}\n", "operation_ns"),
        ("kind: switch-cost\nswitch: {unit: generator, count: 1000}\n", "bytes_per_unit"),
    ],
)
def test_a_microbenchmark_is_a_profile_like_any_other(program: Program, text: str, figure: str) -> None:
    ended = program.measure(f"name: quick\n{text}", ANY_VERDICT)
    assert ended.code == 0, ended.stderr
    trial = only_trial(program)
    assert trial["cost_ns"] > 0
    assert trial[figure] > 0
    program.check_drawable()


def test_what_this_machine_does_not_allow_is_not_possible(program: Program) -> None:
    text = "name: quick\nkind: wait-cost\nwait: {method: epoll, descriptors: 900000, channel: eventfd}\n"
    ended = program.measure(text)
    assert ended.code == 3
    trial = only_trial(program)
    assert trial["state"] == "not possible"
    assert "open files" in trial["reason"]
