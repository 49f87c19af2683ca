"""The command line: the only package that prints to the terminal or exits."""

import sys
from typing import NoReturn

from loadlab.errors import ExitCode


def main() -> NoReturn:
    """Run the program and exit."""
    try:
        # Only here, as importing everything takes long enough for an impatient Ctrl-C.
        from loadlab.cli import verbs
    except KeyboardInterrupt:
        sys.exit(ExitCode.INTERRUPTED)
    verbs.main()
