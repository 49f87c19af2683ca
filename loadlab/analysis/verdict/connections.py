"""Connections that were missing or broke: never opened, lost, turned away, or ended by a target that died."""

from collections.abc import Mapping
from typing import Final

from loadlab.analysis.failures import advice_on
from loadlab.analysis.verdict.evidence import WindowEvidence
from loadlab.recording.outcomes import Outcome
from loadlab.results.trial import LoadProtocol, TrialResult
from loadlab.results.verdict import Finding
from loadlab.results.vocabulary import vocabulary_of

_MANY: Final = 0.1
# Connections opened for more than half of the responses are opened for each, some of them beside the window's edges.
_MOST_REQUESTS: Final = 0.5
_FEWEST_OPENED: Final = 10
# A bundled server keeps eight to spare when it is as full as it says it can be; one that has run out has none, or turns
# connections away by means of a last one.
_FREE_DESCRIPTORS: Final = 4
_PER_REQUEST: Final = "with load.connection: per-request this is what the profile asks for."
_ON_CLOSING: Final[Mapping[LoadProtocol, str]] = {
    "http": f"Enable keep-alive at the server if its clients use it; {_PER_REQUEST}",
    "websocket": f"Look for why the server closes its WebSockets after a message; {_PER_REQUEST}",
    "tcp": f"Look for why the server closes connections after an answer; {_PER_REQUEST}",
    "events": "Look for why the server ends its streams after an event or two; a proxy may do so, too.",
}


def idle_not_opened(result: TrialResult, window: WindowEvidence) -> Finding | None:
    """Check that all idle connections were opened: otherwise the load was lighter than asked for."""
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
        advice="Check that the target still accepts and answers, raise the limit of open files, "
        "or ask for fewer idle connections.",
    )


def idle_died(result: TrialResult, window: WindowEvidence) -> Finding | None:
    """Check that no idle connection was lost on the way: the load became lighter with each."""
    idle = result.idle
    if idle is None or idle.alive >= idle.opened:
        return None
    lost = idle.opened - idle.alive
    return Finding(
        code="idle_died",
        severity="invalid" if lost > _MANY * idle.opened else "suspect",
        text="Idle connections were closed before the end, so the load was lighter than the profile says.",
        evidence=f"{lost:,} of {idle.opened:,} closed",
        advice="Raise the target's own timeout for idle connections, and look in its log for why it closed them.",
    )


def each_request_connects(result: TrialResult, window: WindowEvidence) -> Finding | None:
    """Check that connections are used again, unless the profile asks for one per request.

    A note: the server closes them, and what that costs is part of what is measured.
    """
    answered = result.outcomes.get(Outcome.OK, 0) + result.outcomes.get(Outcome.STATUS, 0)
    opened = result.connects.opened
    if window.connects_per_request or opened < _FEWEST_OPENED or opened <= _MOST_REQUESTS * answered:
        return None
    words = vocabulary_of([result])
    return Finding(
        code="each_request_connects",
        severity="note",
        text=f"Each {words.one} opens a connection: the server closes them, so the figures include setting them up.",
        evidence=f"{opened:,} connections opened for {answered:,} {words.answer}s",
        advice=_ON_CLOSING[result.protocol],
    )


_REFUSED: Final = "handshake refused"


def connects_failed(result: TrialResult, window: WindowEvidence) -> Finding | None:
    """Check that no attempt to connect failed. Those are repeated, and a request that waits meanwhile is late."""
    failed = {outcome: count for outcome, count in result.connects.failed.items() if count}
    if not failed:
        return None
    counted = ", ".join(
        f"{_REFUSED if outcome == Outcome.STATUS else outcome} {count:,}"
        for outcome, count in sorted(failed.items(), key=lambda one: -one[1])
    )
    return Finding(
        code="connects_failed",
        severity="note",
        text=f"Attempts to connect failed and were repeated; {vocabulary_of([result]).many} waited for them.",
        evidence=f"{sum(failed.values()):,} attempts failed: {counted}; {result.connects.opened:,} succeeded",
        advice=advice_on(max(failed, key=lambda outcome: failed[outcome]), result.protocol),
    )


