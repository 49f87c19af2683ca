"""Modules of the bundled servers. They are no package: they find each other where they lie, by names of their own."""

import importlib
import sys
from types import ModuleType

import pytest

from loadlab.installation import bundled_directory


def load_module(name: str) -> ModuleType:
    """Return a module of targets/, and leave none of them behind: their names (server, limits, ...) are too common."""
    targets = bundled_directory("targets")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(targets)
        module = importlib.import_module(name)
    for found in {file.stem for file in targets.glob("*.py")} & set(sys.modules):
        del sys.modules[found]
    return module
