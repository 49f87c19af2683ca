"""CPU samples as `perf record` takes them, and what `perf script` prints of them."""

import re
import tempfile
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import IO, Final

from loadlab.errors import LoadlabError
from loadlab.probes.cpu.samples import Sampling, ThreadSample
from loadlab.probes.prerequisites import missing_program, perf_denial
from loadlab.probes.probe import Lack, ProbeFailed, list_descendants
from loadlab.probes.tool import PerfControl, Tool, tool_environment, wait_ended
from loadlab.processes import spawn
from loadlab.results.folded_stacks import KERNEL_MARK

PERIODS_NS: Final = {"clock-1": 5_300_017, "clock-2": 6_100_027, "clock-3": 6_700_067}
"""The clocks that samples are taken by, by name.

A clock runs in a thread's own CPU time, so a single one falls into step with requests that cost the same each time, and
finds them at the same point again and again: of a function with a share of 0.75 it saw 0.71 to 0.85. No cost is in step
with more than one of these.
"""
_RATE_HZ: Final = round(sum(1e9 / period_ns for period_ns in PERIODS_NS.values()))
_DEADLINE_SECONDS: Final = 60.0
_NAMELESS_KERNEL: Final = "The kernel hides the names of its functions; sudo sysctl kernel.kptr_restrict=0 shows them."
_NAMELESS_COMPILED: Final = (
    "Some functions that were compiled at run time have no names; Node.js writes them with --perf-basic-prof (option "
    "perf-map of the bundled target), Python from 3.12 on with -X perf."
)


@dataclass(frozen=True, slots=True)
class PerfSamples:
    """The samples, the number of lost ones, and whether functions of the kernel and compiled ones had names."""

    samples: tuple[ThreadSample, ...]
    lost: int
    kernel_named: bool
    compiled_named: bool


class PerfRecordProbe:
    """`perf record` for one window; a Probe. It starts switched off and is switched through its control fifo.

    `deadline_seconds` is for each thing that perf has to do.
    """

    def __init__(self, check: Callable[[], None] = lambda: None, deadline_seconds: float = _DEADLINE_SECONDS) -> None:
        self._check = check
        self._deadline_seconds = deadline_seconds
        self._recorder = Tool("perf record", check, deadline_seconds)
        self._directory = tempfile.TemporaryDirectory(prefix="loadlab-perf-")
        self._control = PerfControl(Path(self._directory.name))
        self._data = Path(self._directory.name) / "perf.data"

    def prepare(self, pids: Collection[int]) -> None:
        """Attach to `pids` and their descendants."""
        watched = ",".join(map(str, sorted(list_descendants(pids))))
        # Build ids are for reading the samples on another machine; looking them up takes long and fills ~/.debug.
        clocks = ",".join(f"cpu-clock/period={period_ns},name={name}/" for name, period_ns in PERIODS_NS.items())
        argv = ["perf", "record", "--no-buildid", "--event", clocks, "-g"]
        argv += ["--output", str(self._data), "--pid", watched, "--delay", "-1", "--control", self._control.option]
        self._recorder.start(argv)
        # perf has one more event, for notices of threads and libraries that come. Switched off, it would miss those
        # that come before the window, and perf could not name what runs there. It cannot be switched by itself, so all
        # are switched on and the clocks off again: they run for a few milliseconds, or two samples of each thread.
        self._command("enable", "open its events")
        for clock in PERIODS_NS:
            self._command(f"disable {clock}", "wait for the window")

    def begin(self) -> None:
        """Start to sample."""
        self._command("enable", "switch on")

    def look(self) -> None:
        """Do nothing."""

    def end(self) -> None:
        """Stop sampling."""
        self._command("disable", "switch off")

    def collect(self) -> Sampling:
        """Return the samples."""
        self._recorder.finish(self._recorder.interrupt)
        samples = self._read_samples()
        notes = [
            *(() if samples.kernel_named else (_NAMELESS_KERNEL,)),
            *(() if samples.compiled_named else (_NAMELESS_COMPILED,)),
        ]
        return Sampling("perf", _RATE_HZ, samples.samples, samples.lost, blocking=False, notes=tuple(notes))

    def stop(self) -> None:
        """End perf and remove its files."""
        self._recorder.stop()
        self._control.close()
        self._directory.cleanup()

    def _command(self, command: str, task: str) -> None:
        self._control.send(command)
        self._recorder.wait_until(self._control.is_acknowledged, task)

    def _read_samples(self) -> PerfSamples:
        text_path = self._data.with_name("samples")
        # Functions that the compiler inlined would be looked up one by one in debug information, which takes minutes.
        argv = ["perf", "script", "--input", str(self._data), "--no-inline", "--show-lost-events"]
        with text_path.open("wb") as text:
            self._run_to_end("perf script", [*argv, "--fields", "comm,pid,tid,ip,sym,dso"], text)
        try:
            with text_path.open(encoding="utf-8", errors="replace") as lines:
                return parse_script(lines)
        except ValueError as error:
            raise ProbeFailed(f"the output of perf script cannot be parsed: {error}") from error

    def _run_to_end(self, name: str, argv: Sequence[str], stdout: IO[bytes]) -> None:
        try:
            with spawn(name, argv, stdout=stdout, environment=tool_environment()) as child:
                code = wait_ended(child, self._check, self._deadline_seconds)
                if code is None:
                    raise ProbeFailed(f"{name} did not finish within {self._deadline_seconds:g} seconds")
                if code != 0:
                    raise ProbeFailed(child.account())
        except LoadlabError as error:
            raise ProbeFailed(str(error)) from error


