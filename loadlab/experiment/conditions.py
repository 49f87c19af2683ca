"""What the trials of a run share: the cores of each side, and the limits of this machine."""

import os
import resource
from dataclasses import dataclass, replace

from loadlab.errors import LoadlabError
from loadlab.processes import Placement, choose_placement
from loadlab.profile.schema import Cores, LoadProfile, Profile


class NotPossible(Exception):
    """Target or machine lacks what a trial asks for; the text says what. A result, not an error."""


@dataclass(frozen=True, slots=True)
class Conditions:
    """The cores of target and load, whether each side is bound to its own, and the hard limit of open files."""

    placement: Placement
    pinned: bool
    open_files: int

    @property
    def cores(self) -> tuple[tuple[int, ...] | None, tuple[int, ...] | None]:
        """The cores to bind target and load to; None leaves it to the kernel."""
        return (self.placement.target, self.placement.load) if self.pinned else (None, None)

    def placement_used(self) -> dict[str, list[int]]:
        """Return the cores that each side was bound to, by side; empty if none was."""
        return {"target": list(self.placement.target), "load": list(self.placement.load)} if self.pinned else {}


def conditions_of_host() -> Conditions:
    """Return what this machine gives a trial that has no wishes."""
    return Conditions(choose_placement(os.sched_getaffinity(0)), True, resource.getrlimit(resource.RLIMIT_NOFILE)[1])


def conditions_of(profile: Profile) -> Conditions:
    """Return what this machine gives the trials. Raises LoadlabError where the profile's placement asks for more."""
    given = conditions_of_host()
    wanted = profile.placement if isinstance(profile, LoadProfile) else "auto"
    placement = given.placement
    if isinstance(wanted, Cores):
        available = os.sched_getaffinity(0)
        placement = Placement(target=wanted.target, load=wanted.load)
        if missing := sorted({*placement.target, *placement.load} - available):
            raise LoadlabError(
                f"placement: core {missing[0]} is not among the cores that loadlab may use here "
                f"({', '.join(map(str, sorted(available)))}); name others, or say auto"
            )
    return replace(given, placement=placement, pinned=wanted != "none")
