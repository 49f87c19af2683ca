"""One thread, one select: hands the kernel a bitmap of all connections on each call.

How it works. select(2) takes one bit per descriptor, from 0 to the highest, and overwrites the bitmap with the ready
ones. Nothing is remembered from call to call: the next one passes a fresh copy of the whole bitmap.

Where the cost lies. In every connection, ready or not, on every call. The kernel walks the bitmap, asks the file behind
each bit that is set whether it is ready, and writes the result back; then this process walks the result to find the
bits that are left. With one ready among n the work for that one request grows with n. The bitmap is small (an
eighth of a byte each, where poll has 8 bytes), but it is the walk that costs.

What it cannot do. Stay fast with many idle connections. Beyond that, what no single thread can: use a second core, or
serve anyone while a handler blocks. Its limit of 1024 descriptors is not the kernel's; `descriptor_set` says whose it
is, and goes past it.
"""

import argparse
import sys

from connection import Connection, Interest
from descriptor_set import DescriptorSet, select
from server import Listener, run

TARGET = {
    "name": "select",
    "about": "one thread, select: passes a bitmap of all connections to the kernel on each call",
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


def serve(listener: Listener, stop_fd: int, _options: argparse.Namespace) -> None:
    connections: dict[int, Connection] = {}
    readers = DescriptorSet()
    writers = DescriptorSet()
    watched = {Interest.READ: readers, Interest.WRITE: writers}
    readers.add(listener.fd)
    readers.add(stop_fd)
    while True:
        for fd in select(readers, writers):
            if fd in connections:
                connection = connections[fd]
                before = connection.interest
                connection.proceed()
                if connection.interest is before:
                    continue
                watched[before].remove(fd)
                if connection.interest is Interest.NOTHING:
                    del connections[fd]
                else:
                    watched[connection.interest].add(fd)
            elif fd == listener.fd:
                for client in listener.accept_waiting():
                    connection = Connection(client)
                    connections[connection.fd] = connection
                    readers.add(connection.fd)
            elif fd == stop_fd:
                return


if __name__ == "__main__":
    sys.exit(run(TARGET, serve))
