"""Fixtures that unit and integration tests share."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest
from hypothesis import settings

from loadlab.results.directory import RunDirectory
from loadlab.targets import find_target, why_missing

from .namespaces import why_no_namespaces
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
        if path is None:
            _do_without(f"{name} is not installed")
        return path

    return find


@pytest.fixture(scope="session")
def need_streaming() -> Callable[[str], str]:
    """Give a function that returns the name of a server that speaks WebSocket, or skips the test as `need_program`."""

    def find(name: str) -> str:
        if lack := why_missing(find_target(name), handlers=["echo"]):
            _do_without(lack)
        return name

    return find


@pytest.fixture(scope="session")
def need_namespaces() -> None:
    """Skip the test where network namespaces cannot be made, as `need_program` does."""
    if lack := why_no_namespaces():
        _do_without(lack)


@pytest.fixture(scope="session")
def need_slow_wires(need_namespaces: None) -> None:
    """Skip the test where namespaces cannot be joined by a slow wire either."""
    if not Path("/dev/net/tun").exists():
        _do_without("there is no /dev/net/tun for interfaces of our own")


@pytest.fixture
def reports(tmp_path: Path) -> Path:
    """An empty place for run directories."""
    return tmp_path / "reports"


def _do_without(lack: str) -> NoReturn:
    if os.environ.get("CI") == "true":
        pytest.fail(f"{lack}; in CI no test may be skipped for that")
    pytest.skip(lack)
