"""Any server as several processes that share one port, each with a listening socket of its own (SO_REUSEPORT).

The kernel picks the socket of a new connection by a hash of both addresses: no lock, no process that hands out work,
and no look at who is busy. So a process may get a few more than its share, and keeps what it got for good.
"""

import math
import select
import signal
from collections.abc import Callable, Sequence

from child_process import ChildProcess, ProcessFailed
from termination import wake_on_termination

# The share that the hash gives to one of many processes scatters by the square root of its mean (it is very nearly
# Poisson); six times that is exceeded once in hundreds of millions.
_DEVIATIONS = 6


def capacity(of_one: int, processes: int) -> int:
    """Return how many connections `processes` hold before the fullest of them is at its limit `of_one`."""
    if processes == 1:
        return of_one
    return processes * max(0, of_one - math.ceil(_DEVIATIONS * math.sqrt(of_one)))


def supervise(works: Sequence[Callable[[], None]], all_started: Callable[[], None]) -> None:
    """Do each of `works` in a child process, call `all_started`, and pass a termination signal on to the children.

    Returns when all have ended on that signal; raises ProcessFailed, and ends the others, when one ends without it.
    """
    children = {child.fd: child for child in map(ChildProcess, works)}
    stop_fd = wake_on_termination()  # after the forks: until a child has its own, a signal simply ends it
    all_started()
    watched = select.poll()
    for fd in (stop_fd, *children):
        watched.register(fd, select.POLLIN)
    ended = {fd for fd, _events in watched.poll()}
    for child in children.values():
        child.send_signal(signal.SIGTERM)
    ends = {fd: child.reap() for fd, child in children.items()}
    if stop_fd not in ended:
        raise ProcessFailed("; ".join(ends[fd] for fd in ended) + ", so the others were stopped too")
