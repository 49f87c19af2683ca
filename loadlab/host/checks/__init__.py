"""The checks of a machine, in the order in which they are told.

A check is a function from the condition that a machine is in, and the needs of a load, to a diagnosis. It looks at
nothing else, so `looking` alone knows where the kernel says what.
"""

from collections.abc import Callable
from typing import Final

from loadlab.host.checks.diagnosis import Diagnosis, State
from loadlab.host.checks.limits import (
    check_all_open_files,
    check_local_ports,
    check_maps,
    check_memory,
    check_open_files,
    check_tasks,
    check_tcp_memory,
    check_tracking,
)
from loadlab.host.checks.quality import (
    check_backlog,
    check_busy,
    check_clock,
    check_cores,
    check_governor,
    check_rate,
    check_swap,
)
from loadlab.host.machine import Condition
from loadlab.host.requirements import Needs

Check = Callable[[Condition, Needs], Diagnosis]

LOAD_CHECKS: Final[tuple[Check, ...]] = (
    check_open_files,
    check_all_open_files,
    check_local_ports,
    check_backlog,
    check_tracking,
    check_memory,
    check_tcp_memory,
    check_tasks,
    check_maps,
    check_cores,
    check_rate,
    check_governor,
    check_clock,
    check_busy,
    check_swap,
)
"""What a trial needs of the machine, and what may spoil its figures."""


def examine_load(condition: Condition, needs: Needs) -> list[Diagnosis]:
    """Return what each check of the load finds."""
    return [check(condition, needs) for check in LOAD_CHECKS]


def why_not_enough(needs: Needs, condition: Condition) -> str | None:
    """Return one sentence if this machine's memory does not suffice: what is needed, what there is, what to do.

    None if it does. Only memory: whoever takes too much of anything else is refused by the kernel and can say so, but
    where memory runs out the kernel kills a process, and not always one of ours.
    """
    diagnosis = check_memory(condition, needs)
    return diagnosis.sentence() if diagnosis.state is State.BLOCKER else None
