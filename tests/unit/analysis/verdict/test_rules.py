"""Each rule just below and just above its threshold."""

from dataclasses import replace
from typing import Any

import pytest

from loadlab.analysis.verdict import CorePool, DescriptorUse, ListenQueueUse, WindowEvidence, judge_trial
from loadlab.recording.outcomes import FAILURES, Outcome
from loadlab.results.idle import IdleSummary
from loadlab.results.probe_data import ControlGroupUse, Probes, Side, SocketCounters, SocketsProbe
from loadlab.results.requests import LatencySummary
from loadlab.results.trial import LoadedServer, TrialResult
from loadlab.results.verdict import Finding, Verdict

from ....trials import make_trial, make_usage

SECOND_NS = 1_000_000_000
QUIET = WindowEvidence(asked_ns=2 * SECOND_NS, client_busy_by_worker=(0.5,), target_busy=1.0)


def trial(**changes: object) -> TrialResult:
    fields: dict[str, Any] = {
        "window_ns": 2 * SECOND_NS,
        "requests": 100_000,
        "load_model": "closed",
        "outcomes": {"ok": 100_000},
        "response_ns": times(p99=1_000_000),
        "service_ns": times(p99=1_000_000),
        "dispatch_ns": times(p99=100_000),
    }
    return make_trial(**fields | changes)


def open_trial(**changes: object) -> TrialResult:
    return trial(load_model="open", **changes)


def times(count: int = 100_000, **percentiles: int) -> LatencySummary:
    return LatencySummary(count=count, **percentiles)


def window(**changes: Any) -> WindowEvidence:  # noqa: ANN401 - fields of the evidence
    return replace(QUIET, **changes)


def pools(
    target: float = 0.1, client: float = 0.5, stolen: float = 0.0, others: float = 0.0
) -> dict[str, tuple[CorePool, ...]]:
    """One core each: `target` and `client` are their idle shares, `stolen` and `others` are the client's."""
    return {"pools": (CorePool("target", {0: target}, 0.0, 0.0), CorePool("client", {1: client}, stolen, others))}


def disturbed_target() -> dict[str, tuple[CorePool, ...]]:
    """The target's core is full, but half of that is others' work."""
    return {"pools": (CorePool("target", {0: 0.0}, 0.0, 0.5), CorePool("client", {1: 0.0}, 0.0, 0.0))}


def throttling(
    holds: list[Side], throttled_periods: int, periods: int, **more: int
) -> dict[str, tuple[ControlGroupUse, ...]]:
    group = ControlGroupUse(
        group="/sys/fs/cgroup/cpu/job",
        holds=holds,
        quota_cores=0.4,
        periods=periods,
        throttled_periods=throttled_periods,
        throttled_ns=throttled_periods * 60_000_000,
        **more,
    )
    return {"control_groups": (group,)}


def many_cores(others: float) -> dict[str, tuple[CorePool, ...]]:
    return {"pools": (CorePool("both", {core: 0.5 for core in range(50)}, 0.0, others),)}


def idle(wanted: int, opened: int, alive: int) -> IdleSummary:
    return IdleSummary(wanted=wanted, opened=opened, alive_at_start=opened, alive=alive, open_seconds=1, holders=1)


def findings(result: TrialResult, evidence: WindowEvidence = QUIET) -> dict[str, str]:
    return {finding.code: finding.severity for finding in judge_trial(result, evidence).findings}


def only_finding(result: TrialResult, evidence: WindowEvidence = QUIET) -> Finding:
    (finding,) = judge_trial(result, evidence).findings
    return finding


