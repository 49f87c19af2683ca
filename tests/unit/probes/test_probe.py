"""The processes that a probe watches."""

import os
from pathlib import Path

import pytest

from loadlab.probes.probe import ProbeFailed, list_descendants

from ..processes.proc_tree import write_stat


@pytest.fixture
def proc(tmp_path: Path) -> Path:
    """A /proc where 10 has the child 20, and has started this program, whose child is 40."""
    for pid, parent in [(10, 1), (20, 10), (os.getpid(), 10), (40, os.getpid())]:
        write_stat(tmp_path, pid, parent=parent)
    return tmp_path


def test_children_are_watched_with_their_parents(proc: Path) -> None:
    assert list_descendants([10, 30], proc) == {10, 20}


def test_a_child_of_ours_is_watched_if_it_is_named(proc: Path) -> None:
    assert list_descendants([40], proc) == {40}


def test_when_all_have_ended_there_is_nothing_to_watch(proc: Path) -> None:
    with pytest.raises(ProbeFailed, match="have ended"):
        list_descendants([30, 50], proc)
