"""Connections that were not there: lost, turned away, or never opened for want of descriptors and ports."""

from typing import Final

from loadlab.analysis.verdict.evidence import WindowEvidence
from loadlab.recording.outcomes import Outcome
from loadlab.results.model import Finding, TrialResult

_MANY: Final = 0.1
# A server of ours keeps eight to spare when it is as full as it says it can be; one that has run out has none, or turns
# connections away by means of a last one.
_FREE_DESCRIPTORS: Final = 4


def idle_not_opened(result: TrialResult, window: WindowEvidence) -> Finding | None:
    """Tell when the load was lighter than asked for."""
    idle = result.idle
    if idle is None or idle.opened >= idle.wanted:
        return None
    missing = idle.wanted - idle.opened
    why = f" ({idle.problem})" if idle.problem else ""
    return Finding(
        code="idle_not_opened",
        severity="invalid" if missing > _MANY * idle.wanted else "suspect",
        text=f"Not all idle connections could be opened{why}, so the load was lighter than the profile says.",
        evidence=f"{idle.opened:,} of {idle.wanted:,} opened",
        advice="Look whether the target still accepts and answers, raise the limit of open files, "
        "or ask for fewer idle connections.",
    )


def idle_died(result: TrialResult, window: WindowEvidence) -> Finding | None:
    """Tell when the load became lighter than asked for."""
    idle = result.idle
    if idle is None or idle.alive >= idle.opened:
        return None
    died = idle.opened - idle.alive
    return Finding(
        code="idle_died",
        severity="invalid" if died > _MANY * idle.opened else "suspect",
        text="Idle connections died before the end, so the load was lighter than the profile says.",
        evidence=f"{died:,} of {idle.opened:,} died",
        advice="Raise the target's own timeout for idle connections, and look into its log for why it closed them.",
    )


def listen_queue_full(result: TrialResult, window: WindowEvidence) -> Finding | None:
    """Tell when the kernel turned connections away because the target did not accept them fast enough.

    Each was tried again after a second or more, which shows in the times if it was in the window. Before the window it
    only took longer to open the connections.
    """
    queue = window.listen_queue
    if queue is None or not queue.before + queue.within:
        return None
    return Finding(
        code="listen_queue_full",
        severity="suspect" if queue.within else "note",
        text="The target's listen queue was full, and connections were turned away, to be tried again a second later.",
        evidence=f"{queue.within:,} turned away in the window, {queue.before:,} before it; {queue.backlog:,} may wait",
        advice="Have the target listen with a longer backlog, "
        "and let the kernel allow it: sysctl -w net.core.somaxconn=4096.",
    )


def client_out_of_files(result: TrialResult, window: WindowEvidence) -> Finding | None:
    """Tell when the load's processes ran out of descriptors."""
    missing = result.outcomes.get(Outcome.NO_FILE_DESCRIPTOR, 0)
    if not missing:
        return None
    return Finding(
        code="client_out_of_files",
        severity="suspect",
        text="The load ran out of file descriptors, so it was lighter than the profile says.",
        evidence=f"connections not opened for want of a descriptor: {missing:,}",
        advice="Raise the limit in the shell that starts loadlab: prlimit --pid $$ --nofile=1048576 (as root), "
        "or use more load workers.",
    )


def client_out_of_ports(result: TrialResult, window: WindowEvidence) -> Finding | None:
    """Tell when the load had no local port left for a connection."""
    missing = result.outcomes.get(Outcome.NO_LOCAL_PORT, 0)
    if not missing:
        return None
    return Finding(
        code="client_out_of_ports",
        severity="suspect",
        text="The load ran out of local ports, so it was lighter than the profile says.",
        evidence=f"connections not opened for want of a local port: {missing:,}",
        advice="Widen the range: sysctl -w net.ipv4.ip_local_port_range='1024 65535'; "
        "and have the target keep connections open, as each one that the load closes holds its port for a minute.",
    )


def target_out_of_files(result: TrialResult, window: WindowEvidence) -> Finding | None:
    """Tell when a process of the target had hardly a descriptor left at the begin or the end of the window."""
    files = window.fullest_target
    if files is None or files.limit - files.open >= _FREE_DESCRIPTORS:
        return None
    return Finding(
        code="target_out_of_files",
        severity="suspect",
        text="The target ran out of file descriptors, so it could not take all connections.",
        evidence=f"{files.open:,} of {files.limit:,} descriptors open in its process {files.pid}",
        advice=f"Raise its limit: prlimit --pid {files.pid} --nofile=1048576 (as root) while it runs, "
        "LimitNOFILE= where systemd starts it, or prlimit --pid $$ --nofile=1048576 in the shell that starts loadlab.",
    )
