"""Processes that have ended and that their tracer does not let go.

A traced process that ends stops once more on its way out, before it closes its files, until its tracer has been
informed (PTRACE_EVENT_EXIT, ptrace(2)); and its zombie is the tracer's to collect before its parent sees that it has
ended. py-spy 0.4.3 misses both at times: of 60 processes that were killed while it sampled them, it held 5 to 12, most
of them for good. Such a server looks alive and answers nothing.
"""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Final

from loadlab.processes.proc import PROC

LONGEST_STOP_SECONDS: Final = 4.0
"""A sample stops a thread for milliseconds."""

_TRACED_STATES: Final = ("t", "Z")


class HeldProcesses:
    """Looks now and then whether a tracer holds one of `pids`."""

    def __init__(self, pids: Collection[int], proc: Path = PROC) -> None:
        self._pids = pids
        self._proc = proc
        self._stops: dict[int, tuple[str, float]] = {}  # the stop that each was in at the last look, and since when

    def find(self, now_seconds: float) -> int | None:
        """Return one that its tracer has held for too long, None if there is none."""
        for pid in self._pids:
            stop = _read_stop(self._proc / str(pid) / "status")
            known, since = self._stops.get(pid, ("", now_seconds))
            if stop is None:
                self._stops.pop(pid, None)
            elif stop != known:
                self._stops[pid] = stop, now_seconds
            elif now_seconds - since >= LONGEST_STOP_SECONDS:
                return pid
        return None


def _read_stop(status: Path) -> str | None:
    """Return what distinguishes the stop that a traced process is in from its other ones, None if it is in none."""
    try:
        text = status.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    fields = {name: value.strip() for name, _, value in (line.partition(":") for line in text.splitlines())}
    # Each stop is a switch to another thread.
    switches = _switches(fields)
    if fields.get("TracerPid", "0") == "0" or switches is None or not fields["State"].startswith(_TRACED_STATES):
        return None
    return f"{fields['State']} {switches}"


def _switches(fields: Mapping[str, str]) -> str | None:
    """Return the numbers of both kinds; some sandboxes leave them out."""
    kinds = ("voluntary_ctxt_switches", "nonvoluntary_ctxt_switches")
    return " ".join(fields[kind] for kind in kinds) if all(kind in fields for kind in kinds) else None
