"""Whose child a process is, by a /proc that the test wrote."""

import os
from pathlib import Path

import pytest

from loadlab.processes import list_family, list_family_without_us, read_parents

from .proc_tree import write_stat


@pytest.fixture
def proc(tmp_path: Path) -> Path:
    """A /proc where 10 has the children 20, 21 and 22, the last of them dead; 20 the child 30; 40 is a stranger."""
    processes = [
        (10, 1, "server", "S"),
        (20, 10, "a) S 99", "S"),
        (21, 10, "b", "R"),
        (22, 10, "dead", "Z"),
        (30, 20, "(c", "S"),
        (40, 1, "other", "S"),
    ]
    for pid, parent, name, state in processes:
        write_stat(tmp_path, pid, name=name, state=state, parent=parent)
    (tmp_path / "50").mkdir()  # has ended since /proc was listed
    (tmp_path / "self").mkdir()
    return tmp_path


def test_each_that_lives_has_a_parent(proc: Path) -> None:
    assert read_parents(proc) == {10: 1, 20: 10, 21: 10, 30: 20, 40: 1}


def test_children_and_theirs_are_found(proc: Path) -> None:
    assert list_family([10], proc) == {10, 20, 21, 30}
    assert list_family([20, 40], proc) == {20, 30, 40}


def test_one_and_what_comes_from_it_can_be_left_out(proc: Path) -> None:
    assert list_family([10], proc, without=20) == {10, 21}
    assert list_family([20], proc, without=20) == list_family([20], proc)


def test_a_loadlab_that_a_server_started_is_no_part_of_it_unless_it_is_asked_for(proc: Path) -> None:
    for pid, parent in ((os.getpid(), 21), (41, os.getpid())):
        write_stat(proc, pid, name="loadlab", parent=parent)
    assert list_family_without_us([10], proc) == {10, 20, 21, 30}
    assert list_family_without_us([10, 41], proc) == {10, 20, 21, 30, 41}  # a load worker
    assert list_family_without_us([os.getpid()], proc) == {os.getpid(), 41}


def test_those_that_have_ended_are_left_out(proc: Path) -> None:
    assert list_family([21, 22, 50, 60], proc) == {21}
    assert list_family([50, 60], proc) == set()
