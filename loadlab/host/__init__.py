"""This machine: what it is, how its cores spend their time, and whether a load can run on it.

The checks of `loadlab doctor` look first (`read_condition`) and judge then: pure functions of what was seen and of what
a load needs (`needs_of`). docs/doctor.md tells what each is for.
"""

from loadlab.host.checks import examine_load, why_not_enough
from loadlab.host.checks.diagnosis import Diagnosis, State
from loadlab.host.fingerprint import fingerprint
from loadlab.host.machine import Condition, read_condition
from loadlab.host.requirements import Needs, largest, needs_of

__all__ = [
    "Condition",
    "Diagnosis",
    "Needs",
    "State",
    "examine_load",
    "fingerprint",
    "largest",
    "needs_of",
    "read_condition",
    "why_not_enough",
]