def listen_queue_full(result: TrialResult, window: WindowEvidence) -> Finding | None:
    """Check that the kernel turned no connections away because the target did not accept them fast enough.

    Each was retried after a second or more, which shows in the times if it was in the window. Before the window it only
    took longer to open the connections.

    A listener's own count has a few packets in it that were dropped for other reasons, where clients reset connections.
    So the machine's count of connections that were dropped at listeners, if it is known, is the most that it can be.
    """
    queue = window.listen_queue
    if queue is None:
        return None
    within = queue.within
    if result.probes.sockets is not None:
        within = min(within, result.probes.sockets.counted.listen_drops)
    if not queue.before + within:
        return None
    return Finding(
        code="listen_queue_full",
        severity="suspect" if within else "note",
        text="The target's listen queue overflowed: connections were turned away, and retried a second later.",
        evidence=f"{within:,} turned away in the window, {queue.before:,} before it; the queue holds {queue.backlog:,}",
        advice="Have the target listen with a longer backlog, "
        "and let the kernel allow it: sysctl -w net.core.somaxconn=4096.",
    )


def client_out_of_files(result: TrialResult, window: WindowEvidence) -> Finding | None:
    """Check that the client's processes did not run out of descriptors."""
    missing = _not_opened(result, Outcome.NO_FILE_DESCRIPTOR)
    if not missing:
        return None
    return Finding(
        code="client_out_of_files",
        severity="suspect",
        text="The client ran out of file descriptors, so the load was lighter than the profile says.",
        evidence=f"connections not opened for lack of a descriptor: {missing:,}",
        advice="Raise the limit in the shell that starts loadlab: prlimit --pid $$ --nofile=1048576 (as root), "
        "or use more load workers.",
    )


def client_out_of_ports(result: TrialResult, window: WindowEvidence) -> Finding | None:
    """Check that the client always had a local port left for a connection."""
    missing = _not_opened(result, Outcome.NO_LOCAL_PORT)
    if not missing:
        return None
    return Finding(
        code="client_out_of_ports",
        severity="suspect",
        text="The client ran out of local ports, so the load was lighter than the profile says.",
        evidence=f"connections not opened for lack of a local port: {missing:,}",
        advice="Widen the range: sysctl -w net.ipv4.ip_local_port_range='1024 65535'; "
        "and have the target keep connections open, as each one that the client closes holds its port for a minute.",
    )


def target_out_of_files(result: TrialResult, window: WindowEvidence) -> Finding | None:
    """Check that every process of the target had descriptors to spare at both ends of the window."""
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


def target_process_ended(result: TrialResult, window: WindowEvidence) -> Finding | None:
    """Check that processes of the target did not end in the window and break connections.

    A process that ends is nothing by itself: with a process for each connection, one ends with each connection that the
    client closes or gives up. But such a connection is not broken for the client. So a process counts where the client
    lost connections that it had not ended itself: those are what a crash, or a restart by the target's own master
    process, leaves behind.
    """
    idle = result.idle
    lost = max(0, idle.alive_at_start - idle.alive) if idle is not None else 0
    broken = lost + result.outcomes.get(Outcome.RESET, 0) + result.outcomes.get(Outcome.CLOSED_EARLY, 0)
    if not window.target_processes_ended or not broken:
        return None
    return Finding(
        code="target_process_ended",
        severity="suspect",
        text="Processes of the target ended during the measurement, and connections broke.",
        evidence=f"{window.target_processes_ended:,} of {window.target_processes:,} processes ended; "
        f"connections broken: {broken:,}",
        advice="Look in the target's log for why they ended.",
    )


def target_died(reason: str) -> Finding:
    """Return the finding on a target that ended before its trial; `reason` is the sentence on how."""
    return Finding(
        code="target_died",
        severity="invalid",
        text="The target ended before the trial did.",
        evidence=reason,
        advice="Look in its log for why; a bundled server can be run alone: loadlab serve NAME.",
    )


def _not_opened(result: TrialResult, reason: Outcome) -> int:
    """Return how many attempts to connect failed for a reason; before they were counted apart, how many requests."""
    return max(result.connects.failed.get(reason, 0), result.outcomes.get(reason, 0))
