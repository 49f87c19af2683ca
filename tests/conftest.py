"""Fixtures that unit and integration tests share."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings

from loadlab.results.directory import RunDirectory

from .sample_run import write_sample

# Where tests/install-tools puts packages of Node.js's; servers are started in other directories as well.
os.environ["NODE_PATH"] = str(Path(__file__).parents[1] / "node_modules")

# How long an example takes says something of the machine, not of the code.
settings.register_profile("loadlab", deadline=None)
settings.load_profile("loadlab")


@pytest.fixture(scope="session")
def sample_run(tmp_path_factory: pytest.TempPathFactory) -> RunDirectory:
    """The run of tests/sample_run.py on disk; made once, so a test must not write to it."""
    return write_sample(tmp_path_factory.mktemp("reports"))


@pytest.fixture(scope="session")
def need_program() -> Callable[[str], str]:
    """Give a function that returns a program's path, or skips the test where it is missing; in CI that is a failure."""

    def find(name: str) -> str:
        path = shutil.which(name)
        if path is None and os.environ.get("CI") == "true":
            pytest.fail(f"{name} is not installed, and in CI no test may be skipped for that")
        if path is None:
            pytest.skip(f"{name} is not installed")
        return path

    return find


@pytest.fixture
def reports(tmp_path: Path) -> Path:
    """An empty place for run directories."""
    return tmp_path / "reports"
