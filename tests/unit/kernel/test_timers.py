"""Timers: in the order of their deadlines, each at most once, and none after it was cancelled. No clock is needed."""

import os
import select
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadlab.kernel.timers import Alarm, Timer, TimerQueue


class Ringing:
    """A queue whose timers write down their names when they run."""

    def __init__(self) -> None:
        self.queue = TimerQueue()
        self.rung: list[str] = []

    def add(self, name: str, deadline_ns: int) -> Timer:
        return self.queue.add(deadline_ns, lambda: self.rung.append(name))


@pytest.fixture
def ringing() -> Ringing:
    return Ringing()


def test_an_empty_queue_has_no_deadline_and_runs_nothing() -> None:
    queue = TimerQueue()
    queue.run_due(1_000)
    assert queue.next_deadline_ns() is None


def test_the_earliest_deadline_is_next_and_runs_first(ringing: Ringing) -> None:
    for deadline_ns in (30, 10, 20):
        ringing.add(str(deadline_ns), deadline_ns)
    assert ringing.queue.next_deadline_ns() == 10
    ringing.queue.run_due(30)
    assert ringing.rung == ["10", "20", "30"]


def test_equal_deadlines_run_in_the_order_they_were_added(ringing: Ringing) -> None:
    for name in "abcde":
        ringing.add(name, 7)
    ringing.queue.run_due(7)
    assert ringing.rung == list("abcde")


@pytest.mark.parametrize(("now_ns", "rung"), [(9, []), (10, ["due"]), (11, ["due"])])
def test_a_timer_runs_at_its_deadline_and_not_before(ringing: Ringing, now_ns: int, rung: list[str]) -> None:
    ringing.add("due", 10)
    ringing.queue.run_due(now_ns)
    assert ringing.rung == rung


def test_a_timer_runs_once(ringing: Ringing) -> None:
    timer = ringing.add("once", 1)
    ringing.queue.run_due(1)
    ringing.queue.run_due(2)
    assert ringing.rung == ["once"]
    assert timer.action is None


def test_a_cancelled_timer_neither_runs_nor_is_waited_for(ringing: Ringing) -> None:
    first = ringing.add("first", 1)
    ringing.add("second", 2)
    first.cancel()
    first.cancel()
    assert ringing.queue.next_deadline_ns() == 2
    ringing.queue.run_due(2)
    assert ringing.rung == ["second"]


def test_a_timer_cancelled_by_an_earlier_one_of_the_same_call_does_not_run(ringing: Ringing) -> None:
    ringing.queue.add(1, lambda: victim.cancel())
    victim = ringing.add("victim", 2)
    ringing.queue.run_due(2)
    assert ringing.rung == []


def test_what_an_action_adds_waits_for_the_next_call(ringing: Ringing) -> None:
    def add_another() -> None:
        ringing.add("added", 0)

    ringing.queue.add(1, add_another)
    ringing.queue.run_due(5)
    assert ringing.rung == []
    ringing.queue.run_due(5)
    assert ringing.rung == ["added"]


@given(
    timers=st.lists(st.tuples(st.integers(0, 50), st.booleans()), max_size=40),
    steps=st.lists(st.integers(0, 60), max_size=10),
)
def test_it_behaves_like_a_sorted_list(timers: list[tuple[int, bool]], steps: list[int]) -> None:
    ringing = Ringing()
    waiting = []
    for number, (deadline_ns, cancelled) in enumerate(timers):
        timer = ringing.add(str(number), deadline_ns)
        if cancelled:
            timer.cancel()
        else:
            waiting.append((deadline_ns, number))
    waiting.sort()
    for now_ns in sorted(steps):
        ringing.rung.clear()
        ringing.queue.run_due(now_ns)
        assert ringing.rung == [str(number) for deadline_ns, number in waiting if deadline_ns <= now_ns]
        waiting = [(deadline_ns, number) for deadline_ns, number in waiting if deadline_ns > now_ns]
        assert ringing.queue.next_deadline_ns() == (waiting[0][0] if waiting else None)


pytestmark = pytest.mark.timeout(20)


def test_it_wakes_at_its_time_and_not_before() -> None:
    alarm = Alarm()
    with select.epoll() as epoll:
        epoll.register(alarm.fd, select.EPOLLIN | select.EPOLLET)
        for _ in range(3):
            wake_ns = time.monotonic_ns() + 300_000
            alarm.set(wake_ns)
            assert epoll.poll() == [(alarm.fd, select.EPOLLIN)]
            assert time.monotonic_ns() >= wake_ns
        alarm.set(1)  # long past
        assert epoll.poll() == [(alarm.fd, select.EPOLLIN)]
    alarm.close()


def test_a_later_time_takes_the_place_of_an_earlier_one() -> None:
    alarm = Alarm()
    with select.epoll() as epoll:
        epoll.register(alarm.fd, select.EPOLLIN | select.EPOLLET)
        alarm.set(time.monotonic_ns() + 100_000)
        alarm.set(time.monotonic_ns() + 3_600_000_000_000)
        assert epoll.poll(0.02) == []
    alarm.close()


def test_it_gives_its_descriptor_back() -> None:
    alarm = Alarm()
    alarm.close()
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(alarm.fd)
