"""Processes: children of ours that cannot outlive us, the cores they run on, and who descends from whom."""

from loadlab.processes.child import Child, spawn
from loadlab.processes.family import list_family, list_family_without_us, read_parents
from loadlab.processes.placement import Placement, choose_placement

__all__ = ["Child", "Placement", "choose_placement", "list_family", "list_family_without_us", "read_parents", "spawn"]