def test_a_sound_measurement_is_valid_without_findings() -> None:
    assert judge_trial(trial(), QUIET) == Verdict(state="valid", findings=[])
    assert judge_trial(open_trial(), window(**pools())) == Verdict(state="valid", findings=[])


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"requests": 0, "outcomes": {}, "response_ns": times(0)}, {"no_requests": "invalid"}),
        ({"outcomes": {"ok": 99, "timeout": 1}}, {}),
        ({"outcomes": {"ok": 98, "timeout": 1, "refused": 1}}, {"failures": "suspect"}),
        ({"outcomes": {"ok": 50, "timeout": 50}}, {"failures": "suspect"}),
        ({"outcomes": {"ok": 49, "timeout": 51}}, {"failures": "invalid"}),
        ({"outcomes": {"ok": 1, "cut": 99}}, {}),
        ({"response_ns": times(9_999, p99=1_000_000)}, {"few_samples": "note"}),
        ({"window_ns": 1_600_000_000}, {}),
        ({"window_ns": 1_599_999_999}, {"short_window": "suspect"}),
        ({"idle": idle(1000, 1000, 1000)}, {}),
        ({"idle": idle(0, 0, 0)}, {}),
        ({"idle": idle(1000, 999, 999)}, {"idle_not_opened": "suspect"}),
        ({"idle": idle(1000, 900, 900)}, {"idle_not_opened": "suspect"}),
        ({"idle": idle(1000, 899, 899)}, {"idle_not_opened": "invalid"}),
        ({"idle": idle(1000, 1000, 999)}, {"idle_died": "suspect"}),
        ({"idle": idle(1000, 1000, 899)}, {"idle_died": "invalid"}),
        ({"outcomes": {"ok": 999, "no_file_descriptor": 1}}, {"client_out_of_files": "suspect"}),
        ({"outcomes": {"ok": 999, "no_local_port": 1}}, {"client_out_of_ports": "suspect"}),
        ({"connects": {"opened": 50_000}}, {}),
        ({"connects": {"opened": 50_001}}, {"each_request_connects": "note"}),
        ({"connects": {"opened": 8, "failed": {"refused": 0}}}, {}),
        ({"connects": {"opened": 8, "failed": {"refused": 9}}}, {"connects_failed": "note"}),
        ({"connects": {"failed": {"no_local_port": 1}}}, {"client_out_of_ports": "suspect", "connects_failed": "note"}),
        (
            {"connects": {"failed": {"no_file_descriptor": 1}}},
            {"client_out_of_files": "suspect", "connects_failed": "note"},
        ),
    ],
)
def test_requests_and_connections(changes: dict[str, object], expected: dict[str, str]) -> None:
    assert findings(trial(**changes)) == expected


def test_where_all_failed_nothing_is_described() -> None:
    judged = judge_trial(trial(requests=0, outcomes={"tls": 7}), QUIET)
    [found] = [each for each in judged.findings if each.code == "failures"]
    assert found.text == "All requests failed (most often: TLS failed)."


@pytest.mark.parametrize(("compared", "severity"), [(1_000, "suspect"), (400, "suspect"), (399, "invalid")])
def test_what_a_sample_of_the_answers_lacks_is_taken_to_hold_for_all(compared: int, severity: str) -> None:
    outcomes = {"ok": 800, "unexpected": 200}
    found = only_finding(trial(outcomes=outcomes, compared=compared))
    assert found.severity == severity
    assert ("answers that were compared" in found.evidence) is (compared < 1_000)
    assert findings(trial(outcomes={"ok": 9_991, "unexpected": 9}, compared=900)) == {}
    assert findings(trial(outcomes={"ok": 9_991, "unexpected": 9}, compared=899)) == {"failures": "suspect"}


def test_a_connection_for_each_request_is_no_news_where_the_profile_asks_for_it() -> None:
    assert findings(trial(connects={"opened": 100_000}), window(connects_per_request=True)) == {}


def test_failures_name_the_commonest_outcome() -> None:
    found = only_finding(trial(outcomes={"ok": 40, "timeout": 20, "status": 40}))
    assert found.text.startswith("Many requests failed (most often: unexpected status), so ")
    statuses = window(unexpected_statuses={"404": 59, "503": 1})
    found = only_finding(trial(outcomes={"ok": 40, "status": 60}), statuses)
    assert found.text.startswith("Many requests failed (most often: status 404, and others), so ")


@pytest.mark.parametrize(
    ("outcome", "advice"),
    [
        ("timeout", "Lower the load until"),
        ("malformed", "Check that this is an HTTP/1.1 server"),
        ("closed_early", "Look in the target's log for why it closed connections"),
        ("reset", "Look in the target's log for why it ended connections"),
        ("refused", "Check that the target listens"),
        ("status", "Look at what the target answers"),
        ("connect_timeout", "Let the target accept faster"),
        ("unreachable", "Check the route"),
    ],
)
def test_the_advice_fits_the_commonest_failure(outcome: str, advice: str) -> None:
    assert only_finding(trial(outcomes={"ok": 40, outcome: 20, "too_large": 5})).advice.startswith(advice)


