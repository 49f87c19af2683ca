"""Whatever is measured, no descriptor may stay open, and no thread or process may be left."""

import contextlib
import gc
import os
import resource
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest


def children() -> set[str]:
    """The processes that this one has started and not yet waited for; a fixture of the session may have some."""
    found: set[str] = set()
    for file in Path("/proc/self/task").glob("*/children"):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # a thread that has just ended
            found.update(file.read_text().split())
    return found


@pytest.fixture(scope="module", autouse=True)
def _no_garbage_of_others() -> None:
    """Collect what earlier tests of this process have left: it would be collected at any moment, and closes files."""
    gc.collect()


@pytest.fixture(autouse=True)
def _nothing_left() -> Iterator[None]:
    descriptors, threads, before = os.listdir("/proc/self/fd"), threading.active_count(), children()
    yield
    assert os.listdir("/proc/self/fd") == descriptors
    assert threading.active_count() == threads
    assert children() == before


@pytest.fixture
def few_open_files() -> Iterator[int]:
    """Let this process have so many open files, and no more."""
    few = len(os.listdir("/proc/self/fd")) + 64
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (few, hard))
    yield few
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
