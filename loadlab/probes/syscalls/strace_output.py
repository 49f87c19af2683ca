"""The summary that `strace -c` writes, as a profile: a table between two lines of dashes."""

from typing import Final

from loadlab.probes.probe import ProbeFailed
from loadlab.results.syscalls import CallCount, SyscallProfile

COLUMNS: Final = ("name", "calls", "errors", "total-time")
"""To be asked for with -U, in this order; strace leaves errors blank where there are none."""


def parse_profile(text: str, window_ns: int) -> SyscallProfile:
    """Make a profile of strace's summary, empty if there was no call. Raises ProbeFailed if it is anything else."""
    try:
        calls = [_parse_row(line) for line in _rows(text)]
    except ValueError as error:
        raise ProbeFailed(f"strace wrote what cannot be understood: {error}") from error
    return SyscallProfile(
        backend="strace",
        window_ns=window_ns,
        calls=sorted(calls, key=lambda call: (-call.calls, call.name)),
    )


def _rows(text: str) -> list[str]:
    if not text.strip():
        return []
    lines = text.splitlines()
    rules = [index for index, line in enumerate(lines) if line.startswith("----")]
    if len(rules) != 2:
        raise ValueError(f"a summary begins with {lines[0]!r}")
    first, last = rules
    return lines[first + 1 : last]


def _parse_row(line: str) -> CallCount:
    match line.split():
        case [name, calls, seconds]:
            errors = "0"
        case [name, calls, errors, seconds]:
            pass
        case _:
            raise ValueError(f"a row is {line!r}")
    time_ns = round(float(seconds) * 1_000_000_000)
    return CallCount(name=name, calls=int(calls), errors=int(errors), time_ns=time_ns)
