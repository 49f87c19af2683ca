"""What this machine says of itself."""

import platform

import pytest

from loadlab.host.fingerprint import fingerprint, parse_cpu

from .machine import FakeMachine

CPUINFO = "processor\t: 0\nmodel name\t: Fast CPU @ 3 GHz\nflags\t\t: fpu {}\n\nprocessor\t: 1\nmodel name\t: Other\n"


@pytest.mark.parametrize(
    ("cpuinfo", "expected"),
    [
        (CPUINFO.format("hypervisor sse"), ("Fast CPU @ 3 GHz", True)),
        (CPUINFO.format("sse"), ("Fast CPU @ 3 GHz", False)),
        ("processor\t: 0\nBogoMIPS\t: 50.00\n", (None, None)),
    ],
)
def test_the_first_core_tells_model_and_hypervisor(cpuinfo: str, expected: tuple[str | None, bool | None]) -> None:
    assert parse_cpu(cpuinfo) == expected


def test_a_sandbox_that_shows_nothing_has_a_fingerprint() -> None:
    host = fingerprint(FakeMachine({}))
    assert (host.memory_bytes, host.virtualised, host.local_ports) == (0, None, (32_768, 60_999))
    assert host.cpu == platform.machine()


def test_the_fingerprint_of_this_machine_is_complete() -> None:
    host = fingerprint()
    assert host.cores >= 1
    assert host.memory_bytes > 1 << 20
    assert host.local_ports[0] < host.local_ports[1]
    assert all([host.hostname, host.system, host.kernel, host.cpu, host.python])
