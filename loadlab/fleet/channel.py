"""A worker's end of its pipes to the coordinator: commands in on standard input, messages out on standard output."""

import os
import signal
import types
from collections import deque
from collections.abc import Generator
from typing import Final

from loadlab.fleet.messages import LineBuffer, Message, decode_message, encode_message
from loadlab.kernel.loop import Loop
from loadlab.kernel.tasks import Task, suspend

_STDIN: Final = 0
_STDOUT: Final = 1
_READ_BYTES: Final = 64 * 1024


def end_with_input_only() -> None:
    """Ignore SIGTERM: it follows the end of standard input at once, and would come before the close frames."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)


class Channel:
    """Messages to and from the coordinator, on the loop. Neither direction ever blocks the process.

    A coordinator that does not read for a while (a stopped terminal, a profiler that starts) must not stop the load:
    what the pipe does not take waits in `_outbox`, and a task writes it as soon as there is room. Both pipes are set to
    non-blocking, which affects everyone who shares their open file descriptions: the coordinator makes them for this
    process alone.
    """

    def __init__(self, loop: Loop, commands_fd: int = _STDIN, messages_fd: int = _STDOUT) -> None:
        self._loop = loop
        self._commands_fd = commands_fd
        self._messages_fd = messages_fd
        self._lines = LineBuffer()
        self._received: deque[Message] = deque()
        self._outbox: deque[bytes] = deque()
        self._is_gone = False  # the coordinator: nobody will read any more
        self._draining: Task | None = None
        for fd in (commands_fd, messages_fd):
            os.set_blocking(fd, False)
            loop.register(fd)

    async def receive(self) -> Message | None:
        """Return the next message, or None when the coordinator has gone."""
        while not self._received:
            try:
                data = os.read(self._commands_fd, _READ_BYTES)
            except BlockingIOError:
                await self._loop.wait_event(self._commands_fd)
                continue
            if not data:
                return None
            self._received.extend(decode_message(line) for line in self._lines.feed(data))
        return self._received.popleft()

    def send(self, message: Message) -> None:
        """Send a message, at once or when the pipe has room. To a coordinator that has gone nothing is sent."""
        waiting = bool(self._outbox)
        self._outbox.append(encode_message(message))
        if not waiting:
            self._write_nowait()
            if self._outbox:
                self._loop.start_task(self._write_rest(), "write to the coordinator", self._on_written)

    async def drain(self) -> None:
        """Wait until all that was sent has been written. To be called before the process ends."""
        self._draining = self._loop.current
        while self._outbox:
            await suspend()
        self._draining = None

    def _write_nowait(self) -> None:
        """Write what the pipe takes."""
        while self._outbox:
            message = self._outbox.popleft()
            if self._is_gone:
                continue
            try:
                written = os.write(self._messages_fd, message)
            except BlockingIOError:
                written = 0
            except BrokenPipeError:
                self._is_gone = True  # receive() returns None, and this process ends as it does then
                continue
            if written < len(message):
                self._outbox.appendleft(message[written:])
                if not written:
                    return

    @types.coroutine
    def _write_rest(self) -> Generator[None, None, None]:
        # A generator, as a coroutine that the loop's end keeps from ever running is warned of on standard error.
        while self._outbox:
            yield from self._loop.wait_event(self._messages_fd)
            self._write_nowait()

    def _on_written(self, task: Task, result: object, error: BaseException | None) -> None:
        if error is not None:
            raise error
        if self._draining is not None:
            self._loop.resume_soon(self._draining)
