"""Target and client on the same cores: a fault only where one took the CPU time that the other was waiting for."""

from collections.abc import Mapping
from typing import Any

import pytest

from loadlab.analysis.verdict import CorePool, WindowEvidence, throughput_is_lower_bound
from loadlab.analysis.verdict.shared_cores import shared_core, waits_of
from loadlab.processes.threads import ThreadUse
from loadlab.results.requests import LatencySummary
from loadlab.results.trial import TrialResult
from loadlab.results.verdict import Finding, Verdict

from ....trials import make_trial

MS = 1_000_000
WINDOW_NS = 1000 * MS


def thread(ran_ms: Mapping[int, int], waited_ms: int = 0) -> ThreadUse:
    return ThreadUse((1, 1), {core: ran * MS for core, ran in ran_ms.items()}, waited_ms * MS)


def window(
    target: tuple[ThreadUse, ...],
    client: tuple[ThreadUse, ...],
    idle: Mapping[int, float],
    beside: tuple[ThreadUse, ...] = (),
) -> WindowEvidence:
    return WindowEvidence(
        shared_cores=tuple(idle),
        target_cores=len(idle),
        target_threads=target,
        client_threads=client,
        threads_beside=beside,
        pools=(CorePool("both", dict(idle), 0.0, 0.0),),
    )


def trial(requests: int = 1000, p50_ns: int = 20 * MS, **fields: Any) -> TrialResult:  # noqa: ANN401 - any field
    times = LatencySummary(p50=p50_ns, count=requests)
    return make_trial(window_ns=WINDOW_NS, requests=requests, load_model="closed", service_ns=times, **fields)


def finding(result: TrialResult, evidence: WindowEvidence) -> Finding:
    found = shared_core(result, evidence)
    assert found is not None
    return found


# A server of one thread that is full, with a client that needs a sixth of a core.
BESIDE_EACH_OTHER = window((thread({0: 950, 1: 40}, 5),), (thread({1: 160}, 30),), {0: 0.02, 1: 0.8})
# Both of them full on one core.
ON_ONE_CORE = window((thread({0: 450}, 430),), (thread({0: 550}, 410),), {0: 0.0})


def test_cores_that_are_not_shared_are_no_finding() -> None:
    assert shared_core(trial(), WindowEvidence()) is None


def test_a_full_target_that_kept_its_core_is_worth_a_note_and_its_throughput_is_its_own() -> None:
    found = finding(trial(), BESIDE_EACH_OTHER)
    assert found.severity == "note"
    assert "at least" not in found.text
    assert not throughput_is_lower_bound(trial(verdict=Verdict(state="valid", findings=[found])))
    assert found.evidence.replace("\N{NO-BREAK SPACE}", " ") == (
        "both could run on cores 0-1; run-queue wait: target 0.5 % of the time that it was ready to run (0 % due to "
        "the client), client 15.8 % (15.8 % due to the target); the target ran on core 0 (96 %) and core 1 (4 %), the "
        "client on core 1; idle time: 2 % of core 0, 80 % of core 1"
    )


def test_two_full_sides_on_one_core_are_suspect_and_throughput_is_a_lower_bound() -> None:
    found = finding(trial(), ON_ONE_CORE)
    assert found.severity == "suspect"
    assert "at least this figure" in found.text
    assert throughput_is_lower_bound(trial(verdict=Verdict(state="suspect", findings=[found])))


def test_a_client_that_is_full_and_held_up_asks_for_too_little() -> None:
    light_target = (thread({0: 300}, 200),)
    assert finding(trial(), window(light_target, (thread({0: 600}, 300),), {0: 0.0})).severity == "suspect"
    assert finding(trial(), window(light_target, (thread({0: 500}, 300),), {0: 0.0})).severity == "note"


@pytest.mark.parametrize(("p50_ns", "severity"), [(1_100_000, "note"), (900_000, "suspect")])
def test_a_target_that_is_not_full_suffers_in_its_times(p50_ns: int, severity: str) -> None:
    """Each of 1,000 requests lost 0.1 ms."""
    met = trial(p50_ns=p50_ns, offered_per_second=1000.0, requests_per_second=1000.0)
    evidence = window((thread({0: 200}, 100),), (thread({0: 600}),), {0: 0.2})
    found = finding(met, evidence)
    assert found.severity == severity
    assert "at least" not in found.text


def test_threads_of_the_target_that_wait_for_each_other_do_not_wait_for_the_client() -> None:
    """As those of a thread pool do, of which one at a time holds the interpreter's lock."""
    pool = tuple(thread({0: 20, 1: 3}, 10) for _ in range(40))
    evidence = window(pool, (thread({1: 110}, 70),), {0: 0.15, 1: 0.7})
    target, client = waits_of(pool, evidence.client_threads, evidence, WINDOW_NS)
    assert target.waited == pytest.approx(0.4)
    assert target.ran == pytest.approx(0.92)
    # On core 0, where 20 of 23 ms ran, the client was not; on core 1 it had 110 of the 300 - 3 ms.
    assert target.taken == pytest.approx(0.4 * 3 / 23 * 110 / 297)
    assert client.taken == pytest.approx(0.07 * 120 / 190)
    assert finding(trial(), evidence).severity == "note"


def test_the_target_waits_for_other_processes_of_the_trial_as_for_the_client() -> None:
    target, client, idle = (thread({0: 500}, 400),), (thread({0: 100}),), {0: 0.0}
    evidence = window(target, client, idle, beside=(thread({0: 300}),))
    assert waits_of(target, client, evidence, WINDOW_NS)[0].taken == pytest.approx(0.4 * 0.8)


def test_what_other_programs_took_is_not_the_clients() -> None:
    """Of the core half was the target's, 0.02 the client's; the rest is `disturbed`."""
    evidence = window((thread({0: 500}, 400),), (thread({0: 20}),), {0: 0.0})
    assert finding(trial(), evidence).severity == "note"


@pytest.mark.parametrize(("idle", "severity"), [(0.25, "note"), (0.15, "suspect")])
def test_where_waits_are_not_counted_idle_time_decides(idle: float, severity: str) -> None:
    found = finding(trial(), window((), (), {0: 0.0, 1: idle}))
    assert found.severity == severity
    assert "run-queue" not in found.evidence


def test_a_long_list_of_cores_is_summed_up() -> None:
    everywhere = dict.fromkeys(range(8), 100)
    found = finding(trial(), window((thread(everywhere),), (thread({3: 100}),), dict.fromkeys(range(8), 0.5)))
    text = found.evidence.replace("\N{NO-BREAK SPACE}", " ")
    assert "the target ran on cores 0-7, the client on core 3; the cores were idle for 50 % of the time" in text
