"""What every probe is: something that watches processes during the measured window, and may fail without harm.

A probe is prepared before the window, switched on at its beginning and off at its end, and asked then for what it saw.
Its cost falls on the processes it watches, so it runs in a pass of its own (docs/design.md, Probes).
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, Protocol, TypeVar

from loadlab.processes import list_family_without_us

Result_co = TypeVar("Result_co", covariant=True)


class ProbeFailed(Exception):
    """A probe cannot tell anything; the text says why in a sentence. It costs its own result and nothing else."""


@dataclass(frozen=True, slots=True)
class Lack:
    """Why a backend cannot be used here, and the command or setting that gives it."""

    why: str
    fix: str


class Probe(Protocol, Generic[Result_co]):
    """One backend watching one group of processes. Any method may raise ProbeFailed; `stop` never does."""

    def prepare(self, pids: Collection[int]) -> None:
        """Attach to the processes `pids`, still switched off where the tool can be; return when it is ready."""

    def begin(self) -> None:
        """Switch on: the measured window begins."""

    def end(self) -> None:
        """Switch off: the measured window is over."""

    def collect(self) -> Result_co:
        """Return what was seen between `begin` and `end`."""

    def stop(self) -> None:
        """End whatever the probe started, at any time, however often."""


OpenProbe = Callable[[Callable[[], None]], Probe[Result_co]]
"""Makes a probe for one window, given what it calls while it waits for its tool: that raises if the run is to end."""


def list_descendants(pids: Collection[int], proc: Path = Path("/proc")) -> set[int]:
    """Return those of `pids` that are alive, and all their descendants but us. Raises ProbeFailed if all have ended."""
    found = list_family_without_us(pids, proc)
    if not found:
        raise ProbeFailed("the processes to be watched have ended")
    return found
