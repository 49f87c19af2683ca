"""One thread, nothing ever blocks, and it still reads from top to bottom: a coroutine for each connection.

How it works. `await` is where a callback loop would return: the coroutine is put aside as it stands, with its local
variables, and resumed in the next line when the wait is over. That is a switch in user space, on one thread. Below is
an epoll loop, edge-triggered: `loadlab.kernel`, the same that loadlab's client runs on. One kernel serves both ends.

Where the cost lies. In the same work as any epoll loop, plus a few switches for each request (a fraction of a
microsecond each), and for each connection a coroutine's frames: about two kilobytes, against a stack for each thread.

What it cannot do. Use a second core (except as several processes). Notice that a function blocks: `await` marks where
others get their turn, and a call without it that waits stops everyone. `--blocking` does that on purpose. Files and
SQLite cannot be waited for, so a few threads do that.
"""

import argparse
import os
import socket
import sys
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

# In a checkout the package lies beside this folder. Installed, it is found anyway.
if (Path(__file__).parents[1] / "loadlab").is_dir():
    sys.path.append(str(Path(__file__).parents[1]))

import blocking
import event_stream
import websocket
from event_stream import Broadcast, Broadcasts, SocketSubscriber, Stream
from handlers import LAST_PATHS, answer
from http_protocol import Request, RequestReader
from loadlab.kernel import Loop, TaskGroup, suspend
from loadlab.kernel import run as run_loop
from loadlab.kernel.sockets import discard, wait_received, wait_sent
from nonblocking import NonBlocking
from server import Listener, run
from waits import LoopSteps, Readable, Sleep, WakeUp, Writable
from websocket import Pings

