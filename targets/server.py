"""The frame around each server: command line, listening socket, the READY line, a clean stop.

`run` calls the server's loop with a `Listener` and with a descriptor that turns readable when it is time to stop.
"""

import argparse
import errno
import json
import os
import resource
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import database
from command_line import parse_arguments

Serve = Callable[["Listener", int, argparse.Namespace], None]
"""A server's loop: accepts from the listener until the descriptor is readable; its options are in the namespace."""

# Standard streams, listener, epoll, the two ends that signals wake, the spare one, and room for a library's own.
_RESERVED_DESCRIPTORS = 16
# What accept() fails with when one client was lost before its turn; the next one may be well (accept(2), "NOTES").
_LOST_BEFORE_ACCEPT = {
    errno.ECONNABORTED,
    errno.EPROTO,
    errno.EPERM,
    errno.ENETDOWN,
    errno.ENETUNREACH,
    errno.EHOSTDOWN,
    errno.EHOSTUNREACH,
}


class Listener:
    """The listening socket, non-blocking, and what to do when descriptors run out.

    A connection that finds no free descriptor is closed at once, by giving up a spare descriptor for a moment. Left in
    the queue, it would keep the listener readable (so that a level-triggered loop spins), and look alive to the client.
    """

    def __init__(self, host: str, port: int, backlog: int) -> None:
        """Listen on `host` and `port` (0: any free one). Raises OSError."""
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        self._socket = socket.socket(family, kind, protocol)
        self._socket.setblocking(False)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # Linux passes this on to every accepted socket, which saves a system call for each.
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.bind(address)
        self._socket.listen(backlog)
        self.fd = self._socket.fileno()
        self._spare = os.dup(self.fd)  # any descriptor will do; a copy can be had when the machine is out of files
        self.address: tuple[str, int] = self._socket.getsockname()[:2]

    def accept_waiting(self) -> Iterator[socket.socket]:
        """Yield every connection that waits to be accepted."""
        while True:
            try:
                client, _ = self._socket.accept()
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno in _LOST_BEFORE_ACCEPT:
                    continue
                if error.errno not in (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM):
                    raise
                if not self._turn_one_away():
                    return
            else:
                yield client

    def _turn_one_away(self) -> bool:
        """Close the next connection by means of the spare descriptor; return whether that worked."""
        os.close(self._spare)
        try:
            self._socket.accept()[0].close()
        except BlockingIOError:
            return False
        except OSError:
            time.sleep(0.01)  # not this process but the whole machine is out of descriptors or memory: do not spin
            return False
        finally:
            self._spare = os.dup(self.fd)
        return True


def run(target: Mapping[str, Any], serve: Serve) -> int:
    """Listen, say READY, and serve until SIGTERM or SIGINT; return the exit code."""
    arguments = parse_arguments(target)
    database.prepare()
    stop_fd = _wake_on_termination()
    open_files = _raise_open_files_limit()
    try:
        listener = Listener(arguments.host, arguments.port, arguments.backlog)
    except (OSError, OverflowError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        print(
            f"{target['name']}: cannot listen on {arguments.host} port {arguments.port}: {reason}; "
            "choose another address, or port 0 for any free one",
            file=sys.stderr,
        )
        return 2
    ready = {
        "address": listener.address,
        "pid": os.getpid(),
        "capabilities": {
            "handlers": target["handlers"],
            "max_connections": open_files - _RESERVED_DESCRIPTORS,
            "backlog": min(arguments.backlog, _system_backlog_limit()),
        },
    }
    print("READY", json.dumps(ready), flush=True)
    serve(listener, stop_fd, arguments)
    return 0


def _wake_on_termination() -> int:
    """Return a descriptor that turns readable on SIGTERM or SIGINT.

    A signal becomes one more event of the loop, handled between two others. A handler that raised an exception would
    be shorter, but it may strike anywhere: between accept() and the line that keeps the new socket, say.
    """
    reader, writer = socket.socketpair()
    writer.setblocking(False)
    signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)
    for termination in (signal.SIGTERM, signal.SIGINT):
        # Only a Python handler makes the interpreter write to the wake-up descriptor; it has nothing else to do.
        signal.signal(termination, lambda _number, _frame: None)
    writer.detach()  # both stay open as long as the process
    return reader.detach()


def _raise_open_files_limit() -> int:
    """Raise the soft limit of open files to the hard one, and return it."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def _system_backlog_limit() -> int:
    """The kernel silently cuts every backlog to this."""
    return int(Path("/proc/sys/net/core/somaxconn").read_text())
