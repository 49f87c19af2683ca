"""What the servers make of this machine's limits where the kernel does not show them, as in some sandboxes."""

import importlib.util
import resource
from types import ModuleType

import pytest

from loadlab.installation import bundled_directory


@pytest.fixture
def limits(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The servers' module, which is no part of the package."""
    spec = importlib.util.spec_from_file_location("limits", bundled_directory("targets") / "limits.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    own = {resource.RLIMIT_NOFILE: (1_000, 1_000), resource.RLIMIT_NPROC: (resource.RLIM_INFINITY,) * 2}
    monkeypatch.setattr("resource.getrlimit", own.__getitem__)
    return module


def show(monkeypatch: pytest.MonkeyPatch, limits: ModuleType, files: dict[str, str]) -> None:
    monkeypatch.setattr(limits, "_read", lambda path: files.get(path, ""))


def test_limits_that_are_not_shown_bind_nobody(limits: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    show(monkeypatch, limits, {})
    assert limits.with_a_process_each() == limits.with_a_descriptor_each() == 984
    assert limits.with_a_thread_each() == 984 // 2
    assert limits.backlog() >= 128


@pytest.mark.parametrize(
    ("files", "processes", "threads"),
    [
        ({"/proc/sys/kernel/threads-max": "500000\n", "/proc/sys/vm/max_map_count": "328\n"}, 984, 100),
        ({"/proc/meminfo": f"MemTotal: 9 kB\nMemAvailable: {2 * 100 * 2_500} kB\n"}, 100, 492),
        ({"/proc/self/cgroup": "0::/job\n", "/sys/fs/cgroup/job/pids.max": "max\n"}, 984, 492),
    ],
)
def test_the_tightest_limit_binds(
    limits: ModuleType, monkeypatch: pytest.MonkeyPatch, files: dict[str, str], processes: int, threads: int
) -> None:
    show(monkeypatch, limits, files)
    assert (limits.with_a_process_each(), limits.with_a_thread_each()) == (processes, threads)
