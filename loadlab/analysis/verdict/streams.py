"""What is amiss with connections that live long: streams that end, and messages that belong to no answer."""

from typing import Final

from loadlab.analysis.summary import trusted_ns
from loadlab.analysis.verdict.evidence import WindowEvidence
from loadlab.results.trial import TrialResult
from loadlab.results.verdict import Finding
from loadlab.units import format_duration_ns

_MANY_ENDED: Final = 0.01
_MANY_UNASKED: Final = 0.1
_SOME_LATE: Final = 0.01
_MANY_LATE: Final = 0.1
_LARGE_PART: Final = 0.1


def streams_ended(result: TrialResult, window: WindowEvidence) -> Finding | None:
    """Check that streams go on: each that ends misses what is sent until it is open again.

    A note: it is the server that ends them, or a proxy in between, and its clients see the same.
    """
    if not result.ended or result.ended <= _MANY_ENDED * result.requests:
        return None
    return Finding(
        code="streams_ended",
        severity="note",
        text="The server ended streams, which were opened again: what it sent meanwhile is in no figure.",
        evidence=f"{result.ended:,} streams ended, for {result.requests:,} events",
        advice="Look for a limit on how long a response may take, at the server or a proxy. Answers that are streams "
        "with an end, as those of language models, are measured as requests: protocol: http, and stream: true.",
    )


def streams_late(result: TrialResult, window: WindowEvidence) -> Finding | None:
    """Check that all streams were open when the window began: until then there are fewer subscribers than asked for."""
    late = result.connects.opened - result.ended
    if result.protocol != "events" or window.users is None or late <= _SOME_LATE * window.users:
        return None
    return Finding(
        code="streams_late",
        severity="suspect" if late > _MANY_LATE * window.users else "note",
        text="Streams were still being opened when the window began, so events had fewer subscribers at first.",
        evidence=f"{late:,} of {window.users:,} streams opened in the window",
        advice="Warm up for longer (load.warmup). If the listen queue overflowed, a longer backlog opens them faster.",
    )


def unasked_messages(result: TrialResult, window: WindowEvidence) -> Finding | None:
    """Check that answers are those to the messages sent, unless the profile says by what they are known.

    With a count alone any message is taken for the answer that comes while one is due. Where others come besides, some
    of these were taken for answers, and round trips are too short.
    """
    if window.answers_are_matched or result.unasked <= _MANY_UNASKED * result.requests:
        return None
    return Finding(
        code="unasked_messages",
        severity="suspect",
        text="Messages came that no message had asked for, so others like them may have been taken for answers.",
        evidence=f"{result.unasked:,} messages belong to no answer, beside {result.requests:,} answers",
        advice="Set message.matches to what only answers contain, or message.answer to how many messages make one.",
    )


def two_clocks(result: TrialResult, window: WindowEvidence) -> Finding | None:
    """Check that the delivery delay comes from one clock: a server on another machine has one of its own.

    A note, as how far the two differ cannot be seen from here. How far the clocks of a cluster's machines are from the
    coordinator's is known: suspect if that is more than a tenth of the delay of a server here.
    """
    if not result.delay_ns.count or result.server is None:
        return None
    off_ns = {
        machine.name: abs(machine.clock.offset_ns) + machine.clock.bound_ns
        for machine in result.machines
        if machine.clock is not None
    }
    most = max(off_ns, key=lambda name: off_ns[name], default="")
    if not result.server.remote and not off_ns.get(most):
        return None
    evidence = f"events were sent by {result.server.address}, on another machine"
    is_far = False
    if not result.server.remote:
        is_far = off_ns[most] > _LARGE_PART * (trusted_ns(result.delay_ns, "p50") or 0)
        evidence = f"the clock of client machine {most} is off by up to {format_duration_ns(off_ns[most])}"
    return Finding(
        code="two_clocks",
        severity="suspect" if is_far else "note",
        text="The delivery delay is from the server's clock to the client's: it is wrong by as much as they differ.",
        evidence=evidence,
        advice="Synchronise both clocks (chronyc tracking shows by how much they are off), or measure on one machine.",
    )
