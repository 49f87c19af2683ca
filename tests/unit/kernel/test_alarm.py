"""The timerfd that wakes epoll."""

import os
import select
import time

import pytest

from loadlab.kernel.alarm import Alarm

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
