"""What the help of the verbs ends with: examples, and the exit codes.

A paragraph after a backspace keeps its lines, if a terminal of 80 columns has room for them; others are wrapped.
"""

from typing import Final

_KEEP_LINES: Final = "\b\n"
_RUN: Final = """\
  loadlab run select-vs-epoll                     a profile that ships
  loadlab run my.yaml --set load.idle=[0,10k]     other values for a sweep
  loadlab run my.yaml --set target.server=poll --repeat 5
  loadlab run my.yaml --set target.address=localhost:8080    your own server
"""
_EXIT_CODES: Final = """
Exit codes: 0 done, 1 an expectation of the profile failed, 2 usage or profile error, 3 the measurement is invalid,
130 interrupted.
"""

EXAMPLES: Final = f"""{_KEEP_LINES}Examples:
{_RUN}\
  loadlab doctor select-vs-epoll                  can this profile run here?
  loadlab report reports/2026-05-01T12-00-00Z-select-vs-epoll
{_EXIT_CODES}"""
RUN_EXAMPLES: Final = f"{_KEEP_LINES}Examples:\n{_RUN}{_EXIT_CODES}"
DOCTOR_EXAMPLES: Final = f"""{_KEEP_LINES}Examples:
  loadlab doctor                                  is this machine fit?
  loadlab doctor select-vs-epoll                  can this profile run here?
  loadlab doctor my.yaml --set load.idle=100k     and with so many?

Exit codes: 0 any of its trials can run, or no profile was named; 1 none can; 2 usage or profile error.
"""
SERVE_EXAMPLES: Final = f"""{_KEEP_LINES}Examples:
  loadlab serve epoll --port 8080
  loadlab serve epoll-threads --pool 8            with an option of its own
  loadlab serve epoll-threads --help              lists these options
"""
