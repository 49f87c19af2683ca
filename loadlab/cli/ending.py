"""What every run has, whatever verb began it: its command line, and its page and exit code at its end."""

import os
import sys
from pathlib import Path

from loadlab.cli.files import write_file
from loadlab.errors import ExitCode
from loadlab.results.directory import RunDirectory
from loadlab.results.run import RunDocument


def write_pages(directory: RunDirectory, html: Path | None, in_directory: bool) -> None:
    """Write the page of a run to a file of its own, into its directory, to both or neither."""
    if html is None and not in_directory:
        return
    from loadlab.report.page import render  # takes 0.3 s, which a summary need not wait for

    page = render(directory)
    if in_directory:
        directory.write_page(page)
    if html is not None:
        write_file(html, page)


def exit_code_of(document: RunDocument, accept_invalid: bool = False) -> ExitCode:
    """Return how a run ends the program; `accept_invalid` leaves the judgement of its trials out."""
    if document.interrupted:
        return ExitCode.INTERRUPTED
    if document.verdict == "invalid" and not accept_invalid:
        return ExitCode.INVALID
    if document.unmet_expectations:
        return ExitCode.EXPECTATION_FAILED
    return ExitCode.DONE


def command_line() -> list[str]:
    """Return the command that runs, as text that JSON can hold."""
    # An argument need not be text; run.json is.
    return ["loadlab", *(os.fsencode(argument).decode("utf-8", "backslashreplace") for argument in sys.argv[1:])]
