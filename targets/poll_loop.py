"""One thread, one poll: hands the kernel the list of all connections on each call.

How it works. poll(2) takes an array with one entry per watched descriptor and writes into each entry what is ready.
Nothing is remembered from call to call: the next one passes the whole array again.

Where the cost lies. In every connection, ready or not, on every call. The kernel copies the array in (8 bytes an
entry), asks the file behind each descriptor whether it is ready, and writes the answers back; then this process walks
the array to find them. With one ready among n the work for that one request grows with n. Python's poll object adds
its own: after each connection that comes or goes it builds the array anew.

What it cannot do. Stay fast with many idle connections. Beyond that, what no single thread can: use a second core, or
serve anyone while a handler blocks. It has no limit of its own on the number of descriptors; that is what it was
made for, after select.
"""

import argparse
import select
import sys

from connection import Connection, Interest
from server import Listener, run

TARGET = {
    "name": "poll",
    "about": "one thread, poll: passes all connections to the kernel on each call",
    "handlers": ["hello", "cpu", "sleep", "disk-read", "disk-write", "database", "upstream"],
    "options": {
        "processes": {
            "default": 1,
            "minimum": 1,
            "maximum": 1000,
            "counts": "listeners",
            "about": "processes that share the port",
        },
    },
}

EVENTS = {Interest.READ: select.POLLIN, Interest.WRITE: select.POLLOUT}


def serve(listener: Listener, stop_fd: int, _options: argparse.Namespace) -> None:
    connections: dict[int, Connection] = {}
    watched = select.poll()
    watched.register(listener.fd, select.POLLIN)
    watched.register(stop_fd, select.POLLIN)
    while True:
        for fd, _events in watched.poll():
            if fd in connections:
                connection = connections[fd]
                before = connection.interest
                connection.proceed()
                if connection.interest is before:
                    continue
                if connection.interest is Interest.NOTHING:
                    watched.unregister(fd)
                    del connections[fd]
                else:
                    watched.modify(fd, EVENTS[connection.interest])
            elif fd == listener.fd:
                for client in listener.accept_waiting():
                    connection = Connection(client)
                    connections[connection.fd] = connection
                    watched.register(connection.fd, select.POLLIN)
            elif fd == stop_fd:
                return


if __name__ == "__main__":
    sys.exit(run(TARGET, serve))
