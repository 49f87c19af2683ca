"""What every run has, whatever verb began it: the command line that is recorded, and the exit code at its end."""

import os
import sys

from loadlab.errors import ExitCode
from loadlab.results.model import RunDocument


def exit_code_of(document: RunDocument, accept_invalid: bool = False) -> ExitCode:
    """Return how a run ends the program; `accept_invalid` leaves the judgement of its trials out."""
    if document.interrupted:
        return ExitCode.INTERRUPTED
    if document.verdict == "invalid" and not accept_invalid:
        return ExitCode.INVALID
    expectations = [*document.expectations, *(each for trial in document.trials for each in trial.expectations)]
    if any(not expectation.met for expectation in expectations):
        return ExitCode.EXPECTATION_FAILED
    return ExitCode.DONE


def command_line() -> list[str]:
    """Return the command that runs, as text that JSON can hold."""
    # An argument need not be text; run.json is.
    return ["loadlab", *(os.fsencode(argument).decode("utf-8", "backslashreplace") for argument in sys.argv[1:])]
