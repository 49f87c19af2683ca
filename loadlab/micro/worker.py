"""The process that measures, `python -m loadlab.micro.worker`: one part on standard input, its figures on output.

A process of its own, so that it starts with few descriptors, little memory, and one thread. What this machine's limits
do not allow ends it with one sentence on standard error and code 2.
"""

import resource
import sys

from loadlab.errors import ExitCode, LoadlabError
from loadlab.micro.messages import MicroFigures, MicroPart, WaitCostPart, decode_part
from loadlab.micro.switch_cost import measure_switch_cost
from loadlab.micro.wait_cost import measure_wait_cost


def measure(part: MicroPart) -> MicroFigures:
    """Measure what `part` asks for. Raises LoadlabError."""
    return measure_wait_cost(part) if isinstance(part, WaitCostPart) else measure_switch_cost(part)


def main() -> ExitCode:
    """Serve one part; return the exit code."""
    _, hard_limit = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard_limit, hard_limit))
    try:
        print(measure(decode_part(sys.stdin.readline())).model_dump_json())
    except LoadlabError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    return ExitCode.DONE


if __name__ == "__main__":
    sys.exit(main())
