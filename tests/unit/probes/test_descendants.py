"""Whose child a process is, as /proc tells."""

from pathlib import Path

import pytest

from loadlab.probes.descendants import list_descendants
from loadlab.probes.probe import ProbeFailed


@pytest.fixture
def proc(tmp_path: Path) -> Path:
    """A /proc where 10 has the children 20 and 21, 20 the child 30, and 40 is a stranger."""
    for pid, parent, name in [(10, 1, "server"), (20, 10, "a) S 99"), (21, 10, "b"), (30, 20, "(c"), (40, 1, "other")]:
        (tmp_path / str(pid)).mkdir()
        (tmp_path / str(pid) / "stat").write_text(f"{pid} ({name}) S {parent} {pid} {pid} 0 -1\n")
    (tmp_path / "50").mkdir()  # has ended since /proc was listed
    (tmp_path / "self").mkdir()
    return tmp_path


def test_children_and_theirs_are_found(proc: Path) -> None:
    assert list_descendants([10], proc) == {10, 20, 21, 30}
    assert list_descendants([20, 40], proc) == {20, 30, 40}


def test_those_that_have_ended_are_left_out(proc: Path) -> None:
    assert list_descendants([21, 50, 60], proc) == {21}


def test_when_all_have_ended_there_is_nothing_to_watch(proc: Path) -> None:
    with pytest.raises(ProbeFailed, match="have ended"):
        list_descendants([50, 60], proc)
