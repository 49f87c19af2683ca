"""A worker's end of its pipes to the coordinator: commands in on standard input, messages out on standard output."""

import os
from collections import deque
from typing import Final

from loadlab.fleet.messages import LineBuffer, Message, decode_message, encode_message
from loadlab.kernel.loop import Loop

_STDIN: Final = 0
_STDOUT: Final = 1
_READ_BYTES: Final = 64 * 1024


class Channel:
    """Messages to and from the coordinator, on the loop."""

    def __init__(self, loop: Loop) -> None:
        self._loop = loop
        self._lines = LineBuffer()
        self._received: deque[Message] = deque()
        os.set_blocking(_STDIN, False)
        loop.register(_STDIN)

    async def receive(self) -> Message | None:
        """Return the next message, or None when the coordinator is gone."""
        while not self._received:
            try:
                data = os.read(_STDIN, _READ_BYTES)
            except BlockingIOError:
                await self._loop.wait_event(_STDIN)
                continue
            if not data:
                return None
            self._received.extend(decode_message(line) for line in self._lines.feed(data))
        return self._received.popleft()

    def send(self, message: Message) -> None:
        """Send a message. It blocks if the pipe is full, which its size (coordinator.PIPE_BYTES) makes unlikely."""
        rest = memoryview(encode_message(message))
        while rest:
            rest = rest[os.write(_STDOUT, rest) :]
