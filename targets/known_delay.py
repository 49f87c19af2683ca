"""One thread that answers each request after a delay drawn from a known distribution: a standard to test clients with.

How it works. The answer to a request is made as soon as the request is read, and put on a heap by the time at which it
is due: that of the reading plus the next delay. While any answer is due in future, the loop does not sleep, but
asks epoll with a timeout of 0, again and again, so that it misses neither a request nor the moment. A connection that
waits for its answer is not read; requests that came together are answered together, after the sum of their delays.

Where the cost lies. In a whole core, all the time, which it needs for itself. An answer never leaves before it is due,
so what a client measures is at least the delay. What is more is the way there and back, and the lateness here: from an
answer's due time until it is sent it took 12 us at the median and 40 us at p99, at 10,000 requests/s on a core of its
own; the system call that sends takes most of the former.

What it cannot do. Keep to its delays on a core that it shares: another process's turn takes milliseconds. Nor at a
rate that keeps it busy (12 us for each request), as answers that are due together leave one after the other.
"""

import argparse
import heapq
import math
import random
import select
import sys
import time
from collections.abc import Callable, Iterator

import blocking
from connection import Connection, Interest
from server import Listener, run

TARGET = {
    "name": "known-delay",
    "about": "one thread, epoll, spinning: answers after delays whose percentiles are known, to test clients with",
    "handlers": ["hello"],
    "options": {
        "distribution": {
            "default": "exponential",
            "choices": ["exponential", "uniform"],
            "about": "how the delays are distributed; uniform is from 0 to twice the mean",
        },
        "mean": {"default": 5000, "minimum": 1, "maximum": 10_000_000, "about": "mean delay in microseconds"},
        "cycle": {
            "default": 1000,
            "minimum": 1,
            "maximum": 1_000_000,
            "about": "delays in a row that are exactly the distribution's quantiles",
        },
        "seed": {"default": 0, "minimum": 0, "maximum": 2_147_483_647, "about": "fixes the order of the delays"},
    },
}

QUANTILES: dict[str, Callable[[float], float]] = {
    "exponential": lambda probability: -math.log1p(-probability),
    "uniform": lambda probability: 2 * probability,
}
"""Name -> quantile function of the distribution of that name with mean 1; the uniform one begins at 0."""

MAX_EVENTS = 512
EVENTS = {Interest.READ: select.EPOLLIN, Interest.WRITE: select.EPOLLOUT}


def serve(listener: Listener, stop_fd: int, options: argparse.Namespace) -> None:
    next_delay_ns = delays_ns(options.distribution, options.mean * 1000, options.cycle, options.seed).__next__
    connections: dict[int, Connection] = {}
    answers: dict[int, bytes] = {}  # those that are not yet due, by descriptor: one for each connection
    due: list[tuple[int, int]] = []  # their times and descriptors, a heap
    epoll = select.epoll()

    def follow(connection: Connection, before: Interest) -> None:
        """Watch a connection for what it now waits for."""
        if connection.interest is Interest.NOTHING:
            del connections[connection.fd]
        elif connection.interest is not before:
            epoll.modify(connection.fd, EVENTS[connection.interest])

    epoll.register(listener.fd, select.EPOLLIN)
    epoll.register(stop_fd, select.EPOLLIN)
    while True:
        for fd, _events in epoll.poll(0 if due else None, MAX_EVENTS):
            if fd in answers:
                continue
            if fd in connections:
                connection = connections[fd]
                before = connection.interest
                if before is Interest.WRITE:
                    connection.send_rest()
                elif requests := connection.receive():
                    due_ns = time.monotonic_ns() + sum(next_delay_ns() for _ in requests)
                    answers[fd] = blocking.answer_all(requests)
                    heapq.heappush(due, (due_ns, fd))
                follow(connection, before)
            elif fd == listener.fd:
                for client in listener.accept_waiting():
                    connection = Connection(client)
                    connections[connection.fd] = connection
                    epoll.register(connection.fd, EVENTS[Interest.READ])
            elif fd == stop_fd:
                return
        while due and due[0][0] <= time.monotonic_ns():
            _, fd = heapq.heappop(due)
            connection = connections[fd]
            connection.send(answers.pop(fd))
            follow(connection, Interest.READ)


def delays_ns(distribution: str, mean_ns: int, cycle: int, seed: int) -> Iterator[int]:
    """Yield delays without end: in each `cycle` of them all its quantiles, in an order drawn with `seed`.

    A sample drawn at random has percentiles near those of its distribution; how near is chance. Here each cycle of n
    delays is made of the quantiles at (i + 1/2) / n, and only their order is drawn. So over whole cycles every
    percentile is known beforehand, to within one step of the cycle (of 1,000, say: a tenth of a percentage point).
    """
    quantile = QUANTILES[distribution]
    delays = [round(mean_ns * quantile((i + 0.5) / cycle)) for i in range(cycle)]
    order = random.Random(seed)
    while True:
        order.shuffle(delays)
        yield from delays


if __name__ == "__main__":
    sys.exit(run(TARGET, serve))
