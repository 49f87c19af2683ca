"""Processes and cores: children that cannot outlive us, where they run, and what /proc shows of all of them."""

from loadlab.processes.child import Child, module_command, raise_open_files, spawn
from loadlab.processes.family import list_family, list_family_without_us, read_parents
from loadlab.processes.placement import Placement, choose_placement
from loadlab.processes.program import NotStarted, Program, start_program, why_not_found

__all__ = [
    "Child",
    "NotStarted",
    "Placement",
    "Program",
    "choose_placement",
    "list_family",
    "list_family_without_us",
    "module_command",
    "raise_open_files",
    "read_parents",
    "spawn",
    "start_program",
    "why_not_found",
]
