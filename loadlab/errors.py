"""The errors that a user may see, each one sentence that says what happened, to what, and what to do.

They are raised where the cause is known and caught once, in `loadlab.cli`. Anything else that escapes is a bug and
keeps its traceback. What goes wrong with a single request is not an error at all but an `Outcome`.
"""

from collections.abc import Callable
from enum import IntEnum
from typing import Final

_MOST_SHOWN: Final = 30


class ExitCode(IntEnum):
    """The exit codes of the program, the same for every verb."""

    DONE = 0
    EXPECTATION_FAILED = 1
    USAGE = 2
    INVALID = 3
    INTERRUPTED = 130


class LoadlabError(Exception):
    """A user's mistake, or something that this machine lacks; its text is the whole message."""

    exit_code = ExitCode.USAGE


class ProfileError(LoadlabError):
    """One or more mistakes in a profile, each already formatted as `file:line:column: path: what`.

    The message shows the first of them; `mistakes` has all.
    """

    def __init__(self, mistakes: list[str]) -> None:
        shown = mistakes[:_MOST_SHOWN]
        if len(mistakes) > _MOST_SHOWN:
            shown.append(f"and {len(mistakes) - _MOST_SHOWN:,} more mistakes")
        super().__init__("\n".join(shown))
        self.mistakes = mistakes


class ReportError(LoadlabError):
    """A run directory that cannot be written or read."""


class ScenarioError(LoadlabError):
    """A scenario that cannot be run: the text has the traceback of its own lines. It ends the run."""

    @property
    def reason(self) -> str:
        """What it says on one line: of a traceback what it ends with."""
        lines = str(self).splitlines()
        code = [number for number, line in enumerate(lines) if line.startswith("    ")]
        said = lines[-1]
        if code:
            # Below the user's last line of code; an error may have more than one line itself. Or else above it.
            below = [line for line in lines[code[-1] + 1 :] if not line.startswith("in ")]
            said = below[0] if below else lines[max(code[-1] - 1, 0)].rstrip(":")
        return f"the scenario cannot be run: {said.strip()}"

    def masked(self, mask: Callable[[str], str]) -> "ScenarioError":
        """Return the same error without the credentials that `mask` finds in its text."""
        return ScenarioError(mask(str(self)))


class TrialFailed(LoadlabError):
    """The target or a load process failed in one trial; the run goes on with the next one."""

    exit_code = ExitCode.INVALID


class LatePlan(TrialFailed):
    """A machine got its plan after the window had begun; the others carry it out, and the next one may be in time."""


class ClusterFailed(TrialFailed):
    """A client machine is lost, or the way to it: no further trial could have the same load. It ends the run."""


class TargetDied(TrialFailed):
    """The target ended by itself, or was killed, in the middle of a trial."""


class NotPossible(Exception):
    """Target or machine lacks what a trial asks for; the text says what. A result, not an error."""
