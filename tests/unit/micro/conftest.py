"""Whatever is measured, no descriptor may stay open, and no thread or process may be left."""

import os
import resource
import threading
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def _nothing_left() -> Iterator[None]:
    descriptors, threads = os.listdir("/proc/self/fd"), threading.active_count()
    yield
    assert os.listdir("/proc/self/fd") == descriptors
    assert threading.active_count() == threads
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)


@pytest.fixture
def few_open_files() -> Iterator[int]:
    """Let this process have so many open files, and no more."""
    few = len(os.listdir("/proc/self/fd")) + 64
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (few, hard))
    yield few
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
