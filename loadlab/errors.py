"""The errors a user may meet, each one sentence that says what happened, to whom, and what to do.

They are raised where the cause is known and caught once, in `loadlab.cli`. Anything else that escapes is a bug and
keeps its traceback. What goes wrong with a single request is not an error at all but an `Outcome`.
"""

from enum import IntEnum


class ExitCode(IntEnum):
    """What the process ends with; the same for every verb."""

    DONE = 0
    EXPECTATION_FAILED = 1
    USAGE = 2
    INVALID = 3
    INTERRUPTED = 130


class LoadlabError(Exception):
    """A user's mistake or a hindrance on this machine; its text is the whole message."""

    exit_code = ExitCode.USAGE


class ProfileError(LoadlabError):
    """One or more mistakes in a profile, each already formatted as `file:line:column: path: what`."""

    def __init__(self, mistakes: list[str]) -> None:
        super().__init__("\n".join(mistakes))
        self.mistakes = mistakes


class ReportError(LoadlabError):
    """A run directory that cannot be written or read."""


class TrialFailed(LoadlabError):
    """The target or a load process failed in one trial; the run goes on with the next one."""

    exit_code = ExitCode.INVALID


class TargetDied(TrialFailed):
    """The target ended by itself, or was killed, in the middle of a trial."""
