"""Steps that hold up the loop are found with their lines; time is an argument here, and so are the looks."""

import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from loadlab.scenario.blocking import BLOCKING_NS, STUCK_NS, BlockingLine, BlockingWatch
from loadlab.scenario.script import load_script
from loadlab.scenario.sources import UserLine, forget_sources

SOURCE = """
async def checkout(user): ...

def first(library):
    library()

def second(library):
    library()
"""
FIRST, SECOND = UserLine("shop.py:5", "library()"), UserLine("shop.py:8", "library()")
MS = 1_000_000


class Machine:
    """A clock, the time waited for a core, and a watch that looks every 20 ms while code of a scenario runs."""

    def __init__(self) -> None:
        self.now_ns, self.waited_ns = 1_000 * MS, 0
        self.stuck: list[UserLine] = []
        self.names: dict[str, Any] = load_script({"/shop.py": SOURCE}, "/shop.py", "checkout").iteration.__globals__
        self.watch = BlockingWatch(self.stuck.append, lambda: self.now_ns, lambda: self.waited_ns)

    def step(self, *pieces: tuple[str, int], waiting_ns: int = 0) -> None:
        """Run a step made of pieces, each a function of the scenario and how long it takes.

        At last it waits for a core.
        """
        self.watch.step_began_ns = began_ns = self.now_ns
        for function, duration_ns in pieces:
            self.names[function](lambda duration_ns=duration_ns: self._pass(duration_ns))
        self.now_ns += waiting_ns
        self.waited_ns += waiting_ns
        if self.now_ns - began_ns >= BLOCKING_NS:
            self.watch.step_ended(self.now_ns)
        self.watch.step_began_ns = 0
        self._pass(5 * MS)

    def _pass(self, duration_ns: int) -> None:
        end_ns = self.now_ns + duration_ns
        look_ns = 20 * MS
        while (self.now_ns // look_ns + 1) * look_ns <= end_ns:
            self.now_ns = (self.now_ns // look_ns + 1) * look_ns
            self.watch.look(sys._getframe())
        self.now_ns = end_ns


@pytest.fixture
def machine() -> Iterator[Machine]:
    yield Machine()
    forget_sources()


def test_a_step_of_50_ms_is_found_wherever_between_two_looks_it_begins(machine: Machine) -> None:
    for number in range(20):
        machine.now_ns = (number + 1) * 1000 * MS + number * MS
        machine.step(("first", 50 * MS))
    assert machine.watch.take() == [BlockingLine(*FIRST, times=20, longest_ns=50 * MS)]


def test_shorter_steps_are_not_blocking_however_many(machine: Machine) -> None:
    for _ in range(100):
        machine.step(("first", 49 * MS))
    assert machine.watch.take() == []


def test_each_step_counts_once_by_the_line_where_it_was_for_longest(machine: Machine) -> None:
    machine.step(("first", 30 * MS), ("second", 200 * MS), ("first", 40 * MS))
    machine.step(("first", 60 * MS))
    machine.step(("first", 90 * MS))
    assert machine.watch.take() == [
        BlockingLine(*SECOND, times=1, longest_ns=270 * MS),
        BlockingLine(*FIRST, times=2, longest_ns=90 * MS),
    ]


def test_what_was_found_is_taken_once(machine: Machine) -> None:
    machine.step(("first", 60 * MS))
    assert len(machine.watch.take()) == 1
    assert machine.watch.take() == []


def test_waiting_for_a_core_is_not_the_scenarios_fault(machine: Machine) -> None:
    machine.step(("first", 30 * MS), waiting_ns=500 * MS)
    assert machine.watch.take() == []
    machine.step(("first", 100 * MS), waiting_ns=500 * MS)
    assert machine.watch.take() == [BlockingLine(*FIRST, times=1, longest_ns=100 * MS)]


def test_what_was_waited_before_a_step_does_not_excuse_it(machine: Machine) -> None:
    for _ in range(10):
        machine.step(("first", 10 * MS), waiting_ns=100 * MS)
    machine.step(("first", 60 * MS))
    assert machine.watch.take() == [BlockingLine(*FIRST, times=1, longest_ns=60 * MS)]


def test_a_collection_of_garbage_that_falls_into_a_step_is_not_its_fault(machine: Machine) -> None:
    def collect() -> None:
        machine.watch.note_collection("start", {})
        machine._pass(100 * MS)
        machine.watch.note_collection("stop", {})

    machine.names["collecting"] = lambda _library: machine.names["first"](collect)
    machine.step(("first", 20 * MS), ("collecting", 0), ("collecting", 0), ("first", 20 * MS))
    assert machine.watch.take() == []
    machine.step(("collecting", 0), ("first", 60 * MS))
    assert machine.watch.take() == [BlockingLine(*FIRST, times=1, longest_ns=60 * MS)]
    collect()
    machine.step(("first", 60 * MS))
    assert machine.watch.take() == [BlockingLine(*FIRST, times=1, longest_ns=60 * MS)]


def test_a_step_without_a_line_of_the_users_is_not_the_scenarios(machine: Machine) -> None:
    machine.names["library"] = lambda library: library()
    machine.step(("library", 100 * MS))
    assert machine.watch.take() == []


def test_the_number_of_lines_is_bounded(machine: Machine) -> None:
    lines = "\n".join(f"    if number == {number}: library()" for number in range(200))
    source = f"async def checkout(user): ...\ndef many(library, number):\n{lines}\n"
    many: Callable[..., None] = load_script({"/shop.py": source}, "/shop.py", "checkout").iteration.__globals__["many"]
    for number in range(200):
        machine.names["numbered"] = lambda library, number=number: many(library, number)
        machine.step(("numbered", 60 * MS))
    assert len(machine.watch.take()) == 50


def test_a_step_that_does_not_end_is_reported_once_in_the_middle_of_it(machine: Machine) -> None:
    machine.step(("first", STUCK_NS - MS))
    assert machine.stuck == []
    machine.step(("first", MS), ("second", 2 * STUCK_NS))
    assert machine.stuck == [SECOND]
