"""Any server as several processes that share one port, each with a listening socket of its own (SO_REUSEPORT).

The kernel picks the socket of a new connection by a hash of both addresses: no lock, no process that hands out work,
and no look at who is busy. So a process may get a few more than its share, and keeps what it got for good.
"""

import gc
import math
import os
import select
import signal
from collections.abc import Callable, Sequence
from functools import partial

from processes import ChildProcess, ProcessFailed, wake_on_termination

# The share that the hash gives to one of many processes scatters by the square root of its mean (it is very nearly
# Poisson); six times that is exceeded once in hundreds of millions.
_DEVIATIONS = 6

Work = Callable[[Callable[[], None]], None]
"""What one process does. It gets a function to call when it has set itself up, and serves what connects to it."""


def capacity(of_one: int, processes: int) -> int:
    """Return how many connections `processes` take before the fullest of them is at its limit `of_one`.

    That goes for what they have open as well as for what waits in their listening sockets to be accepted.
    """
    if processes == 1:
        return of_one
    return max(of_one, processes * (of_one - math.ceil(_DEVIATIONS * math.sqrt(of_one))))


def supervise(works: Sequence[Work], all_started: Callable[[], None]) -> None:
    """Do each of `works` in a child process, call `all_started` when all are set up, and pass a termination signal on.

    Returns when all have ended on that signal; raises ProcessFailed, and ends the others, when one ends without it.
    """
    gc.freeze()  # else a collection in a child writes to every object, and so copies what it shares with its parent
    setting_up, still_setting_up = os.pipe()
    children: dict[int, ChildProcess] = {}

    def begin(work: Work) -> None:
        os.close(setting_up)
        # Inherited, and of no use here; with many processes they would take the place of connections.
        for elder in children:
            os.close(elder)
        work(partial(os.close, still_setting_up))

    for work in works:
        child = ChildProcess(partial(begin, work))
        children[child.fd] = child
    stop_fd = wake_on_termination()  # after the forks: until a child has its own, a signal simply ends it
    os.close(still_setting_up)
    os.read(setting_up, 1)  # it ends when the last child has closed its copy, or has ended
    os.close(setting_up)
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