def test_every_failure_has_advice_and_a_lower_load_helps_against_timeouts_only() -> None:
    for outcome in FAILURES - {Outcome.DROPPED}:
        (found,) = (
            each
            for each in judge_trial(trial(outcomes={"ok": 1, outcome: 9}), QUIET).findings
            if each.code == "failures"
        )
        assert found.advice.endswith(".")
        assert ("ower the load" in found.advice) is (outcome is Outcome.TIMEOUT)


def test_where_all_time_out_a_lower_load_is_not_the_first_thing_to_try() -> None:
    found = judge_trial(trial(requests=0, outcomes={"timeout": 9}), QUIET).findings
    advice = {each.code: each.advice for each in found}
    assert advice["failures"].startswith("Check that the target answers this path at all")
    assert advice["no_requests"] == ""  # the other has it


def test_where_nothing_failed_and_nothing_was_answered_the_window_was_too_short() -> None:
    found = judge_trial(trial(requests=0, outcomes={"cut": 9}, response_ns=times(0)), QUIET).findings
    assert [(each.code, each.advice.split(":")[0]) for each in found] == [("no_requests", "Use a longer window")]


def test_where_nothing_was_answered_beside_idle_connections_these_are_suspected() -> None:
    result = trial(requests=0, outcomes={"cut": 9}, response_ns=times(0), idle=idle(100, 100, 100))
    [found] = [each for each in judge_trial(result, QUIET).findings if each.code == "no_requests"]
    assert "answered nothing beside its idle connections" in found.advice


def test_where_nothing_succeeded_the_status_is_named() -> None:
    result = trial(requests=0, outcomes={"status": 60}, statuses={"404": 60})
    judged = judge_trial(result, window(unexpected_statuses={"404": 60}))
    [found] = [each for each in judged.findings if each.code == "no_requests"]
    assert found.evidence == "0 successful requests in 2 s, most often status 404"


def test_idle_connections_that_could_not_be_opened_say_why() -> None:
    short = idle(1000, 899, 899).model_copy(update={"problem": "the target did not accept 101 of them"})
    assert "opened (the target did not accept 101 of them), so" in only_finding(trial(idle=short)).text


BEHIND = {"client_ns": times(p50=90_000), "service_ns": times(p50=179_000)}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"outcomes": {"ok": 999, "dropped": 1}}, {}),
        ({"outcomes": {"ok": 998, "dropped": 2}}, {"dropped": "suspect"}),
        ({"outcomes": {"ok": 500, "dropped": 500}}, {"dropped": "suspect"}),
        ({"outcomes": {"ok": 99, "dropped": 1}, **BEHIND}, {"dropped": "suspect", "client_bound": "suspect"}),
        ({"outcomes": {"ok": 98, "dropped": 2}, **BEHIND}, {"dropped": "invalid", "client_bound": "suspect"}),
        ({"outcomes": {"ok": 98, "dropped": 2}, **BEHIND, "service_ns": times(p50=180_000)}, {"dropped": "suspect"}),
        ({"outcomes": {"ok": 999, "dropped": 1}, **BEHIND}, {}),
        ({"lateness_ns": times(p99=100_000)}, {}),
        ({"lateness_ns": times(p99=100_001)}, {"late": "suspect"}),
        ({"lateness_ns": times(p50=101_000), "response_ns": times(p50=1_010_000)}, {}),
        ({"lateness_ns": times(p50=101_000), "response_ns": times(p50=1_009_000)}, {"late": "suspect"}),
        # Beside responses of 150 us the client's own 100 us are a large share, and no fault.
        ({"lateness_ns": times(p50=100_000), "response_ns": times(p50=150_000)}, {}),
        ({"lateness_ns": times(999, p99=500_000)}, {}),
        ({"client_ns": times(p50=100_000), "response_ns": times(p50=1_000_000)}, {}),
        ({"client_ns": times(p50=100_000), "response_ns": times(p50=999_000)}, {"client_added": "note"}),
        ({"client_ns": times(p50=100_001), "response_ns": times(p50=999_000)}, {"client_added": "suspect"}),
        ({"client_ns": times(999, p50=1, p99=900_000)}, {}),
    ],
)
def test_the_open_model(changes: dict[str, object], expected: dict[str, str]) -> None:
    assert findings(open_trial(**changes)) == expected


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"lateness_ns": times(p99=900_000)}, {}),
        ({"client_ns": times(p50=1, p99=100_000)}, {}),
        ({"client_ns": times(p50=1, p99=100_001)}, {"client_added": "note"}),
        ({"client_ns": times(p50=1, p99=500_000)}, {"client_added": "note"}),
        ({"client_ns": times(p50=1, p99=500_001)}, {"client_added": "suspect"}),
        ({"client_ns": times(p50=1), "dispatch_ns": times(p99=900_000)}, {}),
        ({"dispatch_ns": times(p99=500_000)}, {"client_added": "note"}),
        ({"dispatch_ns": times(p99=500_001)}, {"client_added": "suspect"}),
    ],
)
def test_what_the_client_adds_in_the_closed_model(changes: dict[str, object], expected: dict[str, str]) -> None:
    assert findings(trial(**changes)) == expected


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"client_busy_by_worker": ()}, {}),
        ({"client_busy_by_worker": (0.1, 0.94), "target_busy": 0.2}, {}),
        ({"client_busy_by_worker": (0.1, 0.95), "target_busy": 0.2}, {"client_bound": "suspect"}),
        ({"client_busy_by_worker": (0.95,), "target_busy": 0.85}, {"client_bound": "suspect"}),
        ({"client_busy_by_worker": (0.95,), "target_busy": 0.86}, {}),
        ({"client_busy_by_worker": (0.95,), "target_busy": 1.0, "target_cores": 2}, {"client_bound": "suspect"}),
        ({"client_busy_by_worker": (0.95,), "target_busy": None}, {"client_bound": "suspect"}),
        ({"client_busy_by_worker": (0.7,), "target_busy": 0.5, **pools(target=0.4, client=0.06)}, {}),
        ({"client_busy_by_worker": (0.7,), "target_busy": 0.5, **pools(target=0.4, client=0.04)},
         {"client_bound": "suspect"}),
        ({"client_busy_by_worker": (0.7,), "target_busy": 0.5, **pools(target=0.1, client=0.04)}, {}),
        ({"client_busy_by_worker": (0.4,), "target_busy": 0.5, **pools(target=0.4, client=0.04)}, {}),
        ({"shared_cores": (0,)}, {"shared_core": "suspect"}),
    ],
)  # fmt: skip
def test_which_side_is_the_limit(changes: dict[str, object], expected: dict[str, str]) -> None:
    assert findings(trial(), window(**changes)) == expected


