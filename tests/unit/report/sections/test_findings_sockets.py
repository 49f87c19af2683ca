from loadlab.report.sections.findings import describe_sockets
from loadlab.results.model import TrialResult, Verdict
from loadlab.results.probe_data import Probes, SocketCounters, SocketsProbe


def trial(trial_id: str, **counted: int) -> TrialResult:
    none = dict.fromkeys(("retransmitted", "listen_overflows", "listen_drops", "resets_sent"), 0)
    sockets = SocketsProbe(readings=[], counted=SocketCounters(**(none | counted)))
    return TrialResult(
        id=trial_id,
        repeat=1,
        factors={},
        state="done",
        verdict=Verdict(state="valid"),
        probes=Probes(sockets=sockets),
    )


def test_what_happened_is_added_up_and_placed() -> None:
    trials = [trial("001", retransmitted=1200, listen_drops=2), trial("002"), trial("003", retransmitted=4)]
    assert describe_sockets(trials) == (
        "TCP on this machine while trials were measured: 1,204 segments sent again (trial 001, 003); "
        "2 connections dropped before they were accepted (trial 001)."
    )


def test_many_trials_are_counted() -> None:
    trials = [trial(f"{number:03}", resets_sent=1) for number in range(1, 6)]
    assert describe_sockets(trials).endswith(" 5 resets sent (5 trials).")


def test_a_quiet_run_says_nothing() -> None:
    assert describe_sockets([trial("001")]) == ""
