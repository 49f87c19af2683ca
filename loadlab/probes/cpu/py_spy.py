"""CPU samples of Python processes as py-spy takes them, and what it prints."""

import os
import platform
import re
import shutil
import sysconfig
import tempfile
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from loadlab.installation import pip_install
from loadlab.probes.cpu.held import HeldProcesses
from loadlab.probes.cpu.samples import Sampling, ThreadSample
from loadlab.probes.prerequisites import ptrace_denial
from loadlab.probes.probe import Lack, ProbeFailed, list_descendants
from loadlab.probes.tool import Tool
from loadlab.processes import list_family, read_parents
from loadlab.processes.proc import PROC

# Not 100, so as not to keep step with what happens every 10 ms. Not more: a waiting thread that was stopped has to run
# for a moment before it waits again, and where the cores are busy the next sample would find it still "running".
_RATE_HZ: Final = 99
_DEADLINE_SECONDS: Final = 30.0
_MOST_THREADS_STOPPED: Final = 64  # each is stopped and let go by itself, for every sample
_UNWINDS_NATIVE: Final = platform.machine() == "x86_64"


class PySpyProbe:
    """`py-spy record` for one window; a Probe. It cannot be switched: it samples from `prepare` on.

    So the processes must be silent between `prepare` and `begin`; waiting threads have no samples.
    `deadline_seconds` is for it to attach, and to write its result.
    """

    def __init__(self, check: Callable[[], None] = lambda: None, deadline_seconds: float = _DEADLINE_SECONDS) -> None:
        self._check = check
        self._deadline_seconds = deadline_seconds
        self._directory = tempfile.TemporaryDirectory(prefix="loadlab-py-spy-")
        self._follows = True
        self._spies: list[_Spy] = []
        self._held = HeldProcesses(())
        self._blocking = True

    def prepare(self, pids: Collection[int]) -> None:
        """Attach to the Python processes of `pids`. Raises ProbeFailed if there are none."""
        python = [pid for pid in pids if runs_python(pid)]
        if not python:
            raise ProbeFailed("none of the watched processes runs Python, and py-spy can only sample Python")
        # py-spy follows all children or none; those of a server that started loadlab are loadlab and the client, too.
        self._follows = os.getpid() not in list_family(python)
        self._held = HeldProcesses(sorted(pids))
        self._blocking = count_threads(list_descendants(pids)) <= _MOST_THREADS_STOPPED
        for pid in list_roots(python) if self._follows else python:
            self._start(pid)
        for spy in self._spies:
            spy.tool.wait_until(spy.samples, "attach")

    def begin(self) -> None:
        """Do nothing: it samples already."""

    def look(self) -> None:
        """End py-spy if it holds a process that has ended, so that its parent sees that."""
        if (pid := self._held.find(time.monotonic())) is not None:
            for spy in self._spies:
                spy.tool.stop()
            raise ProbeFailed(f"process {pid} ended while py-spy sampled it, and py-spy did not let go of it")

    def end(self) -> None:
        """Have the samples written."""
        for spy in self._spies:
            spy.tool.finish(spy.tool.interrupt)

    def collect(self) -> Sampling:
        """Return the samples."""
        samples: list[ThreadSample] = []
        notes: list[str] = []
        lost = 0
        for spy in self._spies:
            try:
                remarks = parse_remarks(_read(spy.output))
                samples += parse_stacks(_read(spy.stacks))
            except ValueError as error:
                raise ProbeFailed(f"the output of py-spy cannot be parsed: {error}") from error
            lost += remarks.errors
            if remarks.late is not None:
                notes.append(f"py-spy fell {remarks.late} behind in sampling, so shares may be wrong.")
        if not self._blocking:
            notes.append(
                f"There were more than {_MOST_THREADS_STOPPED} threads, so py-spy read their stacks without stopping "
                "them: some are wrong, and native functions are missing."
            )
        if not self._follows:
            notes.append(
                "The server has started loadlab, so py-spy did not follow child processes: those forked within the "
                "window are missing."
            )
        return Sampling("py-spy", _RATE_HZ, tuple(samples), lost, self._blocking, tuple(notes))

    def stop(self) -> None:
        """End py-spy and remove its files."""
        # Killed in the middle of a sample it does no harm: the threads that it had seized (ptrace(2)) run on.
        for spy in self._spies:
            spy.tool.stop()
        self._directory.cleanup()

    def _start(self, pid: int) -> None:
        directory = Path(self._directory.name)
        tool = Tool("py-spy", self._check_all, self._deadline_seconds)
        spy = _Spy(tool, directory / f"{pid}.said", directory / f"{pid}.raw")
        self._spies.append(spy)
        # Without the trace of its own calls, the last line of an error of py-spy's says what went wrong.
        argv = ["env", "RUST_BACKTRACE=0", find_py_spy() or "py-spy", "record", "--format", "raw"]
        argv += ["--pid", str(pid), "--threads", "--function", "--rate", str(_RATE_HZ)]
        with spy.output.open("wb") as output:
            spy.tool.start([*argv, "--output", str(spy.stacks), *self._options()], stdout=output)

    def _check_all(self) -> None:
        self._check()
        self.look()

    def _options(self) -> list[str]:
        following = ["--subprocesses"] if self._follows else []
        if not self._blocking:
            return [*following, "--nonblocking"]
        return [*following, "--native"] if _UNWINDS_NATIVE else following


