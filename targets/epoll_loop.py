"""One thread, one epoll: the kernel keeps the list of watched descriptors and returns only those that are ready.

How it works. Each connection is registered once, when it is accepted. When data arrives, the kernel itself puts the
descriptor on a list of ready ones, and epoll_wait takes from that list. It is used level-triggered: a descriptor is
reported for as long as something is left to read, so one recv() per report is enough.

Where the cost lies. In the ready descriptors only: a connection on which nothing happens costs memory (a few kilobytes
in the kernel, half a kilobyte here), and no time. Each change of what is watched is a system call of its own,
epoll_ctl; an ordinary request needs none, because its response fits in the socket's buffer.

What it cannot do. Use a second core, or serve anyone while a handler blocks. Files on disk are always "ready": epoll
refuses to watch them.
"""

import argparse
import select
import sys

from connection import Connection, Interest
from server import Listener, run

TARGET = {
    "name": "epoll",
    "about": "one thread, epoll: asks the kernel for the ready connections only",
    "handlers": ["hello", "cpu", "sleep", "disk-read", "disk-write", "database", "upstream"],
    "options": {},
}

# Not the number of connections: a call that made room for all of them would cost more with each idle one.
MAX_EVENTS = 512

EVENTS = {Interest.READ: select.EPOLLIN, Interest.WRITE: select.EPOLLOUT}


def serve(listener: Listener, stop_fd: int, _options: argparse.Namespace) -> None:
    connections: dict[int, Connection] = {}
    epoll = select.epoll()
    epoll.register(listener.fd, select.EPOLLIN)
    epoll.register(stop_fd, select.EPOLLIN)
    while True:
        for fd, _events in epoll.poll(maxevents=MAX_EVENTS):
            if fd in connections:
                connection = connections[fd]
                if not connection.proceed():
                    continue
                if connection.interest is Interest.NOTHING:
                    del connections[fd]  # closing it has told the kernel already
                else:
                    epoll.modify(fd, EVENTS[connection.interest])
            elif fd == listener.fd:
                for client in listener.accept_waiting():
                    connection = Connection(client)
                    connections[connection.fd] = connection
                    epoll.register(connection.fd, select.EPOLLIN)
            elif fd == stop_fd:
                return


if __name__ == "__main__":
    sys.exit(run(TARGET, serve))
