"""Which backend is taken, and what is said of those that are not."""

import pytest

from loadlab.probes.probe import Backend, Lack, Probe
from loadlab.probes.syscalls.choice import BACKENDS, Missed, Tracer, choose_backend
from loadlab.results.probe_data import SyscallBackend, SyscallProfile

LACK = Lack("it is not installed", "apt-get install it")


def make_backend(name: SyscallBackend, lack: Lack | None) -> Tracer:
    def open_probe(_: object) -> Probe[SyscallProfile]:
        raise AssertionError("choosing opens no probe")

    return Backend(name, lambda: lack, open_probe)


def test_the_first_that_works_is_taken_and_those_before_it_are_reported() -> None:
    backends = [make_backend("bpftrace", LACK), make_backend("perf", None), make_backend("strace", None)]
    choice = choose_backend(backends=backends)
    assert choice.backend is backends[1]
    assert choice.missed == (Missed("bpftrace", LACK),)


def test_the_one_named_is_taken_even_where_a_better_one_works() -> None:
    backends = [make_backend("bpftrace", None), make_backend("strace", None)]
    choice = choose_backend("strace", backends)
    assert choice.backend is backends[1]
    assert choice.missed == ()


def test_the_one_named_is_not_replaced() -> None:
    backends = [make_backend("bpftrace", LACK), make_backend("strace", None)]
    choice = choose_backend("bpftrace", backends)
    assert choice.backend is None
    assert choice.missed == (Missed("bpftrace", LACK),)


def test_without_any_program_all_are_reported_with_what_gives_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    choice = choose_backend()
    assert choice.backend is None
    assert [missed.name for missed in choice.missed] == [backend.name for backend in BACKENDS]
    assert all(missed.lack.why == f"{missed.name} is not installed" for missed in choice.missed)
    assert all(missed.lack.fix.startswith("apt-get install ") for missed in choice.missed)
