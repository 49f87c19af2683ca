"""The servers under test: what they say of themselves, how one is started, and what it can do then.

docs/design.md, "Contracts", describes the TARGET literal and the READY line.
"""

from loadlab.targets.description import Needs, Option, TargetDescription, catalog, find_target, why_missing
from loadlab.targets.launching import Capabilities, RunningTarget, launch, serve_command, why_not_possible

__all__ = [
    "Capabilities",
    "Needs",
    "Option",
    "RunningTarget",
    "TargetDescription",
    "catalog",
    "find_target",
    "launch",
    "serve_command",
    "why_missing",
    "why_not_possible",
]