def why_unavailable() -> Lack | None:
    """Return what perf lacks on this machine, None if it should work."""
    missing = missing_program("perf", "apt-get install linux-perf (Ubuntu: linux-tools-generic)")
    return missing or perf_denial("the kernel's functions")


_HEAD: Final = re.compile(r"(?P<comm>\S.*?)\s+-?\d+/(?P<tid>-?\d+)\s*(?:PERF_RECORD_LOST\S* lost (?P<lost>\d+))?\s*")
# Both names may hold parentheses: "operator()(int) (/tmp/x (deleted))". The library is the last pair, with one inside.
_FRAME: Final = re.compile(r"\s+(?P<address>[0-9a-f]+) (?P<symbol>.+) \((?P<library>[^()]*(?:\([^()]*\))?[^()]*)\)")
_KERNEL_BEGINS: Final = 1 << 63  # the upper half of the address space, on all machines with 64 bits
_UNKNOWN: Final = "[unknown]"


def parse_script(lines: Iterable[str]) -> PerfSamples:
    """Read samples and losses, in one pass and line by line. Raises ValueError for a line that is neither."""
    samples: list[ThreadSample] = []
    lost = 0
    for is_blank, block in groupby((line.rstrip("\n") for line in lines), key=lambda line: not line.strip()):
        if is_blank:
            continue
        for head, frames in _split_samples(block):
            if head["lost"]:
                lost += int(head["lost"])
            else:
                frames.reverse()
                samples.append(ThreadSample(int(head["tid"]), head["comm"], tuple(frames) or (_UNKNOWN,), 1))
    functions = {frame for sample in samples for frame in sample.frames}
    kernel = {frame for frame in functions if frame.endswith(KERNEL_MARK)}
    return PerfSamples(
        tuple(samples),
        lost,
        kernel_named=kernel != {_UNKNOWN + KERNEL_MARK},
        compiled_named=_UNNAMED not in functions,
    )


def _split_samples(block: Iterable[str]) -> Iterator[tuple[re.Match[str], list[str]]]:
    """Yield each head with its frames: a notice of lost samples ends without a blank line."""
    head: re.Match[str] | None = None
    frames: list[str] = []
    for line in block:
        if begins := _HEAD.fullmatch(line):
            if head is not None:
                yield head, frames
            head, frames = begins, []
        elif head is not None and (frame := _FRAME.fullmatch(line)):
            frames += _name_frame(frame)
        else:
            raise ValueError(f"{line.strip()[:80]!r} is neither a sample nor a frame of one")
    if head is not None:
        yield head, frames


def _name_frame(frame: re.Match[str]) -> Iterator[str]:
    symbol, library = frame["symbol"], frame["library"].rpartition("/")[2]
    if int(frame["address"], 16) >= _KERNEL_BEGINS:
        yield symbol + KERNEL_MARK
    elif is_map(library):
        yield name_compiled(symbol)
    elif library != _UNKNOWN:
        yield f"{symbol} ({library})"
    # Else it is no code at all. Native callers are found through frame pointers, and where a library was built without
    # them (CPython's, as a rule), what is taken for the caller's address is some other value on the stack.


_UNNAMED: Final = "[unknown] (compiled)"  # compiled by a runtime that wrote no names
_MAP: Final = re.compile(r"perf-\d+\.map")
_JAVASCRIPT: Final = re.compile(
    r"(?:JS|LazyCompile|Function|Script|Eval):[*~^+]?"
    r"(?P<name>.*?) ?(?P<place>(?:node:|file:|/).*|\S*):(?P<line>\d+):\d+"
)


def is_map(library: str) -> bool:
    """Return whether what perf names as a library is a file of names that a runtime wrote, /tmp/perf-PID.map."""
    return _MAP.fullmatch(library) is not None


def name_compiled(symbol: str) -> str:
    """Return the frame of a function by its name in the map, without what differs from run to run."""
    if found := _JAVASCRIPT.fullmatch(symbol):
        # Modules of Node.js itself have names and no files: node:internal/streams/writable.
        place = found["place"] if found["place"].startswith("node:") else found["place"].rpartition("/")[2]
        return f"{found['name'] or '(anonymous)'} ({place}:{found['line']})"
    return f"{symbol} (compiled)"
