"""The checks of a machine: each a class of its own (`check.Check`), in a module of its subject.

A class that is added to one of these modules is a check of `loadlab doctor` and of the warnings before a run; there is
no other list.
"""

from collections.abc import Iterator
from typing import Final

from loadlab.host.checks import connections, cores, files, memory, processes
from loadlab.host.checks.check import Check, Diagnosis
from loadlab.host.machine import Machine
from loadlab.host.requirements import Requirements

# In the order in which they are shown; those of one subject in the order in which they are written.
_SUBJECTS: Final = (files, connections, memory, processes, cores)


def all_checks() -> Iterator[type[Check]]:
    """Yield the class of each check."""
    for subject in _SUBJECTS:
        for value in vars(subject).values():
            if isinstance(value, type) and issubclass(value, Check) and value is not Check:
                yield value


class Examination:
    """A machine that every check has looked at, once, to be judged by the needs of any number of trials.

    With `only_client` it has no target, and checks that are about one are left out. To see what else runs takes half a
    second.
    """

    def __init__(self, machine: Machine, only_client: bool = False) -> None:
        self._checks = [check(machine) for check in all_checks() if check.of_clients or not only_client]

    def judge(self, needed: Requirements) -> list[Diagnosis]:
        """Return what each check finds."""
        return [check.examine(needed) for check in self._checks]


def why_refused(machine: Machine, needed: Requirements) -> str | None:
    """Return why a trial must not be started, in one sentence that also says what to do; None if it may be."""
    found = [check(machine).examine(needed) for check in all_checks() if check.refuses]
    reasons = [each.sentence() for each in found if each.is_blocker]
    return "; and ".join(reasons) or None
