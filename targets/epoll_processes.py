"""An epoll loop with a pool of processes: the loop does all reading and writing, the pool runs the handlers.

How it works. The main process waits in epoll, reads, and parses. What a client has asked goes through a pipe to a
worker that has nothing to do, the response comes back the same way, and the main process writes it. Requests that find
no idle worker wait in the main process, in order: none is stuck behind a slow one while another worker is idle.
Connections are registered with EPOLLONESHOT, so a client whose request is with a worker is not watched until its
response is written.

The other way would be to pass the client's socket to the worker (SCM_RIGHTS), which then writes the response itself.
That saves the way back, but every request installs a descriptor in the worker and closes it again, and both processes
have to agree on who may write. It is worth it for large responses; these are small.

Where the cost lies. In each request: it is pickled, copied into the kernel and out again, and so is its response, with
two switches between processes and one epoll_ctl. In memory: one interpreter for each worker, whatever the number of
connections. What it buys is more than one core for handlers written in Python, and their crashes kept apart.

What it cannot do. Run more handlers at the same time than there are workers: waiting holds a whole process here. And
one main process reads and writes for all, so it is the limit where handlers are cheap.
"""

import argparse
import multiprocessing
import select
import sys
from collections import deque
from functools import partial
from multiprocessing.connection import Connection as Pipe

import blocking
from connection import Connection, Interest
from http_protocol import Request
from processes import ChildProcess, ProcessFailed, close_all_but
from server import Listener, run

TARGET = {
    "name": "epoll-processes",
    "about": "an epoll loop that hands requests to a pool of processes",
    "handlers": ["hello", "cpu", "sleep", "disk-read", "disk-write", "database", "upstream"],
    "options": {
        "pool": {
            "default": 4,
            "minimum": 1,
            "maximum": 200,
            "counts": "processes",
            "about": "processes that run handlers",
        },
    },
}

MAX_EVENTS = 512

EVENTS = {
    Interest.READ: select.EPOLLIN | select.EPOLLONESHOT,
    Interest.WRITE: select.EPOLLOUT | select.EPOLLONESHOT,
}


class Worker:
    """A process that runs handlers, and the connection whose requests it has, if any."""

    def __init__(self) -> None:
        self.pipe, theirs = multiprocessing.Pipe()
        with theirs:
            self._process = ChildProcess(partial(run_handlers, theirs))
        self._client: Connection | None = None

    def begin(self, client: Connection, requests: list[Request]) -> None:
        """Hand it what a client has asked. Raises ProcessFailed."""
        self._client = client
        try:
            self.pipe.send(requests)  # never waits: an idle worker has taken all that was sent before
        except OSError as error:
            raise self._failure() from error

    def finish(self) -> Connection:
        """Take its responses and write them to the client; return that client. Raises ProcessFailed."""
        try:
            responses = self.pipe.recv_bytes()
        except (EOFError, OSError) as error:
            raise self._failure() from error
        client, self._client = self._client, None
        assert client is not None
        client.send(responses)
        return client

    def end(self) -> None:
        self._process.kill()
        self._process.reap()

    def _failure(self) -> ProcessFailed:
        return ProcessFailed(f"of the pool, {self._process.reap()}")


def run_handlers(pipe: Pipe) -> None:
    """What each process of the pool does."""
    close_all_but(pipe.fileno())
    while True:
        pipe.send_bytes(blocking.answer_all(pipe.recv()))


def serve(listener: Listener, stop_fd: int, options: argparse.Namespace) -> None:
    workers: dict[int, Worker] = {}
    try:
        for _ in range(options.pool):
            worker = Worker()
            workers[worker.pipe.fileno()] = worker
        watch(listener, stop_fd, workers)
    finally:
        for worker in workers.values():
            worker.end()


def watch(listener: Listener, stop_fd: int, workers: dict[int, Worker]) -> None:
    connections: dict[int, Connection] = {}
    waiting: deque[tuple[Connection, list[Request]]] = deque()
    idle = list(workers.values())
    epoll = select.epoll()
    for fd in (listener.fd, stop_fd, *workers):
        epoll.register(fd, select.EPOLLIN)

    def watch_again(connection: Connection) -> None:
        if connection.interest is Interest.NOTHING:
            del connections[connection.fd]
        else:
            epoll.modify(connection.fd, EVENTS[connection.interest])

    while True:
        for fd, _events in epoll.poll(maxevents=MAX_EVENTS):
            if fd in connections:
                connection = connections[fd]
                if connection.interest is Interest.WRITE:
                    connection.send_rest()
                elif requests := connection.receive():
                    waiting.append((connection, requests))
                    continue
                watch_again(connection)
            elif fd in workers:
                watch_again(workers[fd].finish())
                idle.append(workers[fd])
            elif fd == listener.fd:
                for client in listener.accept_waiting():
                    connection = Connection(client)
                    connections[connection.fd] = connection
                    epoll.register(connection.fd, EVENTS[Interest.READ])
            elif fd == stop_fd:
                return
        while waiting and idle:
            idle.pop().begin(*waiting.popleft())


if __name__ == "__main__":
    sys.exit(run(TARGET, serve))
