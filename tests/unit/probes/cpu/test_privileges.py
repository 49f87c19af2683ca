import pytest

from loadlab.probes.cpu import perf, py_spy
from loadlab.probes.requirements import Capability


@pytest.mark.parametrize("scope", [None, 0])
def test_py_spy_may_look_where_yama_does_not_object(scope: int | None) -> None:
    assert py_spy.lacking_privilege([], scope) is None


@pytest.mark.parametrize("scope", [1, 2])
def test_py_spy_needs_a_setting_or_a_capability_where_yama_objects(scope: int) -> None:
    assert py_spy.lacking_privilege([Capability.SYS_PTRACE], scope) is None
    lack = py_spy.lacking_privilege([Capability.PERFMON], scope)
    assert lack is not None
    assert f"ptrace_scope is {scope}" in lack.why
    assert "sysctl kernel.yama.ptrace_scope=0" in lack.fix


def test_nobody_may_look_where_yama_forbids_it_for_good() -> None:
    lack = py_spy.lacking_privilege([Capability.SYS_PTRACE], 3)
    assert lack is not None
    assert "boot" in lack.fix


@pytest.mark.parametrize("paranoid", [-1, 0, 1])
def test_perf_may_sample_the_kernel_where_it_is_not_paranoid(paranoid: int) -> None:
    assert perf.lacking_privilege([], paranoid) is None


@pytest.mark.parametrize("capability", [Capability.PERFMON, Capability.SYS_ADMIN])
def test_perf_needs_a_setting_or_a_capability_where_it_is(capability: Capability) -> None:
    assert perf.lacking_privilege([capability], 3) is None
    lack = perf.lacking_privilege([Capability.SYS_PTRACE], 2)
    assert lack is not None
    assert "perf_event_paranoid is 2" in lack.why
    assert "sysctl kernel.perf_event_paranoid=1" in lack.fix


def test_a_kernel_without_perf_events_is_told() -> None:
    lack = perf.lacking_privilege([Capability.SYS_ADMIN], None)
    assert lack is not None
    assert "CONFIG_PERF_EVENTS" in lack.fix
