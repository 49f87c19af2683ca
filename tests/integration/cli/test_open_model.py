"""The open model and the calibration as a user meets them."""

import json
from typing import Any

import pytest

from .program import Program

pytestmark = pytest.mark.timeout(120)

OPEN = """
name: open
target: {server: epoll}
load: {connections: 8, rate: 500, warmup: 200ms, duration: 1s}
"""


def measure(program: Program, profile: str, *arguments: str) -> dict[str, Any]:
    """Run a profile and return run.json."""
    document: dict[str, Any] = json.loads(program.measure(profile, "--json", *arguments).stdout)
    return document


def check_scheduled(trial: dict[str, Any], requests: int) -> None:
    """Check that each request of the schedule has one outcome, and nothing else but what was in flight at the start."""
    assert sum(trial["outcomes"].values()) == requests + trial["carried_over"]


def test_an_open_load_has_the_rate_that_was_asked_for_and_says_what_it_offered(program: Program) -> None:
    trial = measure(program, OPEN)["trials"][0]
    assert (trial["load_model"], trial["offered_per_second"]) == ("open", 500)
    check_scheduled(trial, 500)
    assert trial["requests"] > 0
    assert trial["lateness_ns"]["count"] == trial["wire_ns"]["count"] == trial["requests"]


def test_what_a_slow_server_leaves_undone_is_dropped(program: Program) -> None:
    """Eight connections of a server that answers after 100 ms take 80 requests a second, of 500."""
    slow = "name: slow\ntarget: {server: coroutine}\nload: {connections: 8, rate: 500, path: '/sleep?ms=100', "
    trial = measure(program, slow + "warmup: 0s, duration: 1s}")["trials"][0]
    assert trial["outcomes"]["dropped"] > 300
    assert trial["outcomes"]["cut"] == 8
    check_scheduled(trial, 500)
    assert trial["response_ns"]["p50"] > 2 * trial["service_ns"]["p50"]


def test_a_rate_over_a_time_is_so_many_requests(program: Program) -> None:
    """A window is half-open: what is due at its very end belongs to the next."""
    load = "load: {connections: 16, rate: 5, workers: 1, warmup: 50ms, duration: 200ms}\n"
    sweep = "sweep: {load.rate: [5, 10, 50, 500], load.workers: [1, 2]}\n"
    trials = measure(program, f"name: fence\ntarget: {{server: epoll}}\n{load}{sweep}")["trials"]
    assert len(trials) == 8
    for trial in trials:
        check_scheduled(trial, trial["factors"]["load.rate"] // 5)


def test_what_a_warm_up_left_undone_is_not_the_windows(program: Program) -> None:
    """Two connections take 20 requests a second, of 400: the warm-up ends with hundreds that were never sent."""
    load = "load: {connections: 2, rate: 400, path: '/sleep?ms=100', warmup: 1s, duration: 1s}"
    trial = measure(program, f"name: backlog\ntarget: {{server: coroutine}}\n{load}")["trials"][0]
    assert trial["carried_over"] == 2
    check_scheduled(trial, 400)
    assert trial["outcomes"]["dropped"] < 400


def test_a_ramp_lasts_as_long_as_its_stages(program: Program) -> None:
    ramp = "[{for: 500ms, from: 0, to: 400}, {for: 500ms, from: 400}]"
    load = f"load: {{connections: 8, warmup: 0s, rate: {ramp}}}"
    trial = measure(program, f"name: ramp\ntarget: {{server: epoll}}\n{load}")["trials"][0]
    assert trial["offered_per_second"] == 300
    check_scheduled(trial, 300)


def test_a_thinking_user_sends_less(program: Program) -> None:
    thinking = "name: thinking\ntarget: {server: epoll}\nload: {connections: 10, think: 50ms, duration: 1s, warmup: 0s}"
    trial = measure(program, thinking)["trials"][0]
    assert trial["load_model"] == "closed"
    assert 0 < trial["requests"] <= 10 * 21


def test_before_a_run_the_client_measures_its_own_error(program: Program) -> None:
    calibration = measure(program, OPEN, "--calibrate")["calibration"]
    assert calibration["requests_per_second"] == 4000
    # The kernel cannot have had the answer after the client had parsed it.
    assert calibration["client_ns"]["count"] > 1000
    assert 0 < calibration["client_ns"]["p50"] <= calibration["client_ns"]["p99"]


def test_the_thorough_calibration_tells_of_each_setting(program: Program) -> None:
    ended = program.driven("--calibrate-for", "300ms").run("calibrate", "--json")
    assert ended.code == 0
    measured = json.loads(ended.stdout)
    assert [(each["requests_per_second"], each["connections"]) for each in measured][:2] == [(100, 1), (1000, 1)]
    assert all(each["lateness_ns"]["p50"] > 0 for each in measured)
