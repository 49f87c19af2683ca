"""A process that ends the load workers, idle holders and targets of a Dask worker that hangs.

They end with the Dask worker: the kernel sees to that. But one that is stopped, or whose event loop is stuck, neither
ends nor ends them, and they would hold their connections for ever. So it says every half second that it goes on; after
some seconds of silence they are killed, as nobody can measure with them any more.
"""

import os
import select
import signal
import sys
from contextlib import suppress
from pathlib import Path
from typing import Final

from loadlab.processes import Child, list_family, module_command, spawn

_GUARD: Final = b"loadlab.processes.guard"
# What the command lines of the others have: the module of load workers and idle holders, and a bundled server's folder.
_KILLED: Final = (b"loadlab.fleet.", b"/loadlab-target-")
_GRACE_SECONDS: Final = 2.0


class Watchdog:
    """The watchdog of this process, which `feed` has to be called of more often than every `seconds`.

    To be made in a thread that lives as long as it is needed: for the kernel, that thread is its parent.
    """

    def __init__(self, seconds: float) -> None:
        self._child: Child | None = spawn("watchdog", [*module_command(__name__), str(seconds)], stdin=True)
        assert self._child.stdin is not None
        os.set_blocking(self._child.stdin.fileno(), False)

    def feed(self) -> None:
        """Say that this process goes on. Never waits."""
        if self._child is not None and self._child.stdin is not None:
            with suppress(OSError):
                self._child.stdin.write(b".")

    def stop(self) -> None:
        """End it. May be repeated."""
        child, self._child = self._child, None
        if child is not None:
            child.stop()
            child.close()


def watch(descriptor: int, parent: int, seconds: float) -> None:
    """Read what `parent` says until it ends; end what it runs when that is nothing for so long.

    And for some seconds more: this process may have stood still as well, and hear only now what was said before.
    """
    is_readable = select.poll()
    is_readable.register(descriptor, select.POLLIN)
    while True:
        if is_readable.poll(seconds * 1000) or is_readable.poll(_GRACE_SECONDS * 1000):
            if not os.read(descriptor, 1 << 16):
                return
        else:
            _end_processes_of(parent)


def _end_processes_of(parent: int) -> None:
    for pid in list_family([parent]):
        with suppress(OSError):
            command = Path(f"/proc/{pid}/cmdline").read_bytes()
            if _GUARD in command:  # it ends the program that it guards, with all that has come of that
                os.kill(pid, signal.SIGTERM)
            elif any(each in command for each in _KILLED):
                os.killpg(pid, signal.SIGKILL)  # each is the leader of its group


if __name__ == "__main__":
    watch(sys.stdin.fileno(), os.getppid(), float(sys.argv[1]))
