"""One thread, one epoll: the kernel keeps the list of watched descriptors and returns only those that are ready.

How it works. Each connection is registered once, when it is accepted. When data arrives, the kernel itself puts the
descriptor on a list of ready ones, and epoll_wait takes from that list. Level-triggered, it reports a descriptor for as
long as something is left to read, so one recv() per report is enough. Edge-triggered, it reports each arrival once:
the server has to read on until EAGAIN, or what is left is never reported again. A short read does not prove that
nothing is left: the end of the stream may have come behind the data, under the same report.

Where the cost lies. In the ready descriptors only: a connection on which nothing happens costs memory (a few kilobytes
in the kernel, half a kilobyte here), and no time. Level-triggered, each change of what is watched is a system call
of its own, epoll_ctl; an ordinary request needs none, because its response fits in the socket's buffer. Edge-triggered,
there are no changes, as reading and writing are both registered from the start; but each request takes a second recv(),
the one that finds nothing.

What it cannot do. Use a second core, or serve anyone while a handler blocks. Files on disk are always "ready": epoll
refuses to watch them. Edge-triggered, it also serves nobody else while a client sends faster than it is answered.
"""

import argparse
import select
import sys

from connection import Connection, Interest, WaitingConnection
from server import Listener, run

TARGET = {
    "name": "epoll",
    "about": "one thread, epoll: asks the kernel for the ready connections only",
    "handlers": ["hello", "cpu", "sleep", "disk-read", "disk-write", "database", "upstream"],
    "options": {
        "trigger": {
            "default": "level",
            "choices": ["level", "edge"],
            "about": "report a connection as long as it is ready, or once when it becomes ready",
        },
        "read": {
            "default": "event",
            "choices": ["event", "blocking"],
            "about": "wait in epoll for the rest of a request, or (by mistake) in a read that blocks the loop",
        },
        "processes": {
            "default": 1,
            "minimum": 1,
            "maximum": 1000,
            "counts": "listeners",
            "about": "processes that share the port",
        },
    },
}

# Not the number of connections: a call that made room for all of them would cost more with each idle one.
MAX_EVENTS = 512

LEVEL_EVENTS = {Interest.READ: select.EPOLLIN, Interest.WRITE: select.EPOLLOUT}
EDGE_EVENTS = select.EPOLLIN | select.EPOLLOUT | select.EPOLLET


def serve(listener: Listener, stop_fd: int, options: argparse.Namespace) -> None:
    edge_triggered = options.trigger == "edge"
    first_events = EDGE_EVENTS if edge_triggered else LEVEL_EVENTS[Interest.READ]
    make_connection = WaitingConnection if options.read == "blocking" else Connection

    connections: dict[int, Connection] = {}
    epoll = select.epoll()
    epoll.register(listener.fd, select.EPOLLIN)
    epoll.register(stop_fd, select.EPOLLIN)
    while True:
        for fd, _events in epoll.poll(maxevents=MAX_EVENTS):
            if fd in connections:
                connection = connections[fd]
                before = connection.interest
                while connection.proceed() and edge_triggered:
                    pass  # until it would block
                if connection.interest is before:
                    continue
                if connection.interest is Interest.NOTHING:
                    del connections[fd]  # the kernel has dropped it with the descriptor
                elif not edge_triggered:
                    epoll.modify(fd, LEVEL_EVENTS[connection.interest])
            elif fd == listener.fd:
                for client in listener.accept_waiting():
                    connection = make_connection(client)
                    connections[connection.fd] = connection
                    epoll.register(connection.fd, first_events)
            elif fd == stop_fd:
                return


if __name__ == "__main__":
    sys.exit(run(TARGET, serve))
