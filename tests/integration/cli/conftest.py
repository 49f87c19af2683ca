"""The program in a directory of its own, and a cast of targets that fail."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from loadlab.installation import bundled_directory

from . import faulty_server
from .program import Program


@pytest.fixture
def program(tmp_path: Path) -> Program:
    """The program as it ships."""
    return Program(tmp_path)


@pytest.fixture(scope="session")
def cast(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory of targets: those that ship, and one for each fault of faulty_server.py."""
    directory = tmp_path_factory.mktemp("cast") / "targets"
    shutil.copytree(bundled_directory("targets"), directory)
    for fault in faulty_server.FAULTS:
        description = {"name": fault, "about": "fails on purpose", "handlers": ["hello"], "options": {}}
        (directory / f"faulty_{fault.replace('-', '_')}.py").write_text(
            f"TARGET = {json.dumps(description)}\n"
            "import runpy, sys\n"
            f"sys.argv.insert(1, {fault!r})\n"
            f"runpy.run_path({faulty_server.__file__!r}, run_name='__main__')\n"
        )
    return directory


@pytest.fixture
def faulty(program: Program, cast: Path) -> Program:
    """The program with the failing targets in its catalog."""
    return program.driven("--targets", str(cast))


@pytest.fixture(scope="module")
def make_program(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Program]:
    """Give a function that returns a program for a run that several tests look at."""
    return lambda: Program(tmp_path_factory.mktemp("program"))
