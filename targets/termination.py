"""SIGTERM and SIGINT as one more event of a server's loop."""

import signal
import socket
from types import FrameType

_GRACE_SECONDS = 1


def wake_on_termination() -> int:
    """Return a descriptor that turns readable on SIGTERM or SIGINT; call it once in a process.

    A signal becomes one more event of the loop, handled between two others. A handler that raised an exception would
    be shorter, but it may strike anywhere: between accept() and the line that keeps the new socket, say.
    """
    reader, writer = socket.socketpair()
    writer.setblocking(False)
    signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)
    for termination in (signal.SIGTERM, signal.SIGINT):
        signal.signal(termination, _give_grace)  # only with a Python handler is the descriptor written to
    signal.signal(signal.SIGALRM, _end_now)
    writer.detach()  # both stay open as long as the process
    return reader.detach()


def cancel_grace() -> None:
    """Say that the loop has ended by itself."""
    signal.alarm(0)


def _give_grace(_number: int, _frame: FrameType | None) -> None:
    """A loop that stands in a blocking handler sees no event; after the grace it does not matter where it is struck."""
    signal.alarm(_GRACE_SECONDS)


def _end_now(_number: int, _frame: FrameType | None) -> None:
    raise SystemExit(0)
