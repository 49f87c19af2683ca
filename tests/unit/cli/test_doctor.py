"""The doctor's table and its conclusion."""

from collections.abc import Sequence

from rich.console import Console

from loadlab.cli.doctor import conclusion, diagnoses_table
from loadlab.experiment.preflight import Readiness
from loadlab.host import Diagnosis, Examination, Requirements, State

from ..host.machine import machine

BLOCKED = Diagnosis("memory", "1 GiB available", "2 GiB", State.BLOCKER, "2 GiB are needed", "free 1 GiB")
FINE = Diagnosis("clock source", "tsc")


def printed(diagnoses: Sequence[Diagnosis], width: int) -> list[str]:
    console = Console(width=width, color_system=None)
    with console.capture() as capture:
        console.print(diagnoses_table(diagnoses))
    return [line.rstrip() for line in capture.get().splitlines()]


def test_a_row_has_what_is_needed_what_there_is_and_how_it_stands() -> None:
    _header, _rule, blocked, fine = printed([BLOCKED, FINE], 100)
    assert [cell.strip() for cell in blocked.split("  ") if cell] == ["memory", "2 GiB", "1 GiB available", "blocker"]
    assert [cell.strip() for cell in fine.split("  ") if cell] == ["clock source", "-", "tsc", "ok"]


def test_a_terminal_shows_the_states_in_colours() -> None:
    console = Console(width=100, force_terminal=True, color_system="standard")
    with console.capture() as capture:
        console.print(diagnoses_table([BLOCKED, FINE]))
    assert "\x1b[31mblocker" in capture.get()
    assert "\x1b[32mok" in capture.get()


def test_all_that_is_found_fits_a_terminal_of_80_columns() -> None:
    diagnoses = Examination(machine()).judge(Requirements(connections=1_000_000, open_files=20_000, tasks=10))
    lines = printed(diagnoses, 80)
    assert not any("\u2026" in line for line in lines)
    assert sum(line.endswith(("ok", "warning", "blocker")) for line in lines) == len(diagnoses)


def test_the_conclusion_names_the_profile_and_how_much_of_it_can_run() -> None:
    assert conclusion("mine", Readiness((FINE,), trials=3, blocked=frozenset(range(0)))) == "mine can run here."
    assert conclusion("mine", Readiness((FINE, BLOCKED), trials=55, blocked=frozenset(range(5)))) == (
        "mine can run here with 50 of its 55 trials; 5 of 55 trials are not possible: 2 GiB are needed; free 1 GiB."
    )
    assert conclusion("mine", Readiness((FINE, BLOCKED), trials=3, blocked=frozenset(range(3)))) == (
        "mine cannot run here: 3 of 3 trials are not possible: 2 GiB are needed; free 1 GiB."
    )
    assert conclusion("mine", Readiness((FINE, BLOCKED), trials=1, blocked=frozenset(range(1)))) == (
        "mine cannot run here: the only trial is not possible: 2 GiB are needed; free 1 GiB."
    )
