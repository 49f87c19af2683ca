"""The two fifos through which a running perf takes commands and acknowledges each (perf-stat(1), --control)."""

import os
from pathlib import Path


class PerfControl:
    """Our ends of both fifos, which are made in `directory`; `option` is what perf is to be given."""

    def __init__(self, directory: Path) -> None:
        self.option = f"fifo:{directory / 'commands'},{directory / 'answers'}"
        self._commands = _open_fifo(directory / "commands")
        self._answers = _open_fifo(directory / "answers")
        self._open = True

    def send(self, command: str) -> None:
        """Give a command; perf carries it out when it comes to it."""
        os.write(self._commands, f"{command}\n".encode())

    def is_acknowledged(self) -> bool:
        """Return whether perf has answered since this was last true."""
        try:
            return b"ack" in os.read(self._answers, 64)
        except BlockingIOError:
            return False

    def close(self) -> None:
        """Close both; may be repeated."""
        if self._open:
            self._open = False
            os.close(self._commands)
            os.close(self._answers)


def _open_fifo(path: Path) -> int:
    os.mkfifo(path, mode=0o600)
    # Linux opens a fifo for both directions without waiting for the other side, and no end of it is an end of file.
    return os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
