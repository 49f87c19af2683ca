"""The processes of a server: how each learns that it is to end, and children that cannot outlive their parent."""

import ctypes
import os
import signal
import socket
import traceback
from collections.abc import Callable
from types import FrameType

_GRACE_SECONDS = 1

_PR_SET_PDEATHSIG = 1  # from <linux/prctl.h>
_FIRST_AFTER_STANDARD_STREAMS = 3
_libc = ctypes.CDLL(None)


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


class ProcessFailed(Exception):
    """A process without which the server cannot go on did not start, or has ended; the text says how."""


class ChildProcess:
    """A forked child that does `work` and ends; if the parent ends first, however it ends, the kernel kills the child.

    `fd` is a pidfd, readable when the child has ended. It does what SIGCHLD is for without a signal handler, which
    would have to be kept from striking between the fork and the line that writes the new pid down.
    """

    def __init__(self, work: Callable[[], None]) -> None:
        """Fork. Raises ProcessFailed, when the machine takes no further process."""
        parent_pid = os.getpid()
        try:
            self.pid = os.fork()
            if self.pid == 0:
                _run_and_exit(work, parent_pid)
            self.fd = _open_pidfd(self.pid)
        except OSError as error:
            raise ProcessFailed(f"no further process could be started: {error.strerror}") from error
        self._end: str | None = None

    def kill(self) -> None:
        """End it at once."""
        self.send_signal(signal.SIGKILL)

    def send_signal(self, number: signal.Signals) -> None:
        """Send it a signal; one that has ended takes no notice."""
        if self._end is None:  # until `reap` no other process can have its pid
            os.kill(self.pid, number)

    def reap(self) -> str:
        """Wait for its end and give up its pid and descriptor; return how it ended, as often as it is asked for."""
        if self._end is None:
            _, status = os.waitpid(self.pid, 0)
            os.close(self.fd)
            code = os.waitstatus_to_exitcode(status)
            end = f"ended with code {code}" if code >= 0 else f"was killed by {signal.Signals(-code).name}"
            self._end = f"process {self.pid} {end}"
        return self._end


def close_all_but(*kept: int) -> None:
    """In a child: close every descriptor inherited from the parent, except `kept` and the standard streams.

    Else each child would hold the listener and the connections of others open, and their clients would never see the
    end. The parent's objects still name the closed descriptors; they lie on a stack that this process never returns to.
    """
    first = _FIRST_AFTER_STANDARD_STREAMS
    for fd in sorted(kept):
        os.closerange(first, fd)
        first = fd + 1
    os.closerange(first, os.sysconf("SC_OPEN_MAX"))


def _run_and_exit(work: Callable[[], None], parent_pid: int) -> None:
    """Never returns: the child must not run on into what its parent does after the fork, or at its end (atexit)."""
    code = 1
    try:
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        signal.set_wakeup_fd(-1)  # the parent's: a signal to the child would wake the parent
        for termination in (signal.SIGTERM, signal.SIGINT):
            signal.signal(termination, signal.SIG_DFL)
        if os.getppid() == parent_pid:  # else it ended before prctl, and no signal will come any more
            work()
            code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)


def _open_pidfd(pid: int) -> int:
    try:
        return os.pidfd_open(pid)
    except OSError:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        raise


def _give_grace(_number: int, _frame: FrameType | None) -> None:
    """A loop that stands in a blocking handler sees no event; after the grace it does not matter where it is struck."""
    signal.alarm(_GRACE_SECONDS)


def _end_now(_number: int, _frame: FrameType | None) -> None:
    raise SystemExit(0)
