"""The command line: the only package that prints to the terminal or exits."""

import gc
import sys
from typing import Final, NoReturn

from loadlab.errors import ExitCode

# Importing everything makes 100,000 objects, all of which stay. To look for garbage among them takes a tenth of the
# CPU time of a short run.
_ALLOCATIONS_UNTIL_COLLECTION: Final = 200_000


def main() -> NoReturn:
    """Run the program and exit."""
    gc.set_threshold(_ALLOCATIONS_UNTIL_COLLECTION)
    try:
        # Only here, as importing everything takes long enough for an impatient Ctrl-C.
        from loadlab.cli import verbs
    except KeyboardInterrupt:
        sys.exit(ExitCode.INTERRUPTED)
    verbs.main()
