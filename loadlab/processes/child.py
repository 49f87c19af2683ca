"""Children that cannot outlive us: in their own process group, on their own cores, and always reaped."""

import contextlib
import ctypes
import fcntl
import os
import resource
import select
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import IO, Final, Self

from loadlab.errors import LoadlabError
from loadlab.processes.proc import list_pids, read_stat

_PR_SET_PDEATHSIG: Final = 1  # from <linux/prctl.h>
_TAIL_BYTES: Final = 16 * 1024
_libc = ctypes.CDLL(None)


class Child:
    """A child process, leader of a process group of its own; leaving the `with` block stops the whole group.

    `stdin` and `stdout` are unbuffered pipes if requested, else None. `pidfd` becomes readable when the child has
    ended. Only `stop` reaps the child, so that its pid and its group stay its own until then.
    """

    def __init__(self, name: str, process: subprocess.Popen[bytes], stderr: IO[bytes]) -> None:
        self.name = name
        self.pid = process.pid
        self.pidfd = os.pidfd_open(process.pid)
        self.stdin = process.stdin
        self.stdout = process.stdout
        self._process = process
        self._stderr = stderr

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.stop()
        self.close()

    def poll(self) -> int | None:
        """Return how it ended (its exit code, or minus the signal that killed it), None while it runs."""
        if self._process.returncode is not None:
            return self._process.returncode
        ended = os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOWAIT | os.WNOHANG)
        if ended is None:
            return None
        return ended.si_status if ended.si_code == os.CLD_EXITED else -ended.si_status

    def wait(self, timeout_seconds: float) -> int | None:
        """Wait for the end, at most so long; return like `poll`."""
        _wait_ended(self.pidfd, timeout_seconds)
        return self.poll()

    def stop(self, grace_seconds: float = 2.0) -> None:
        """End it: SIGTERM, SIGKILL after the grace, and SIGKILL to whatever of its group is left. May be repeated."""
        if self._process.returncode is not None:
            return
        os.kill(self.pid, signal.SIGTERM)
        _wait_ended(self.pidfd, grace_seconds)
        with contextlib.ExitStack() as open_pidfds:
            others = [_open_pidfd(pid, open_pidfds) for pid in self.all_pids() if pid != self.pid]
            os.killpg(self.pid, signal.SIGKILL)
            self._process.wait()
            for pidfd in others:
                if pidfd is not None:
                    _wait_ended(pidfd, grace_seconds)

    def close(self) -> None:
        """Close our ends of its pipes and the file of its standard error; call it after `stop`."""
        os.close(self.pidfd)
        for stream in (self.stdin, self.stdout, self._stderr):
            if stream is not None:
                stream.close()

    def all_pids(self) -> list[int]:
        """Return the pids of its process group: itself and what it forked. A process that left the group is not in."""
        return sorted(pid for pid in list_pids() if _lives_in(pid, self.pid))

    def describe_exit(self) -> str:
        """Return how it ended, to follow its name in a sentence."""
        code = self.poll()
        if code is None:
            return "is still running"
        return f"ended with code {code}" if code >= 0 else f"was killed by {signal.Signals(-code).name}"

    def account(self, when: str = "") -> str:
        """Return one sentence: its name, how it ended, `when`, and the last line that it wrote to standard error."""
        # An ExceptionGroup is printed in a frame, whose last line says nothing.
        *_, last_words = ["", *(line.lstrip(" |") for line in self.stderr_tail().splitlines() if line.strip(" |+-"))]
        return f"{self.name} {self.describe_exit()}{when}" + (f": {last_words}" if last_words else "")

    def stderr_tail(self, lines: int = 5) -> str:
        """Return the last lines that it wrote to standard error, without the final line end."""
        text = self._end_of_stderr(_TAIL_BYTES).decode(errors="replace")
        return "\n".join(text.splitlines()[-lines:])

    def read_stderr(self) -> bytes:
        """Return all that it wrote to standard error, as far as it has not been shortened."""
        return self._end_of_stderr(os.fstat(self._stderr.fileno()).st_size)

    def shorten_stderr(self, most_bytes: int) -> None:
        """Leave out the middle of what it wrote to standard error, if that is more than `most_bytes`.

        It may go on writing meanwhile, and never waits. A few lines that it writes in this moment may be lost.
        """
        descriptor = self._stderr.fileno()
        if os.fstat(descriptor).st_size > most_bytes:
            end = self._end_of_stderr(_TAIL_BYTES)
            os.ftruncate(descriptor, most_bytes // 2)
            os.write(descriptor, b"\n[...]\n" + end)

    def _end_of_stderr(self, size: int) -> bytes:
        # pread, not seek: the child writes through the same open file.
        descriptor = self._stderr.fileno()
        return os.pread(descriptor, size, max(os.fstat(descriptor).st_size - size, 0))


def spawn(
    name: str,
    argv: Sequence[str],
    *,
    cpus: Collection[int] | None = None,
    stdin: bool = False,
    stdout: int | IO[bytes] = subprocess.DEVNULL,
    environment: Mapping[str, str] | None = None,
    death_signal: int = signal.SIGKILL,
) -> Child:
    """Start `argv` as a child that gets `death_signal` from the kernel when we end, in whatever way.

    It runs on `cpus` (None: wherever we may), in a session of its own, so that Ctrl-C reaches only us, does not ignore
    SIGINT, and may open as many files as the hard limit says. `stdin` makes a pipe; `stdout` is one of subprocess's
    constants or a file; `environment` replaces ours. Standard error goes to an unlinked file, which never makes the
    child wait. Raises LoadlabError.

    Call it in a thread that lives as long as the child may: for the kernel, that thread is the parent that dies. And
    what the child forks does not inherit the death signal; a target that forks has to request it again.
    """
    stderr = tempfile.TemporaryFile()  # noqa: SIM115 - the child closes it
    # So that the child goes on at its end when it is shortened.
    fcntl.fcntl(stderr.fileno(), fcntl.F_SETFL, fcntl.fcntl(stderr.fileno(), fcntl.F_GETFL) | os.O_APPEND)
    try:
        process = subprocess.Popen(
            argv,
            bufsize=0,
            stdin=subprocess.PIPE if stdin else subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
            env=environment,
            start_new_session=True,
            # Risky in a process with threads only if it takes a lock that one of them holds. This one takes none: it
            # makes five system calls through modules that are imported already.
            preexec_fn=prepare_child(os.getpid(), cpus, death_signal),
        )
    except OSError as error:
        stderr.close()
        raise LoadlabError(f"{name} could not be started: {argv[0]}: {error.strerror}") from error
    except subprocess.SubprocessError as error:
        stderr.close()
        cores = ", ".join(map(str, sorted(cpus or ())))
        raise LoadlabError(
            f"{name} could not be placed on cores {cores}; choose cores that this machine has"
        ) from error
    return Child(name, process, stderr)


def module_command(module: str) -> list[str]:
    """Return the command line that runs a module of loadlab's with this interpreter.

    `-P`: else the current directory would be first on its path, and any file of the user's there that is named like a
    module of the standard library (random.py) would be imported in its place.
    """
    return [sys.executable, "-P", "-m", module]


def raise_open_files() -> None:
    """Let this process open as many files as its hard limit allows."""
    _, hard_limit = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard_limit, hard_limit))


