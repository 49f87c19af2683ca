"""The process that measures, `python -m loadlab.micro.worker`: one part on standard input, its figures on output.

A process of its own, so that it starts with few descriptors, little memory, and one thread. If this machine's limits do
not allow the measurement, it ends with one sentence on standard error and code 2.
"""

import gc
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from loadlab.errors import ExitCode, LoadlabError
from loadlab.micro.messages import MicroFigures, MicroPart, WaitCostPart, decode_part
from loadlab.micro.switch_cost import measure_switch_cost
from loadlab.micro.wait_cost import measure_wait_cost
from loadlab.processes import raise_open_files


def main() -> ExitCode:
    """Serve one part; return the exit code."""
    raise_open_files()
    try:
        print(measure(decode_part(sys.stdin.readline())).model_dump_json())
    except LoadlabError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    return ExitCode.DONE


def measure(part: MicroPart) -> MicroFigures:
    """Measure what `part` describes, undisturbed. Raises LoadlabError."""
    with undisturbed():
        return measure_wait_cost(part) if isinstance(part, WaitCostPart) else measure_switch_cost(part)


@contextmanager
def undisturbed() -> Iterator[None]:
    """Stay on one core, with the cyclic garbage collector off, until the end of the block.

    On one core passing a turn to another thread or process is a switch; on two it would be waking the other core, which
    takes longer and is another thing. Threads and processes started within the block stay on that core too.
    """
    cores = os.sched_getaffinity(0)
    collecting = gc.isenabled()
    gc.collect()
    gc.disable()
    # The last one: the first is where device interrupts are served as a rule.
    os.sched_setaffinity(0, {max(cores)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, cores)
        if collecting:
            gc.enable()


if __name__ == "__main__":
    sys.exit(main())
