"""The fixture of all tests of recipes."""

from collections.abc import Callable
from pathlib import Path

import pytest

from ..cli.program import Program
from .recipe import Recipe


@pytest.fixture
def recipe(tmp_path: Path) -> Callable[[str], Recipe]:
    """Give a function that returns a recipe by its name."""
    return lambda name: Recipe(Program(tmp_path), name)
