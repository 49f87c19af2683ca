"""What `perf stat -j` writes, as a profile: one JSON object a line for each event, after a comment."""

import json
from typing import Final

from loadlab.probes.probe import ProbeFailed
from loadlab.results.syscalls import CallCount, SyscallProfile

_ALL: Final = "raw_syscalls:sys_enter"
_ONE: Final = "syscalls:sys_enter_"
_TABLE_NAMES: Final = {"sendfile64": "sendfile"}
"""Tracepoints bear the names of the kernel's functions; one of those counted is not called so in the table of calls."""


def parse_profile(text: str, window_ns: int) -> SyscallProfile:
    """Make a profile of perf's whole output. Raises ProbeFailed where it is not what was asked for."""
    try:
        lines = (line for line in text.splitlines() if line.strip() and not line.startswith("#"))
        counters = [json.loads(line) for line in lines]
        counts = {counter["event"]: _parse_count(counter["counter-value"]) for counter in counters}
        everything = counts.pop(_ALL)
        named = {event.removeprefix(_ONE): count for event, count in counts.items() if event.startswith(_ONE)}
    except (ValueError, KeyError, TypeError) as error:
        raise ProbeFailed(f"perf wrote what cannot be understood: {type(error).__name__}: {error}") from error
    calls = [CallCount(name=_TABLE_NAMES.get(name, name), calls=count) for name, count in named.items() if count]
    return SyscallProfile(
        backend="perf",
        window_ns=window_ns,
        calls=sorted(calls, key=lambda call: (-call.calls, call.name)),
        # Events are switched on one by one, so a sum may pass the total by a call or two.
        unlisted=max(everything - sum(named.values()), 0),
    )


def _parse_count(value: str) -> int:
    # So perf calls an event none of whose processes ran at all in the window.
    return 0 if value == "<not counted>" else int(float(value))
