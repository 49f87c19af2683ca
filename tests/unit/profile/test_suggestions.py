"""Suggestions for a misspelt word: near ones are found, far ones are not made up."""

import pytest

from loadlab.profile.suggestions import count_slips, did_you_mean, nearest

PATHS = ["load.connections", "load.idle", "load.timeout", "load.workers", "load.think_times", "target.server"]


@pytest.mark.parametrize(
    ("word", "other", "slips"),
    [
        ("idle", "idle", 0),
        ("idel", "idle", 1),
        ("idl", "idle", 1),
        ("idlee", "idle", 1),
        ("adle", "idle", 1),
        ("dile", "idel", 2),
        ("", "ab", 2),
        ("abc", "xyz", None),
        ("a", "abcd", None),
    ],
)
def test_slips(word: str, other: str, slips: int | None) -> None:
    assert count_slips(word, other, at_most=2) == slips
    assert count_slips(other, word, at_most=2) == slips


@pytest.mark.parametrize(
    ("word", "near"),
    [
        ("load.idel", "load.idle"),
        ("laod.idle", "load.idle"),
        ("idle", "load.idle"),
        ("timeouts", "load.timeout"),
        ("load.conn", "load.connections"),
        ("load.idleconnections", "load.idle"),
        ("load.think_time", "load.think_times"),
        ("load.think-times", "load.think_times"),
        ("target.sever", "target.server"),
        ("Load.Idle", "load.idle"),
        ("load.foo", None),
        ("load.users", None),
        ("load", None),
        ("lo", None),
        ("", None),
    ],
)
def test_the_nearest_path(word: str, near: str | None) -> None:
    assert nearest(word, PATHS) == near


@pytest.mark.parametrize(
    ("word", "known", "near"),
    [
        ("epol", ["epoll", "epoll-threads", "poll"], "epoll"),
        ("threads", ["thread", "epoll-threads"], "thread"),
        ("select", ["select-vs-epoll", "slow-senders"], "select-vs-epoll"),
        ("requests_per_sec", ["requests", "requests_per_second"], "requests_per_second"),
        ("target.rss", ["target.rss_bytes", "target.pss_bytes"], "target.rss_bytes"),
        ("apache", ["node", "nginx", "epoll"], None),
        ("anything", [], None),
    ],
)
def test_the_nearest_name(word: str, known: list[str], near: str | None) -> None:
    assert nearest(word, known) == near


def test_the_suggestion_is_a_clause() -> None:
    assert did_you_mean("epol", ["epoll"]) == "; did you mean 'epoll'?"
    assert did_you_mean("apache", ["epoll"]) == ""
