"""Looking at machines: trees of files that the test wrote, and this one."""

import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from loadlab.host.machine import Machine, OwnLimits

from .machine import OWN


def write_files(root: Path, files: Mapping[str, str]) -> None:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path, OWN)


@pytest.mark.parametrize(
    ("text", "number", "numbers"),
    [
        ("4096\n", 4096, (4096,)),
        ("-1\n", -1, (-1,)),
        ("max\n", None, ()),
        ("1\t2\n", None, (1, 2)),
        ("1 x\n", None, ()),
        ("", None, ()),
    ],
)
def test_numbers_are_read_where_a_file_holds_nothing_else(
    machine: Machine, text: str, number: int | None, numbers: tuple[int, ...]
) -> None:
    write_files(machine.root, {"file": text})
    assert (machine.read_number("file"), machine.read_numbers("file")) == (number, numbers)


def test_an_absent_file_is_none(machine: Machine) -> None:
    assert (machine.read_text("absent"), machine.read_number("absent")) == (None, None)
    assert (machine.read_numbers("absent"), machine.read_words("absent"), machine.read_sizes("absent")) == ((), (), {})


def test_a_file_that_may_not_be_read_is_none(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    """As root the test cannot make one, so the refusal is the test's own."""

    def refuse(*_arguments: object, **_options: object) -> str:
        raise PermissionError

    write_files(machine.root, {"file": "1"})
    monkeypatch.setattr(Path, "read_text", refuse)
    assert (machine.read_text("file"), machine.read_number("file")) == (None, None)


def test_a_file_that_is_no_text_does_no_harm(machine: Machine) -> None:
    (machine.root / "file").write_bytes(b"\xff\xfe\x00 1")
    assert machine.read_number("file") is None


def test_a_file_keeps_its_first_reading(machine: Machine) -> None:
    write_files(machine.root, {"file": "1"})
    assert machine.read_number("file") == 1
    write_files(machine.root, {"file": "2"})
    assert machine.read_number("file") == 1
    assert Machine(machine.root, OWN).read_number("file") == 2


def test_files_are_found_by_a_pattern(machine: Machine) -> None:
    write_files(machine.root, {f"sys/cpu/cpu{number}/governor": "x" for number in (1, 0)})
    write_files(machine.root, {"sys/cpu/cpuidle/other": "x"})
    assert machine.list_files("sys/cpu/cpu*/governor") == ["sys/cpu/cpu0/governor", "sys/cpu/cpu1/governor"]
    assert machine.list_files("sys/absent/*") == []


@pytest.mark.parametrize(
    ("text", "groups"),
    [
        (None, []),  # a kernel without control groups
        ("", []),
        ("0::/\n", ["sys/fs/cgroup"]),
        ("0::/user/job\n", ["sys/fs/cgroup/user/job", "sys/fs/cgroup/user", "sys/fs/cgroup"]),
        ("0::/../../job\n", ["sys/fs/cgroup/job", "sys/fs/cgroup"]),  # seen from another namespace
        ("0:://job\n", ["sys/fs/cgroup/job", "sys/fs/cgroup"]),
        ("0::/a:b\n", ["sys/fs/cgroup/a:b", "sys/fs/cgroup"]),
        ("4:memory:/job\n1:cpu,cpuacct:/\n", ["sys/fs/cgroup/memory/job", "sys/fs/cgroup/memory"]),
        (
            "5:memory,hugetlb:/\n1:name=systemd:/x\n",
            ["sys/fs/cgroup/memory", "sys/fs/cgroup/memory,hugetlb"],
        ),
        ("4:memory:/\n0::/\n", ["sys/fs/cgroup/memory", "sys/fs/cgroup"]),  # both versions at once
        ("7:pids:/job\n", []),
    ],
)
def test_our_control_groups_are_our_own_and_all_above(machine: Machine, text: str | None, groups: list[str]) -> None:
    if text is not None:
        write_files(machine.root, {"proc/self/cgroup": text})
    assert list(machine.control_groups("memory")) == groups


def test_this_machine_can_be_looked_at() -> None:
    machine = Machine()
    assert machine.own == OwnLimits.of_this_process()
    assert machine.own.cores == tuple(sorted(os.sched_getaffinity(0)))
    assert 0 < machine.own.open_files_soft <= machine.own.open_files_hard
    assert machine.read_sizes("proc/meminfo")["MemTotal"] > 1 << 20


def test_a_limit_that_is_infinite_is_a_large_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("resource.getrlimit", lambda _kind: (-1, -1))
    own = OwnLimits.of_this_process()
    assert own.open_files_hard > 1 << 32
    assert own.user_tasks is None
