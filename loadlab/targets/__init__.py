"""The servers under test: what they say of themselves, how one is started or attached to, and what it can do then.

docs/design.md, "Contracts", describes the TARGET literal and the READY line.
"""

from loadlab.targets.attaching import AttachedTarget, NotAttachable, NotVisible, UnseenTarget, find_server
from loadlab.targets.commands import CommandTarget, launch_command, why_command_not_started
from loadlab.targets.description import (
    Needs,
    Option,
    TargetDescription,
    catalog,
    find_target,
    missing_need,
    why_missing,
)
from loadlab.targets.launching import (
    Capabilities,
    RunningTarget,
    launch,
    script_environment,
    serve_command,
    why_not_handled,
    why_not_held,
)
from loadlab.targets.names import Names, NotAllowed, NotResolvable, accepts, is_of_this_machine

__all__ = [
    "AttachedTarget",
    "Capabilities",
    "CommandTarget",
    "Names",
    "Needs",
    "NotAllowed",
    "NotAttachable",
    "NotResolvable",
    "NotVisible",
    "Option",
    "RunningTarget",
    "TargetDescription",
    "UnseenTarget",
    "accepts",
    "catalog",
    "find_server",
    "find_target",
    "is_of_this_machine",
    "launch",
    "launch_command",
    "missing_need",
    "script_environment",
    "serve_command",
    "why_command_not_started",
    "why_missing",
    "why_not_handled",
    "why_not_held",
]
