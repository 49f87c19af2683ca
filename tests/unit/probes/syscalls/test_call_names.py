"""Names of system calls, on machines that differ in their numbers."""

import pytest

from loadlab.probes.syscalls.bpftrace import format_script
from loadlab.probes.syscalls.call_names import name_call, read_call_names


@pytest.mark.parametrize(
    ("machine", "number", "name"),
    [
        ("x86_64", 0, "read"),
        ("x86_64", 232, "epoll_wait"),
        ("x86_64", 441, "epoll_pwait2"),
        ("aarch64", 22, "epoll_pwait"),
        ("aarch64", 63, "read"),
        ("aarch64", 441, "epoll_pwait2"),
    ],
)
def test_numbers_belong_to_the_machine(machine: str, number: int, name: str) -> None:
    assert read_call_names(machine)[number] == name


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_no_name_stands_twice(machine: str) -> None:
    names = list(read_call_names(machine).values())
    assert len(names) == len(set(names)) > 300


def test_an_unknown_machine_has_numbers_only() -> None:
    names = read_call_names("vax")
    assert names == {}
    assert name_call(3, names) == "syscall 3"


def test_the_script_knows_the_wait_calls_of_the_machine() -> None:
    assert format_script("if (WAIT_CALL)", read_call_names("aarch64")) == (
        "if (args->id == 22 || args->id == 72 || args->id == 73 || args->id == 441)"
    )
    assert format_script("if (WAIT_CALL)", read_call_names("vax")) == "if (0)"
