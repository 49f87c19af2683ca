"""The tables of a cluster's machines in `loadlab doctor`, and the sentences below them."""

from dataclasses import replace

from rich.console import Console
from rich.table import Table

from loadlab.cli.machines import format_clock, machine_data, machines_table, parts_table
from loadlab.cluster.clocks import ClockOffset
from loadlab.cluster.messages import MachineInfo
from loadlab.experiment.cluster_preflight import ClusterReadiness, MachineReadiness, Part
from loadlab.host import Diagnosis, Requirements, State

SLOW_CLOCK = Diagnosis("clock source", "hpet", None, State.WARNING, "it is slow", "`use tsc`")
NO_ROOM = Diagnosis("processes", "1 more", "3", State.BLOCKER, "3 would run", "raise it")
MIB = 1 << 20


def machine(name: str, *diagnoses: Diagnosis, speed_ns: int | None = 1_000_000, bound_ns: int = 0) -> MachineReadiness:
    info = MachineInfo(name, "host", "6.1", "1.0", "3.11.0", [0, 1], 20_000, 3 << 30, (32_768, 60_999), [])
    part, needed = Part(2, 64, 1, 7_500), Requirements(memory_bytes=90 * MIB)
    return MachineReadiness(name, info, 2, part, needed, ClockOffset(0, -1_400_000, bound_ns), speed_ns, diagnoses)


def readiness(*machines: MachineReadiness) -> ClusterReadiness:
    return ClusterReadiness(machines, frozenset(), (), held=None)


def cells(table: Table) -> list[list[str]]:
    console = Console(width=80, color_system=None)
    with console.capture() as capture:
        console.print(table)
    _header, _rule, *rows = capture.get().splitlines()
    return [[cell.strip() for cell in row.split("   ") if cell.strip()] for row in rows]


def test_a_row_has_what_a_machine_has_and_how_it_stands() -> None:
    slow = machine("w2", NO_ROOM, SLOW_CLOCK, speed_ns=1_250_000, bound_ns=87_000)
    assert cells(machines_table(readiness(machine("w1"), slow))) == [
        ["w1", "2", "20,000", "28,232", "3 GiB", "ours", "100\N{NO-BREAK SPACE}%", "ok"],
        ["w2", "2", "20,000", "28,232", "3 GiB", "-1.4 ms ± 87 µs", "80\N{NO-BREAK SPACE}%", "blocker"],
    ]


def test_a_speed_that_was_not_measured_is_left_out() -> None:
    assert cells(machines_table(readiness(machine("w1", SLOW_CLOCK, speed_ns=None))))[0][-2:] == ["-", "warning"]


def test_a_row_has_the_part_of_a_machine() -> None:
    assert cells(parts_table(readiness(machine("w1")))) == [["w1", "2", "64", "1", "7,500", "90 MiB"]]


def test_a_machine_that_has_the_target_has_no_part() -> None:
    found = replace(machine("w1"), part=None)
    assert cells(parts_table(readiness(found))) == [["w1", "the target", "90 MiB"]]
    assert machine_data(found)["part"] is None


def test_the_same_problem_of_several_machines_is_one_sentence() -> None:
    found = readiness(machine("w1", SLOW_CLOCK), machine("w2", SLOW_CLOCK, NO_ROOM))
    assert found.sentences([State.WARNING]) == ["machines w1 and w2: clock source: it is slow; `use tsc`."]
    assert found.sentences([State.BLOCKER]) == ["machine w2: processes: 3 would run; raise it."]
    (blocker,) = found.blockers
    assert blocker.check == "processes of machine w2"
    assert blocker.sentence() == "machine w2: 3 would run; raise it"


def test_a_clock_is_known_to_within_its_bound() -> None:
    assert format_clock(ClockOffset(0, 213_000, 87_000)) == "+213 µs ± 87 µs"
    assert format_clock(ClockOffset(0, 0, 0)) == "ours"


def test_programs_get_all_of_a_machine() -> None:
    data = machine_data(machine("w1", NO_ROOM))
    assert data["part"] == {"workers": 2, "connections": 64, "holders": 1, "idle": 7_500}
    assert (data["cores"], data["open_files"], data["speed_ns"]) == (2, 20_000, 1_000_000)
    assert data["checks"] == [
        {"check": "processes", "here": "1 more", "needed": "3", "state": "blocker", "problem": "3 would run"}
        | {"fix": "raise it"}
    ]
