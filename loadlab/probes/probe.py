"""What every probe is: something that watches processes during the measured window, and may fail without harm.

A probe is prepared before the window, switched on at its start and off at its end, and then asked for what it saw. It
slows down the processes that it watches, so it has a window of its own (docs/design.md, Probes).
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, Protocol, TypeVar

from loadlab.processes import list_family_without_us
from loadlab.processes.proc import PROC

Name_co = TypeVar("Name_co", bound=str, covariant=True)
Result_co = TypeVar("Result_co", covariant=True)


class ProbeFailed(Exception):
    """A probe has no result; the text says why in a sentence. Only that result is lost."""


@dataclass(frozen=True, slots=True)
class Lack:
    """Why a backend cannot be used here, and the command or setting that makes it available."""

    why: str
    fix: str

    def sentence(self) -> str:
        """Return both, without a full stop."""
        return f"{self.why}; {self.fix}"


class Probe(Protocol, Generic[Result_co]):
    """One backend watching one group of processes. Any method may raise ProbeFailed; `stop` never does."""

    def prepare(self, pids: Collection[int]) -> None:
        """Attach to the processes `pids`, still switched off where the tool can be; return when it is ready."""

    def begin(self) -> None:
        """Switch on: the measured window begins."""

    def look(self) -> None:
        """Look after the tool; called about every second in the window."""

    def end(self) -> None:
        """Switch off: the measured window is over."""

    def collect(self) -> Result_co:
        """Return what was seen between `begin` and `end`."""

    def stop(self) -> None:
        """End whatever the probe started; may be called at any time, and repeated."""


OpenProbe = Callable[[Callable[[], None]], Probe[Result_co]]
"""Makes a probe for one window; its argument is called while it waits for its tool, and raises if the run is to end."""


@dataclass(frozen=True, slots=True)
class Backend(Generic[Name_co, Result_co]):
    """One program that a probe can use: its name, what it lacks here (None: it should work), and the probe itself.

    Where the program cannot be switched, it watches from `prepare` on, so there must not be any load before the window.
    """

    name: Name_co
    why_unavailable: Callable[[], Lack | None]
    open_probe: OpenProbe[Result_co]
    can_be_switched: bool = True


def list_descendants(pids: Collection[int], proc: Path = PROC) -> set[int]:
    """Return those of `pids` that are alive, and their descendants except us. Raises ProbeFailed if all have ended."""
    found = list_family_without_us(pids, proc)
    if not found:
        raise ProbeFailed("the processes to be watched have ended")
    return found
