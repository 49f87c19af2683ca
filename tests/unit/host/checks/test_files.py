"""Open files: of the process that has most, and of all."""

import pytest

from loadlab.host.checks.check import State
from loadlab.host.checks.files import AllOpenFiles, OpenFiles
from loadlab.host.requirements import Requirements

from ..machine import is_fine, machine

UNPRIVILEGED = {"proc/self/status": "Name:\tpython\nCapEff:\t0000000000000000\n"}


def test_the_hard_limit_binds_the_fullest_process() -> None:
    assert is_fine(OpenFiles(machine()).examine(Requirements(open_files=20_000)))
    found = OpenFiles(machine()).examine(Requirements(open_files=20_001))
    assert found.state is State.BLOCKER
    assert found.problem == "one process would have 20,001 files open, and the hard limit is 20,000"
    assert "`ulimit -n 20001`" in str(found.fix)
    assert "nr_open" not in str(found.fix)


def test_a_limit_beyond_the_kernels_own_needs_that_raised_first() -> None:
    found = OpenFiles(machine({"proc/sys/fs/nr_open": "50000\n"})).examine(Requirements(open_files=60_000))
    assert "`sysctl fs.nr_open=60000`, then `ulimit -n 60000`" in str(found.fix)


def test_files_that_others_have_open_count_against_the_machines_limit() -> None:
    files = {"proc/sys/fs/file-max": "10000\n", "proc/sys/fs/file-nr": "4000\t0\t10000\n"}
    unprivileged = AllOpenFiles(machine({**files, **UNPRIVILEGED}))
    assert is_fine(unprivileged.examine(Requirements(files=6_000)))
    found = unprivileged.examine(Requirements(files=6_001))
    assert (found.state, found.fix) == (State.BLOCKER, "`sysctl fs.file-max=10001`")
    assert is_fine(AllOpenFiles(machine(files)).examine(Requirements(files=6_001)))  # root may go beyond


@pytest.mark.parametrize("limit", [None, f"{(1 << 63) - 1}\n"])
def test_a_machine_may_have_no_limit_of_files(limit: str | None) -> None:
    found = AllOpenFiles(machine({"proc/sys/fs/file-max": limit})).examine(Requirements(files=1 << 40))
    assert is_fine(found)
    assert found.here == "no limit"


def test_without_a_status_of_our_own_the_limit_binds_us() -> None:
    files = {"proc/sys/fs/file-max": "10\n", "proc/self/status": None}
    assert AllOpenFiles(machine(files)).examine(Requirements(files=11)).state is State.BLOCKER