def prepare_child(
    parent_pid: int, cpus: Collection[int] | None, death_signal: int = signal.SIGKILL
) -> Callable[[], None]:
    """Return what a child does between fork and exec, to be what `spawn` says."""

    def prepare() -> None:
        _libc.prctl(_PR_SET_PDEATHSIG, death_signal, 0, 0, 0)
        if os.getppid() != parent_pid:
            os._exit(1)  # the parent ended before prctl: no signal will come any more
        if cpus is not None:
            os.sched_setaffinity(0, cpus)
        raise_open_files()
        # What a script starts in the background ignores SIGINT, and so would the child: it is how tools are ended.
        signal.signal(signal.SIGINT, signal.SIG_DFL)

    return prepare


def _wait_ended(pidfd: int, timeout_seconds: float) -> None:
    waiting = select.poll()
    waiting.register(pidfd, select.POLLIN)
    waiting.poll(timeout_seconds * 1000)


def _open_pidfd(pid: int, stack: contextlib.ExitStack) -> int | None:
    try:
        pidfd = os.pidfd_open(pid)
    except ProcessLookupError:
        return None
    stack.callback(os.close, pidfd)
    return pidfd


def _lives_in(pid: int, group: int) -> bool:
    """Return whether `pid` belongs to a process group, and is alive."""
    try:
        # Asked first: it is ten times as fast as reading a file, and of all processes few are in the group.
        if os.getpgid(pid) != group:
            return False
    except ProcessLookupError:
        return False
    stat = read_stat(pid)
    return stat is not None and stat.is_alive
