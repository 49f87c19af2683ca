"""loadlab: how a server behaves as connections pile up, and why."""

import importlib
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from loadlab.api import run_profile
    from loadlab.cluster.scheduler import Scheduler
    from loadlab.errors import LoadlabError, ProfileError, ScenarioError
    from loadlab.results.run import RunDocument
    from loadlab.results.trial import TrialResult

__version__ = "0.1.0"

__all__ = [
    "LoadlabError",
    "ProfileError",
    "RunDocument",
    "ScenarioError",
    "Scheduler",
    "TrialResult",
    "__version__",
    "run_profile",
]

_ORIGINS: Final = {
    "LoadlabError": "loadlab.errors",
    "ProfileError": "loadlab.errors",
    "RunDocument": "loadlab.results.run",
    "ScenarioError": "loadlab.errors",
    "Scheduler": "loadlab.cluster.scheduler",
    "TrialResult": "loadlab.results.trial",
    "run_profile": "loadlab.api",
}


def __getattr__(name: str) -> object:
    # When it is asked for: workers and `loadlab --help` need none of it, and importing it takes half a second.
    if name not in _ORIGINS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found: object = getattr(importlib.import_module(_ORIGINS[name]), name)
    return found


def __dir__() -> list[str]:
    return [*__all__]
