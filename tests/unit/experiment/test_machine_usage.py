"""The use of several machines between readings that the test made, and what a verdict on one of them knows."""

from typing import Any

from loadlab.analysis.verdict import CorePool, WindowEvidence
from loadlab.cluster.reading import MachineReading
from loadlab.experiment.machine_usage import LoadMachine, client_of, machines_between, total_machines
from loadlab.probes.clocks import ClockReading
from loadlab.probes.procfs import GroupReading, ProcessReading
from loadlab.probes.throttling import LimitsReading
from loadlab.processes.cores import CoresReading, CoreTimes
from loadlab.results.machine import ClockResult, MachineResult
from loadlab.results.probe_data import Pressure

SECOND_NS = 1_000_000_000


def reading(time_ns: int, used_ns: dict[int, int], idle_ns: int = 0, set_ns: int = 0) -> MachineReading:
    """Workers by pid with the CPU time that they have used, on core 0, and a holder that has used none."""
    processes = {
        pid: ProcessReading(used, 0, 0, 0, 0, threads=1, rss_bytes=100, started_ticks=pid)
        for pid, used in used_ns.items()
    }
    return MachineReading(
        client=GroupReading(time_ns, processes),
        beside=GroupReading(time_ns, {}),
        cores=CoresReading(time_ns, {0: CoreTimes(idle_ns, 0, 0)}, interrupts_charged=False),
        clocks=ClockReading(time_ns, time_ns + set_ns, time_ns, time_ns),
        limits=LimitsReading({}, {}, Pressure(cpu_ns=None, memory_ns=time_ns // 1000)),
    )


# The clocks of both differ by years, and are never compared.
START = {"a": reading(0, {1: 0, 2: 0}), "b": reading(10**18, {1: 5})}
END = {
    "a": reading(SECOND_NS, {1: SECOND_NS // 2, 2: SECOND_NS // 4}, idle_ns=SECOND_NS // 5, set_ns=700),
    "b": reading(10**18 + SECOND_NS, {1: 5 + SECOND_NS // 8}),
    "c": reading(0, {1: 0}),
}


def test_each_machine_is_compared_with_itself() -> None:
    found = machines_between(START, END)
    assert list(found) == ["a", "b"]
    assert found["a"].busy_by_worker == (0.5, 0.25)
    assert found["b"].busy_by_worker == (0.125,)
    assert found["a"].clocks.set_ns == 700
    assert found["b"].clocks.set_ns == 0


def test_the_client_of_a_trial_is_all_of_them_in_one_window() -> None:
    client = client_of(machines_between(START, END))
    assert client.busy == 0.875
    assert (client.processes, client.rss_bytes, client.window_ns) == (3, 300, SECOND_NS)
    assert client.open_descriptors is None


def test_several_windows_follow_one_another() -> None:
    window = machines_between(START, END)
    total = total_machines([window, window, {"a": window["a"]}])
    assert list(total) == ["a"]
    assert total["a"].client.window_ns == 3 * SECOND_NS
    assert total["a"].busy_by_worker == (0.5, 0.25)
    assert total["a"].clocks.set_ns == 2100


def machine(name: str, **known: Any) -> LoadMachine:  # noqa: ANN401 - fields of a machine
    clock = ClockResult(offset_ns=7, bound_ns=1, drift_ppm=0.0)
    result = MachineResult(name=name, host="h", cores=1, workers=1, holders=0, connections=1, idle=0, clock=clock)
    return LoadMachine(result, **known)


def test_the_evidence_on_a_machine_has_its_own_figures_beside_what_is_known_of_the_window() -> None:
    target, own = CorePool("target", {0: 0.5}, 0.0, 0.0), CorePool("client", {1: 0.2}, 0.0, 0.1)
    known = WindowEvidence(asked_ns=7, client_busy_by_worker=(1.0,), clock_set_ns=5, pools=(target,))
    evidence = machines_between(START, END)["a"].evidence(known, machine("a"), own, active=0.5)
    assert evidence.asked_ns == 7
    assert evidence.client_busy_by_worker == (1.0, 0.5)
    assert evidence.pools == (target, own)
    assert evidence.clock_set_ns == 700
    assert evidence.memory_pressure_ns == 1_000_000
    assert evidence.clock == machine("a").result.clock
    assert machines_between(START, END)["a"].evidence(known, machine("a"), None, active=1.0).pools == (target,)
