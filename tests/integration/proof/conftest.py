"""The program as it ships, in a directory of its own."""

from pathlib import Path

import pytest

from ..cli.program import Program


@pytest.fixture
def program(tmp_path: Path) -> Program:
    """The program as it ships."""
    return Program(tmp_path)