def test_a_worker_that_watches_the_clock_is_not_taken_for_a_full_one() -> None:
    assert findings(open_trial(), window(client_busy_by_worker=(1.0,), target_busy=0.1)) == {}


def test_what_others_used_of_the_targets_core_is_not_its_own_use() -> None:
    evidence = window(client_busy_by_worker=(0.96,), target_busy=0.4, **disturbed_target())
    assert findings(trial(), evidence) == {"client_bound": "suspect", "disturbed": "suspect"}


def test_a_target_that_cannot_be_seen_is_not_taken_for_others() -> None:
    here = LoadedServer(address="127.0.0.1:80")
    assert findings(trial(server=here, target=None), window(**pools(others=1.0))) == {"target_unseen": "note"}
    assert findings(trial(server=here, target=make_usage()), window(**pools(others=1.0))) == {"disturbed": "suspect"}
    remote = LoadedServer(address="10.0.0.1:80", remote=True)
    assert findings(trial(server=remote, target=None), window(**pools(others=1.0))) == {"disturbed": "suspect"}
    hosted = LoadedServer(address="10.0.0.1:80", remote=True, on="db")
    assert findings(trial(server=hosted, target=None), window(**pools(others=1.0))) == {"target_unseen": "note"}


def test_responses_that_wait_for_the_client_make_it_the_limit_beside_a_full_target() -> None:
    behind = {"client_ns": times(p50=90_000), "service_ns": times(p50=179_000), "response_ns": times(p50=2_000_000)}
    evidence = window(client_busy_by_worker=(0.96,), target_busy=0.9)
    assert findings(trial(**behind), evidence) == {"client_bound": "suspect"}
    assert findings(trial(**behind), window(client_busy_by_worker=(0.9,), target_busy=0.9)) == {}


