"""Fixtures of the tests of targets: servers to be tested, and what they need around them."""

import resource
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from .architectures import ARCHITECTURES, STREAMING, Architecture
from .postgresql_server import postgresql_serving
from .server_process import Server, serving


@pytest.fixture(params=ARCHITECTURES, ids=str)
def architecture(request: pytest.FixtureRequest, need_program: Callable[[str], str]) -> Architecture:
    """Each architecture in turn."""
    found: Architecture = request.param
    if found.program is not None:
        need_program(found.program)
    return found


@pytest.fixture
def server(architecture: Architecture) -> Iterator[Server]:
    """A server of this architecture, for this test alone."""
    with serving(architecture.name, *architecture.arguments) as running:
        yield running


@pytest.fixture(params=STREAMING)
def streaming(request: pytest.FixtureRequest, need_streaming: Callable[[str], str]) -> str:
    """The name of each server in turn that speaks more than requests and their answers."""
    return need_streaming(str(request.param))


@pytest.fixture
def streaming_server(streaming: str) -> Iterator[Server]:
    """One of these servers, for this test alone."""
    with serving(streaming) as running:
        yield running


@pytest.fixture
def many_open_files() -> Iterator[None]:
    """Let the test itself hold more than the usual 1024 descriptors."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.fixture(scope="session")
def postgresql(need_program: Callable[[str], str]) -> Iterator[str]:
    """The connection string of a real PostgreSQL server, started for this session."""
    with ExitStack() as stack:
        yield stack.enter_context(postgresql_serving(need_program))