TARGET = {
    "name": "coroutine",
    "about": "one thread, never blocks, a coroutine for each connection; on loadlab's own kernel",
    "handlers": [
        "hello",
        "cpu",
        "sleep",
        "disk-read",
        "disk-write",
        "database",
        "upstream",
        "echo",
        "events",
        "tcp-echo",
    ],
    "options": {
        "blocking": {"default": False, "about": "let handlers block the loop where they wait, on purpose"},
        "disk-threads": {"default": 4, "minimum": 1, "maximum": 256, "about": "threads for files and SQLite"},
        "ping-seconds": {
            "default": 0,
            "minimum": 0,
            "maximum": 3600,
            "about": "pings each WebSocket so often, and closes those that do not answer; 0: never",
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

RECEIVE_BYTES = 64 * 1024

Respond = Callable[[Request], Awaitable[bytes]]
ServeOne = Callable[["Site", socket.socket], Coroutine[None, None, None]]


@dataclass(frozen=True, slots=True)
class Site:
    """What all clients share."""

    loop: Loop
    tasks: TaskGroup
    respond: Respond
    broadcasts: Broadcasts
    pings: Pings


def serve(listener: Listener, stop_fd: int, options: argparse.Namespace) -> None:
    async def main(loop: Loop) -> None:
        async with loop.task_group() as tasks:
            respond: Respond = respond_blocking
            if not options.blocking:
                handlers = NonBlocking(loop, options.disk_threads)
                respond = make_respond(loop, handlers)
                tasks.start(wake_waiters(loop, handlers), "threads")
            broadcasts = Broadcasts(lambda broadcast: tasks.start(send_events(loop, broadcast), "events"))
            site = Site(loop, tasks, respond, broadcasts, Pings(options.ping_seconds))
            if options.ping_seconds:
                tasks.start(send_pings(site), "pings")
            tasks.start(accept_clients(site, listener, echo_bytes if options.tcp_echo else serve_client), "accept")
            await wait_stopped(loop, stop_fd)
            tasks.cancel()

    run_loop(main)


async def accept_clients(site: Site, listener: Listener, serve_one: ServeOne) -> None:
    site.loop.register(listener.fd)
    while True:
        for client in listener.accept_waiting():
            client.setblocking(False)
            site.loop.register(client.fileno())
            site.tasks.start(serve_one(site, client), "client")
        await site.loop.wait_event(listener.fd)


async def serve_client(site: Site, client: socket.socket) -> None:
    """Speak HTTP until the client goes, or a request of its makes the connection a WebSocket or a stream of events."""
    reader = RequestReader(LAST_PATHS)
    is_ours = True
    try:
        while data := await wait_received(site.loop, client, RECEIVE_BYTES):
            for request in reader.feed(data):
                if request.path in LAST_PATHS:
                    if await hand_over(site, client, request, reader.rest):
                        is_ours = False
                        return
                else:
                    await wait_sent(site.loop, client, await site.respond(request))
            if reader.finished:
                client.shutdown(socket.SHUT_WR)  # and read on until the client closes too
    except OSError:
        pass  # the client has gone; no other connection is concerned
    finally:
        if is_ours:
            discard(site.loop, client)


async def hand_over(site: Site, client: socket.socket, request: Request, rest: bytes) -> bool:
    """Answer a request for what is no HTTP; return whether a task of its own has the connection from now on.

    A task of its own, because many of these are idle for long, and so keep no frame and no reader of HTTP.
    """
    if request.path == websocket.PATH:
        response, is_accepted = websocket.answer_upgrade(request)
        await wait_sent(site.loop, client, response)
        if is_accepted:
            site.tasks.start(echo_messages(site, client, rest), "websocket")
        return is_accepted
    response, stream = event_stream.answer_subscription(request)
    await wait_sent(site.loop, client, response)
    if stream is not None:
        site.tasks.start(keep_subscribed(site, client, stream), "subscriber")
    return stream is not None


async def echo_messages(site: Site, client: socket.socket, data: bytes) -> None:
    """Send back each message of a WebSocket; `data` is what came behind the request for it.

    It waits in its own frame, as an idle one is to be small: `wait_received` would keep two more, 0.5 of 2 KiB.
    """
    loop, fd, task = site.loop, client.fileno(), site.loop.current
    echo = websocket.Echo()
    pinged = PingedSocket(client, echo)
    if site.pings.seconds:
        site.pings.pinged[pinged] = None
    try:
        while True:
            if data:
                pinged.is_sending = True
                await wait_sent(loop, client, echo.feed(data))
                pinged.is_sending = False
                if echo.ended:
                    client.shutdown(socket.SHUT_WR)  # and read on until the client closes too
            try:
                data = client.recv(RECEIVE_BYTES)
            except BlockingIOError:
                data = b""  # an idle one keeps nothing of its last message
                loop.parked[fd] = task
                await suspend()
            else:
                if not data:
                    return
    except OSError:
        pass
    finally:
        site.pings.pinged.pop(pinged, None)
        discard(site.loop, client)


@dataclass(eq=False, slots=True)
class PingedSocket:
    """The socket of a WebSocket, for pings that come between the answers of its task."""

    client: socket.socket
    echo: websocket.Echo
    is_sending: bool = False

    def ping(self) -> None:
        if self.is_sending:
            return
        with suppress(OSError):  # its task sees what is wrong
            if self.echo.is_pinged:
                self.client.shutdown(socket.SHUT_RDWR)  # so that its task reads the end
            else:
                self.echo.is_pinged = True
                self.client.send(websocket.PING)


async def send_pings(site: Site) -> None:
    while True:
        await site.loop.sleep(site.pings.seconds * 1_000_000_000)
        site.pings.send()


async def keep_subscribed(site: Site, client: socket.socket, stream: Stream) -> None:
    """Have the client get events until it goes. What it sends meanwhile is dropped. It waits like `echo_messages`."""
    loop, fd, task = site.loop, client.fileno(), site.loop.current
    subscriber = SocketSubscriber(client)
    site.broadcasts.subscribe(stream, subscriber)
    try:
        while True:
            try:
                if not client.recv(RECEIVE_BYTES):
                    return
            except BlockingIOError:
                loop.parked[fd] = task
                await suspend()
    except OSError:
        pass
    finally:
        site.broadcasts.unsubscribe(stream, subscriber)
        discard(loop, client)


async def send_events(loop: Loop, broadcast: Broadcast) -> None:
    while broadcast.subscribers:
        await loop.sleep_until(broadcast.next_tick_ns())
        broadcast.send()


async def echo_bytes(site: Site, client: socket.socket) -> None:
    """Send back whatever comes."""
    try:
        while data := await wait_received(site.loop, client, RECEIVE_BYTES):
            await wait_sent(site.loop, client, data)
            del data
    except OSError:
        pass
    finally:
        discard(site.loop, client)


def make_respond(loop: Loop, handlers: NonBlocking) -> Respond:
    async def respond(request: Request) -> bytes:
        return await finish(loop, handlers.run(answer(request)))

    return respond


async def respond_blocking(request: Request) -> bytes:
    """The wrong way: nothing is awaited, so the whole loop stands still while a handler waits."""
    return blocking.run(answer(request))


async def finish(loop: Loop, steps: LoopSteps[bytes]) -> bytes:
    """Wait for whatever the steps wait for; return what they return."""
    try:
        while True:
            wait = next(steps)
            match wait:
                case Sleep(seconds):
                    await loop.sleep(int(seconds * 1e9))
                case Readable(fd) | Writable(fd):
                    await loop.wait_event(fd)
                case WakeUp(start):
                    await wait_woken(loop, start)
    except StopIteration as end:
        response: bytes = end.value
        return response
    finally:
        steps.close()  # where they were cancelled: they unregister what they have open while the loop is there


async def wait_woken(loop: Loop, start: Callable[[Callable[[], None]], None]) -> None:
    """Suspend until somebody calls the function that `start` is given."""
    task = loop.current
    woken = False

    def wake() -> None:
        nonlocal woken
        woken = True
        loop.resume_soon(task)

    start(wake)
    while not woken:
        await suspend()


async def wake_waiters(loop: Loop, handlers: NonBlocking) -> None:
    """Pass on what the threads have done."""
    loop.register(handlers.threads_fd)
    while True:
        await loop.wait_event(handlers.threads_fd)
        handlers.wake_waiters()


async def wait_stopped(loop: Loop, stop_fd: int) -> None:
    """Suspend until the descriptor can be read. An event alone does not mean that: it can be written, too."""
    os.set_blocking(stop_fd, False)
    loop.register(stop_fd)
    while True:
        try:
            os.read(stop_fd, 1)
            return
        except BlockingIOError:
            await loop.wait_event(stop_fd)


if __name__ == "__main__":
    sys.exit(run(TARGET, serve))
