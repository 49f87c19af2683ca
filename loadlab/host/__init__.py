"""This machine: what it is, and whether a load can run on it.

Each check of `loadlab doctor` looks at the machine once and judges it by what trials require; docs/doctor.md says what
each is for.
"""

from loadlab.host.checks import Examination, why_refused
from loadlab.host.checks.check import Diagnosis, State
from loadlab.host.fingerprint import fingerprint
from loadlab.host.machine import Machine, OwnLimits
from loadlab.host.requirements import Requirements, largest, requirements_of, requirements_of_part, together

__all__ = [
    "Diagnosis",
    "Examination",
    "Machine",
    "OwnLimits",
    "Requirements",
    "State",
    "fingerprint",
    "largest",
    "requirements_of",
    "requirements_of_part",
    "together",
    "why_refused",
]
