"""One process per connection: the oldest way, and the simplest to think about.

How it works. The parent does nothing but accept. For each connection it forks; the child inherits the socket, serves
that one client with plain blocking calls, and exits when the client leaves. The kernel's scheduler is the event loop.
When a child has ended the parent has to reap it (waitpid), or it stays in the process table as a zombie; the parent
learns of it from a pidfd, watched beside the listener.

Where the cost lies. In the fork: about a millisecond, because the page tables of the whole interpreter are copied, and
each page that the child writes to afterwards. In memory: a megabyte and a half for each connection, idle or not. In
each request: a switch between processes, with another address space and cold caches behind it. An idle connection takes
no time.

What it can do that no other one here can: use every core for Python code, block in a handler without making anyone
wait, and lose a child to a crash without losing another client. What it cannot do: hold many connections, or share
anything among them (a cache, a pool of database connections: every child has its own).
"""

import argparse
import select
import socket
import sys
from functools import partial

import limits
from blocking import serve_client
from processes import ChildProcess, ProcessFailed, close_all_but
from server import Listener, run

TARGET = {
    "name": "fork",
    "about": "one process per connection, blocking",
    "handlers": ["hello", "cpu", "sleep", "disk-read", "disk-write", "database", "upstream"],
    "options": {},
    "per_connection": "process",
}


def serve(listener: Listener, stop_fd: int, _options: argparse.Namespace) -> None:
    children: dict[int, ChildProcess] = {}
    epoll = select.epoll()
    epoll.register(listener.fd, select.EPOLLIN)
    epoll.register(stop_fd, select.EPOLLIN)
    while True:
        for fd, _events in epoll.poll():
            if fd in children:
                children.pop(fd).reap()  # closing its pidfd takes it off the list too
            elif fd == listener.fd:
                for client in listener.accept_waiting():
                    with client:  # the child has its own copy
                        try:
                            child = ChildProcess(partial(be_a_child, client))
                        except ProcessFailed:
                            continue  # the machine takes no further process: this client is turned away
                    children[child.fd] = child
                    epoll.register(child.fd, select.EPOLLIN)
            elif fd == stop_fd:
                end(children)
                return


def be_a_child(client: socket.socket) -> None:
    close_all_but(client.fileno())
    serve_client(client)


def end(children: dict[int, ChildProcess]) -> None:
    for child in children.values():
        child.kill()
    for child in children.values():
        child.reap()


if __name__ == "__main__":
    sys.exit(run(TARGET, serve, limits.with_a_process_each))
