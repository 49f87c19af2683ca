"""The program on a terminal, as a user sits before it: what it shows can be waited for, and Ctrl-C can be pressed."""

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from .program import DEADLINE_SECONDS, Program

_ROWS, _COLUMNS = 40, 200
# An interval of the window has been reported, and requests were answered in it.
ANSWERED: Final = r"[1-9]\S* req/s"
_CONTROL_C: Final = b"\x03"
_ESCAPE_SEQUENCE: Final = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class Terminal:
    """A terminal and the one process that it controls."""

    def __init__(self, process: subprocess.Popen[bytes], descriptor: int) -> None:
        self.process = process
        self._descriptor = descriptor
        self._shown = b""
        self._open = True

    @property
    def shown(self) -> str:
        """All that was ever shown, without colours and cursor movements."""
        return _ESCAPE_SEQUENCE.sub("", self._shown.decode(errors="replace"))

    @property
    def raw(self) -> bytes:
        """All that was ever sent to the terminal."""
        return self._shown

    def wait_shown(self, pattern: str) -> None:
        """Wait until the terminal has shown what the regular expression matches."""
        deadline = time.monotonic() + DEADLINE_SECONDS
        while re.search(pattern, self.shown) is None:
            assert time.monotonic() < deadline, f"{pattern!r} was not shown: {self.shown}"
            assert self._read(), f"ended before it showed {pattern!r}: {self.shown}"

    def press_control_c(self) -> None:
        """Interrupt the program and everything else that the terminal controls."""
        os.write(self._descriptor, _CONTROL_C)

    def wait_ended(self) -> int:
        """Read on to the end of the program; return its exit code."""
        while self._open and self._read():
            pass
        return self.process.wait(timeout=DEADLINE_SECONDS)

    def close(self) -> None:
        """Close the window while the program runs."""
        if self._open:
            self._open = False
            os.close(self._descriptor)

    def _read(self) -> bool:
        """Read what is shown next, waiting for it; return whether the program still holds the terminal."""
        readable, _, _ = select.select([self._descriptor], [], [], DEADLINE_SECONDS)
        assert readable, f"nothing more was shown: {self.shown}"
        try:
            data = os.read(self._descriptor, 64 * 1024)
        except OSError:  # EIO: nobody has it open any more (pty(7))
            return False
        self._shown += data
        return bool(data)


@contextmanager
def open_terminal(program: Program, *arguments: str) -> Iterator[Terminal]:
    """Start the program on a terminal of its own; after the block nothing of it is left."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(ours, termios.TIOCSWINSZ, struct.pack("HHHH", _ROWS, _COLUMNS, 0, 0))
    process = subprocess.Popen(
        program.command(*arguments),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env=program.environment,
        start_new_session=True,
        preexec_fn=_control_terminal,
    )
    os.close(theirs)
    terminal = Terminal(process, ours)
    try:
        yield terminal
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
        terminal.close()
    program.check_nothing_left()


def _control_terminal() -> None:
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
