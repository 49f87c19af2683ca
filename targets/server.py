"""The frame around each server: command line, listening socket, the READY line, a clean stop.

`run` calls the server's loop with a `Listener` and with a descriptor that turns readable when it is time to stop.
"""

import argparse
import errno
import json
import os
import socket
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

import handlers
import limits
import shared_port
from command_line import parse_arguments
from processes import ProcessFailed, cancel_grace, wake_on_termination
from waits import Failure

Serve = Callable[["Listener", int, argparse.Namespace], None]
"""A server's loop: accepts from the listener until the descriptor is readable; its options are in the namespace."""

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

    def __init__(self, host: str, port: int, backlog: int, shares_port: bool = False) -> None:
        """Listen on `host` and `port` (0: any free one), alone or beside others that share it. Raises OSError."""
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        self._socket = socket.socket(family, kind, protocol)
        self._socket.setblocking(False)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shares_port:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
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

    def close(self) -> None:
        """Listen no longer."""
        self._socket.close()
        os.close(self._spare)

    def _turn_one_away(self) -> bool:
        """Close the next connection with the help of the spare descriptor; return whether that worked."""
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


def run(
    target: Mapping[str, Any], serve: Serve, max_connections: Callable[[], int] = limits.with_a_descriptor_each
) -> int:
    """Listen, say READY, and serve until SIGTERM or SIGINT; return the exit code.

    `max_connections` returns how many connections one process holds here. With the option `processes`, where the target
    has it, that many children serve, each with a listener and a loop of its own.
    """
    arguments = parse_arguments(target)
    processes: int = getattr(arguments, "processes", 1)
    limits.raise_open_files_limit()
    try:
        handlers.prepare()
        listeners = _listen(arguments, processes)
        ready = {
            "address": listeners[0].address,
            "pid": os.getpid(),
            "capabilities": {
                "handlers": handlers.available(target, arguments.tcp_echo),
                "max_connections": shared_port.capacity(max_connections(), processes),
                "backlog": shared_port.capacity(min(arguments.backlog, limits.backlog()), processes),
            },
        }
        say_ready = partial(announce, target["name"], ready)
        if processes == 1:
            stop_fd = wake_on_termination()
            say_ready()
            serve(listeners[0], stop_fd, arguments)
        else:
            _serve_shared(serve, listeners, arguments, say_ready)
    except Failure as failure:
        return _explain(target, str(failure), code=2)
    except ProcessFailed as failure:
        return _explain(target, str(failure), code=1)
    cancel_grace()
    return 0


def announce(name: str, ready: Mapping[str, Any], scheme: str = "http") -> None:
    """Print that the server is ready for connections: the READY line for a program, where to go for a person."""
    if not sys.stdout.isatty():
        print("READY", json.dumps(ready), flush=True)
        return
    host, port = ready["address"]
    authority = f"{f'[{host}]' if ':' in host else host}:{port}"
    served: list[str] = ready["capabilities"]["handlers"]
    if served == ["tcp-echo"]:
        print(f"{name} listens at {authority} until Ctrl-C, and sends back every byte.", flush=True)
        return
    print(f"{name} listens at {scheme}://{authority}/ until Ctrl-C.", flush=True)
    print(f"It answers {', '.join(f'/{handler}' for handler in served)}.", flush=True)


def _listen(arguments: argparse.Namespace, processes: int) -> list[Listener]:
    """Open one listener for each process, all on the port of the first. Raises Failure."""
    shares_port = processes > 1
    try:
        first = Listener(arguments.host, arguments.port, arguments.backlog, shares_port)
        others = [Listener(*first.address, arguments.backlog, shares_port) for _ in range(processes - 1)]
    except (OSError, OverflowError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise Failure(
            f"cannot listen on {arguments.host} port {arguments.port}: {reason}; "
            "choose another address, or port 0 for any free one"
        ) from error
    return [first, *others]


def _serve_shared(
    serve: Serve, listeners: list[Listener], arguments: argparse.Namespace, say_ready: Callable[[], None]
) -> None:
    """Serve each listener in a process of its own. Raises ProcessFailed."""

    def keep_only(kept: Listener | None) -> None:
        # A socket listens for as long as anyone has it open: if its owner died, clients would wait in its queue.
        for listener in listeners:
            if listener is not kept:
                listener.close()

    def serve_one(listener: Listener, set_up: Callable[[], None]) -> None:
        keep_only(listener)
        stop_fd = wake_on_termination()
        set_up()
        serve(listener, stop_fd, arguments)

    def all_started() -> None:
        keep_only(None)
        say_ready()

    shared_port.supervise([partial(serve_one, listener) for listener in listeners], all_started)


def _explain(target: Mapping[str, Any], reason: str, code: int) -> int:
    print(f"{target['name']}: {reason}", file=sys.stderr)
    return code
