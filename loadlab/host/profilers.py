"""Checks of the programs that look into a server while it works: is each there, and does this kernel let it?

None is needed to measure. What is missing costs that look only, so all findings are warnings.
"""

from typing import Final

from loadlab.host.condition import Capability, Condition
from loadlab.host.diagnosis import Diagnosis, State
from loadlab.host.needs import Needs

_AS_ROOT: Final = "run loadlab as root"
_PARANOID_WITH_KERNEL: Final = 1  # the highest kernel.perf_event_paranoid that shows the kernel's side to everyone
_PARANOID_AT_ALL: Final = 2  # beyond it are distributions' own values, which forbid perf to all but root
_SCOPE_OF_OWN: Final = 0  # kernel.yama.ptrace_scope; from 1 on only one's own children may be traced
_SCOPE_OF_NOBODY: Final = 3


def check_perf(condition: Condition, _needs: Needs) -> Diagnosis:
    """Look whether perf can count system calls and sample stacks, the kernel's among them."""
    found, paranoid = condition.profilers, condition.profilers.perf_paranoid
    if "perf" not in found.programs:
        return _missing("perf", "`apt-get install linux-perf` (Ubuntu: linux-tools-generic)")
    if paranoid is None:
        return _lacking("perf", "this kernel has no perf events", "use a kernel with CONFIG_PERF_EVENTS")
    privileged = bool(condition.capabilities & {Capability.PERFMON, Capability.SYS_ADMIN})
    if paranoid > _PARANOID_WITH_KERNEL and not privileged:
        forbidden = "perf" if paranoid > _PARANOID_AT_ALL else "what the kernel does: system calls and its stacks"
        return _lacking(
            "perf",
            f"kernel.perf_event_paranoid is {paranoid}, which hides {forbidden}",
            f"`sysctl kernel.perf_event_paranoid={_PARANOID_WITH_KERNEL}`, or {_AS_ROOT}",
        )
    return _lacking_tracing("perf", condition) or Diagnosis("perf", "available")


def check_bpftrace(condition: Condition, _needs: Needs) -> Diagnosis:
    """Look whether bpftrace can watch the tracepoints of system calls."""
    if "bpftrace" not in condition.profilers.programs:
        return _missing("bpftrace", "`apt-get install bpftrace`")
    # Most versions insist on root itself, whatever the capabilities.
    if not condition.root:
        return _lacking("bpftrace", "it works for root only", _AS_ROOT)
    both = {Capability.BPF, Capability.PERFMON}
    if not (both <= condition.capabilities or Capability.SYS_ADMIN in condition.capabilities):
        return _lacking(
            "bpftrace",
            "this root lacks the capabilities CAP_BPF and CAP_PERFMON",
            "start the container with `--cap-add BPF --cap-add PERFMON`",
        )
    return _lacking_tracing("bpftrace", condition) or Diagnosis("bpftrace", "available")


def check_strace(condition: Condition, _needs: Needs) -> Diagnosis:
    """Look whether strace can attach to a running target."""
    if "strace" not in condition.profilers.programs:
        return _missing("strace", "`apt-get install strace`")
    return _lacking_ptrace("strace", condition) or Diagnosis("strace", "available")


def check_py_spy(condition: Condition, _needs: Needs) -> Diagnosis:
    """Look whether py-spy can read the stacks of a running Python target."""
    if "py-spy" not in condition.profilers.programs:
        return _missing("py-spy", "`pip install py-spy` into loadlab's environment")
    return _lacking_ptrace("py-spy", condition) or Diagnosis("py-spy", "available")


def _lacking_tracing(name: str, condition: Condition) -> Diagnosis | None:
    match condition.profilers.tracing:
        case "readable":
            return None
        case "not readable":
            return _lacking(name, "the tracepoints in /sys/kernel/tracing cannot be read", _AS_ROOT)
        case "absent":
            return _lacking(
                name,
                "the tracepoints of system calls are not in /sys/kernel/tracing",
                "`mount -t tracefs tracefs /sys/kernel/tracing`",
            )


def _lacking_ptrace(name: str, condition: Condition) -> Diagnosis | None:
    scope = condition.profilers.ptrace_scope
    if scope is None or scope == _SCOPE_OF_OWN:
        return None
    if scope >= _SCOPE_OF_NOBODY:
        fix = "set it to 0 in /etc/sysctl.d and boot again: this value cannot be changed before"
        return _lacking(name, f"kernel.yama.ptrace_scope is {scope}, so nobody may attach to a process", fix)
    if Capability.SYS_PTRACE in condition.capabilities:
        return None
    return _lacking(
        name,
        f"kernel.yama.ptrace_scope is {scope}, so it may not attach to a running target",
        f"`sysctl kernel.yama.ptrace_scope=0`, or {_AS_ROOT}",
    )


def _missing(name: str, fix: str) -> Diagnosis:
    return _lacking(name, "it is not installed", fix)


def _lacking(name: str, problem: str, fix: str) -> Diagnosis:
    return Diagnosis(name, "not available", None, State.WARNING, problem, fix)
