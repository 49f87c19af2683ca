"""An epoll loop with a pool of threads: the loop watches the connections, the pool does what may block.

How it works. The main thread waits in epoll and puts each ready connection into a queue. A thread of the pool takes it
out, reads, runs the handler, writes the response, and gives the connection back to epoll. Connections are registered
with EPOLLONESHOT: reported once, a connection is disarmed until it is armed anew. So it never belongs to two threads at
the same time, and needs no lock; plain level-triggering would report it again and again while the thread still works.

Where the cost lies. In each request: one epoll_ctl to arm the connection again, and the way through the queue, which is
two switches between threads and, in Python, as many hand-overs of the interpreter's lock. In memory: one stack for each
thread of the pool, whatever the number of connections. Idle connections cost what they cost with epoll alone.

What it cannot do. Run more handlers at the same time than there are threads in the pool: when each of them waits for a
slow database, the next request waits in the queue, however idle the processor is. Use a second core for Python code.
"""

import argparse
import queue
import select
import sys
import threading

from connection import Connection, Interest
from server import Listener, run

TARGET = {
    "name": "epoll-threads",
    "about": "an epoll loop that hands ready connections to a pool of threads",
    "handlers": ["hello", "cpu", "sleep", "disk-read", "disk-write", "database", "upstream"],
    "options": {
        "pool": {
            "default": 8,
            "minimum": 1,
            "maximum": 1000,
            "counts": "threads",
            "about": "threads that run handlers",
        },
    },
}

MAX_EVENTS = 512

EVENTS = {
    Interest.READ: select.EPOLLIN | select.EPOLLONESHOT,
    Interest.WRITE: select.EPOLLOUT | select.EPOLLONESHOT,
}


def serve(listener: Listener, stop_fd: int, options: argparse.Namespace) -> None:
    # A closed connection is not taken out: its place is overwritten when its descriptor's number is given out again. A
    # thread of the pool that took it out after closing it could hit the next connection of the same number.
    connections: dict[int, Connection] = {}
    epoll = select.epoll()
    epoll.register(listener.fd, select.EPOLLIN)
    epoll.register(stop_fd, select.EPOLLIN)
    ready: queue.SimpleQueue[Connection] = queue.SimpleQueue()
    for _ in range(options.pool):
        threading.Thread(target=serve_ready, args=(ready, epoll), daemon=True).start()
    while True:
        for fd, _events in epoll.poll(maxevents=MAX_EVENTS):
            if fd == listener.fd:
                for client in listener.accept_waiting():
                    connection = Connection(client)
                    connections[connection.fd] = connection
                    epoll.register(connection.fd, EVENTS[Interest.READ])
            elif fd == stop_fd:
                return
            else:
                ready.put(connections[fd])


def serve_ready(ready: queue.SimpleQueue[Connection], epoll: select.epoll) -> None:
    """What each thread of the pool does."""
    while True:
        connection = ready.get()
        connection.proceed()
        if connection.interest is not Interest.NOTHING:
            epoll.modify(connection.fd, EVENTS[connection.interest])


if __name__ == "__main__":
    sys.exit(run(TARGET, serve))