def why_unavailable() -> Lack | None:
    """Return what py-spy lacks on this machine, None if it should work."""
    if find_py_spy() is None:
        return Lack("py-spy is not installed", pip_install("py-spy"))
    return ptrace_denial("py-spy")


def find_py_spy() -> str | None:
    """Return the path of py-spy: beside this Python, where pip puts it, else on the PATH."""
    return shutil.which("py-spy", path=sysconfig.get_path("scripts") + os.pathsep + os.environ.get("PATH", os.defpath))


@dataclass(frozen=True, slots=True)
class _Spy:
    """One py-spy, and the files that it writes."""

    tool: Tool
    output: Path
    stacks: Path

    def samples(self) -> bool:
        """Whether it has reported that it samples."""
        return b"Sampling process" in self.output.read_bytes()


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        raise ProbeFailed("py-spy wrote no samples; the window was too short for it to attach") from None


_INTERPRETER: Final = re.compile(r"/(?:python|libpython|pypy)[^/]*$", re.MULTILINE)


def runs_python(pid: int, proc: Path = PROC) -> bool:
    """Return whether an interpreter is in the memory of `pid`; False if it is gone or not ours to read."""
    try:
        # Programs that embed Python have a name of their own, so the mapped files decide, not the executable.
        maps = (proc / str(pid) / "maps").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    return _INTERPRETER.search(maps) is not None


def list_roots(pids: Collection[int], proc: Path = PROC) -> list[int]:
    """Return those of `pids` whose parent is not among them: to watch these with their descendants is to watch all."""
    parents = read_parents(proc)
    return sorted(pid for pid in pids if parents.get(pid) not in pids)


def count_threads(pids: Collection[int], proc: Path = PROC) -> int:
    """Return how many threads `pids` have together."""
    return sum(_count_tasks(proc / str(pid) / "task") for pid in pids)


def _count_tasks(directory: Path) -> int:
    try:
        return sum(1 for _ in directory.iterdir())
    except OSError:
        return 0


# A command line may hold anything, so the processes end where the last quotation mark stands before a thread.
_STACK: Final = re.compile(
    r'(?:process \d+:"(?s:.*)";)?thread \((?P<tid>[^)]*)\)(?:: (?P<name>[^;]*))?(?P<frames>(?:;.*)?) (?P<count>\d+)'
)
_C_LINE: Final = re.compile(r"(?<!\.py)(?<!>):\d+\)$")
_ADDRESS: Final = re.compile(r"^0x[0-9a-f]+(?= \()")
_WROTE: Final = re.compile(r"Samples: (?P<samples>\d+) Errors: (?P<errors>\d+)")
_LATE: Final = re.compile(r"(\d\S*) behind in sampling")


@dataclass(frozen=True, slots=True)
class Remarks:
    """What py-spy reports: samples that it could not take, and how far it fell behind, None if not at all."""

    errors: int
    late: str | None


def parse_stacks(text: str) -> list[ThreadSample]:
    """Return the samples of a file in py-spy's format `raw`. Raises ValueError for a line that is none."""
    found = list(_find_stacks(text))
    # A thread that py-spy sees before Python has named it stays without a name for up to a second: in 10 of 40 runs
    # one that started in the window was without a name in half of its samples.
    names = {stack["tid"]: stack["name"] for stack in found if stack["name"]}
    return [_read_sample(stack, names) for stack in found]


def parse_remarks(text: str) -> Remarks:
    """Read py-spy's standard output. Raises ValueError if it does not report that samples were written."""
    wrote = _WROTE.search(text)
    if wrote is None:
        raise ValueError("the number of samples is missing")
    late = _LATE.findall(text)
    return Remarks(errors=int(wrote["errors"]), late=late[-1] if late else None)


def _find_stacks(text: str) -> Iterator[re.Match[str]]:
    begun = ""
    for number, line in enumerate(text.split("\n"), 1):
        begun += line
        if found := _STACK.fullmatch(begun):
            yield found
            begun = ""
        elif begun.startswith("process "):
            begun += "\n"  # the command line of a process goes over several lines
        elif begun:
            raise ValueError(f"line {number} is not the stack of a thread")
    if begun:
        raise ValueError("it ends within a stack")


def _read_sample(found: re.Match[str], names: Mapping[str, str]) -> ThreadSample:
    # A thread that py-spy knows by its pthread_t alone, in hexadecimal, is no thread of the kernel's.
    tid = found["tid"]
    return ThreadSample(
        tid=int(tid) if tid.isdigit() else 0,
        thread=found["name"] or names.get(tid, f"thread-{tid}"),
        frames=tuple(_tidy(frame) for frame in found["frames"].split(";")[1:]),
        count=int(found["count"]),
    )


def _tidy(frame: str) -> str:
    """Drop what would make two frames of one function: addresses, which differ from run to run, and lines of C code."""
    return _C_LINE.sub(")", _ADDRESS.sub("[unknown]", frame))