def test_a_target_of_one_thread_cannot_use_a_second_core() -> None:
    evidence = window(client_busy_by_worker=(0.99,), target_busy=1.0, target_cores=2)
    assert findings(trial(target=make_usage(threads=1)), evidence) == {}
    assert findings(trial(target=make_usage(threads=2)), evidence) == {"client_bound": "suspect"}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (pools(stolen=0.0250), {}),
        (pools(stolen=0.0251), {"stolen": "suspect"}),
        (pools(stolen=0.2), {"stolen": "suspect"}),
        (pools(stolen=0.21), {"stolen": "invalid"}),
        (throttling(["target", "client"], 1, 100), {}),
        (throttling(["target", "client"], 2, 100), {"throttled": "suspect"}),
        (throttling(["client"], 10, 100), {"throttled": "suspect"}),
        (throttling(["client"], 11, 100), {"throttled": "invalid"}),
        (throttling(["target", "client"], 30, 30), {"throttled": "invalid"}),
        (throttling(["target"], 30, 30), {"throttled": "suspect"}),
        (throttling(["client"], 0, 0), {}),
        (throttling(["target"], 0, 0, memory_high=0), {}),
        (throttling(["target"], 0, 0, memory_high=1), {"short_of_memory": "suspect"}),
        (throttling(["target"], 0, 0, memory_pressure_ns=SECOND_NS // 25), {}),
        (throttling(["target"], 0, 0, memory_pressure_ns=SECOND_NS // 20), {"short_of_memory": "suspect"}),
        ({"memory_pressure_ns": SECOND_NS // 25}, {}),
        ({"memory_pressure_ns": SECOND_NS // 20}, {"short_of_memory": "suspect"}),
        (pools(others=0.15), {}),
        (pools(others=0.16), {"disturbed": "suspect"}),
        (many_cores(others=1.0), {}),
        (many_cores(others=1.1), {"disturbed": "suspect"}),
        ({"clock_set_ns": 10_000_000}, {}),
        ({"clock_set_ns": -10_000_001}, {"clock_jumped": "suspect"}),
        ({"clock_asleep_ns": 10_000_001}, {"clock_jumped": "suspect"}),
        ({"clock_corrected_ns": 11_000_000}, {}),
        ({"clock_corrected_ns": -11_000_001}, {"clock_jumped": "suspect"}),
        ({"listen_queue": ListenQueueUse(before=0, within=0, backlog=128)}, {}),
        ({"listen_queue": ListenQueueUse(before=1, within=0, backlog=128)}, {"listen_queue_full": "note"}),
        ({"listen_queue": ListenQueueUse(before=0, within=1, backlog=128)}, {"listen_queue_full": "suspect"}),
        ({"fullest_target": DescriptorUse(pid=7, open=996, limit=1000)}, {}),
        ({"fullest_target": DescriptorUse(pid=7, open=997, limit=1000)}, {"target_out_of_files": "suspect"}),
        ({"asked_ns": None}, {}),
    ],
)
def test_host_and_target(changes: dict[str, object], expected: dict[str, str]) -> None:
    assert findings(trial(), window(**changes)) == expected


def test_a_listener_has_turned_away_no_more_connections_than_were_dropped_on_the_machine() -> None:
    nothing = SocketCounters(retransmitted=0, listen_overflows=0, listen_drops=0, resets_sent=9)
    evidence = window(listen_queue=ListenQueueUse(before=0, within=3, backlog=2048))
    for dropped, found in ((0, {}), (1, {"listen_queue_full": "suspect"})):
        counted = nothing.model_copy(update={"listen_drops": dropped})
        result = trial(probes=Probes(sockets=SocketsProbe(readings=[], counted=counted)))
        assert findings(result, evidence) == found


def test_a_few_ticks_of_a_short_window_are_no_disturbance() -> None:
    evidence = window(asked_ns=SECOND_NS // 5, **pools(stolen=0.25, others=0.25))
    assert findings(trial(window_ns=SECOND_NS // 5), evidence) == {}


@pytest.mark.parametrize(
    ("ended", "changes", "expected"),
    [
        (0, {"outcomes": {"ok": 999, "reset": 1}}, {}),
        (1, {}, {}),
        (1, {"outcomes": {"ok": 999, "timeout": 1}}, {}),
        (1, {"outcomes": {"ok": 999, "reset": 1}}, {"target_process_ended": "suspect"}),
        (1, {"outcomes": {"ok": 999, "closed_early": 1}}, {"target_process_ended": "suspect"}),
        (1, {"idle": idle(10, 10, 9)}, {"target_process_ended": "suspect", "idle_died": "suspect"}),
    ],
)
def test_a_process_that_ends_counts_where_connections_broke(
    ended: int, changes: dict[str, object], expected: dict[str, str]
) -> None:
    evidence = window(target_processes=5, target_processes_ended=ended)
    assert findings(trial(**changes), evidence) == expected


@pytest.mark.parametrize(
    ("result", "window", "evidence"),
    [
        (
            trial(outcomes={"ok": 1000, "timeout": 900, "reset": 100}),
            QUIET,
            "50 % of 2,000 requests failed: timeout 900, reset 100",
        ),
        (open_trial(outcomes={"ok": 99, "dropped": 1}), QUIET, "1 request never sent, 1 % of the schedule"),
        (
            trial(target=make_usage(threads=2)),
            window(client_busy_by_worker=(1.02,), target_busy=None, target_cores=2),
            "a core of the client was 100 % busy (its busiest load worker 100 %), while the target was not measured",
        ),
        (trial(response_ns=times(9009, p99=1)), QUIET, "fewer than 10 of 9,009 requests lie beyond p99.9"),
        (trial(client_ns=times(p50=1, p99=900_000)), QUIET, "p99 of client time 900 µs, of response time 1 ms"),
        (trial(dispatch_ns=times(p99=900_000)), QUIET, "p99 of dispatch time 900 µs, of response time 1 ms"),
        (open_trial(lateness_ns=times(p99=900_000)), QUIET, "p99 of lateness 900 µs, of response time 1 ms"),
        (open_trial(outcomes={"ok": 9000, "dropped": 1000}), QUIET, "1,000 requests never sent, 10 % of the schedule"),
        (trial(), window(**pools(others=0.5)), "used 0.50 of the client's core 1"),
        (trial(), window(**pools(stolen=0.5)), "50 % of the time of the client's core 1"),
        (trial(), window(**many_cores(others=2.0)), "used 2.00 of the shared cores 0-49"),
        (
            trial(),
            window(**throttling(["client", "target"], 24, 30)),
            "/sys/fs/cgroup/cpu/job, 0.4 cores for target and client: throttled in 24 of 30 periods (80 %), "
            "for 1.44 s in all",
        ),
        (
            trial(),
            window(memory_pressure_ns=SECOND_NS // 2),
            "some process of the machine waited for memory for 25 % of the time",
        ),
        (
            trial(connects={"opened": 99_000}),
            QUIET,
            "99,000 connections opened for 100,000 responses",
        ),
        (
            trial(connects={"opened": 64, "failed": {"reset": 2, "refused": 1300}}),
            QUIET,
            "1,302 attempts failed: refused 1,300, reset 2; 64 succeeded",
        ),
        (trial(), window(shared_cores=(0,)), "both could run on core 0"),
        (trial(), window(shared_cores=(0, 1, 4)), "both could run on cores 0-1, 4"),
        (trial(), window(clock_set_ns=-20_000_000), "the wall clock was set by -20 ms"),
        (trial(), window(fullest_target=DescriptorUse(7, 64, 64)), "64 of 64 descriptors open in its process 7"),
        (trial(idle=idle(19_000, 18_999, 17_500)), QUIET, "1,499 of 18,999 closed"),
        (
            trial(),
            window(client_busy_by_worker=(0.96,), target_busy=0.5),
            "a core of the client was 96 % busy (its busiest load worker 96 %), while the target used 0.50 of 1 core",
        ),
    ],
)  # fmt: skip
def test_evidence_is_in_the_units_of_the_result(result: TrialResult, window: WindowEvidence, evidence: str) -> None:
    """As on the page: with thousands separators, and no line break before a percent sign."""
    assert judge_trial(result, window).findings[-1].evidence.replace("\N{NO-BREAK SPACE}", " ") == evidence


def test_no_line_breaks_before_a_percent_sign() -> None:
    assert only_finding(trial(), window(**pools(stolen=0.5))).evidence.startswith("50\N{NO-BREAK SPACE}%")


def test_the_finding_that_makes_throughput_a_lower_bound_says_so() -> None:
    bound = only_finding(trial(), window(client_busy_by_worker=(1.0,), target_busy=0.5))
    assert "at least this figure" in bound.text


def test_the_advice_has_the_command_to_run() -> None:
    files = only_finding(trial(), window(fullest_target=DescriptorUse(4711, 64, 64)))
    ports = only_finding(trial(outcomes={"ok": 999, "no_local_port": 1}))
    assert "prlimit --pid 4711 --nofile=" in files.advice
    assert "sysctl -w net.ipv4.ip_local_port_range=" in ports.advice
