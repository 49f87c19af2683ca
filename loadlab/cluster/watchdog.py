"""A process that ends the load workers and idle holders of a Dask worker that hangs.

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

_FLEET: Final = b"loadlab.fleet."
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
    """Read what `parent` says until it ends; kill its load workers and idle holders when that is nothing for so long.

    And for some seconds more: this process may have stood still as well, and hear only now what was said before.
    """
    is_readable = select.poll()
    is_readable.register(descriptor, select.POLLIN)
    while True:
        if is_readable.poll(seconds * 1000) or is_readable.poll(_GRACE_SECONDS * 1000):
            if not os.read(descriptor, 1 << 16):
                return
        else:
            _kill_load_of(parent)


def _kill_load_of(parent: int) -> None:
    for pid in list_family([parent]):
        with suppress(OSError):
            if _FLEET in Path(f"/proc/{pid}/cmdline").read_bytes():
                os.killpg(pid, signal.SIGKILL)  # each is the leader of its group


if __name__ == "__main__":
    watch(sys.stdin.fileno(), os.getppid(), float(sys.argv[1]))
