"""Whether the client was in the way: how much of the times is its own, and whether throughput was its limit."""

import math
from typing import Final

from loadlab.analysis.summary import Percentile, trusted_ns
from loadlab.analysis.verdict.evidence import WindowEvidence
from loadlab.recording.outcomes import Outcome
from loadlab.results.requests import LatencySummary
from loadlab.results.trial import TrialResult
from loadlab.results.verdict import Finding
from loadlab.results.vocabulary import vocabulary_of_schedule
from loadlab.units import format_duration_ns, format_share

RATE_MET: Final = 0.95
"""An open load is met from this share of its rate on: random arrivals scatter, and some are in flight at the end."""

_SHOWN: Final[tuple[Percentile, ...]] = ("p50", "p90", "p99")
_TENTH: Final = 0.1
_HALF: Final = 0.5
# Being woken, reading and parsing take a process tens of microseconds in any case. Beside a response of fifty that is a
# large share, and noted; but only beyond this is something wrong with the client.
_UNAVOIDABLE_NS: Final = 100_000
# A scenario's code and httpx take 0.1 to 0.4 ms for each request, and answers to other users wait for a few of these.
_UNAVOIDABLE_BESIDE_SCENARIOS_NS: Final = 1_000_000
# What is left of a full core are moments between two requests.
_FULL_CORE: Final = 0.95
# Less for the target, in doubt for it: with both sides close to full it is its limit as much as the client's.
_FULL_TARGET: Final = 0.85
# A client core may also be full of what runs beside the load worker; then the worker has at least this much of it.
_MAINLY_WORKER: Final = 0.5
_BEHIND: Final = 0.5
_RATE_MISSED: Final = 0.001


def throughput_is_lower_bound(result: TrialResult) -> bool:
    """Return whether the client held the target back: then "at least" belongs before the throughput.

    An open load that is met has asked for no more: its throughput is the rate, and "at least" would add nothing. One
    that is missed for the target's own sake has found its limit, unless the client took CPU time from the target.
    """
    codes = {finding.code for finding in result.verdict.findings if finding.severity != "note"}
    return "client_bound" in codes or ("shared_core" in codes and not rate_is_met(result))


def rate_is_met(result: TrialResult) -> bool:
    """Return whether an open load was answered at the rate that it asked for; a closed one has none."""
    offered, answered = result.offered_per_second, result.scheduled.requests_per_second
    return offered is not None and answered is not None and answered >= RATE_MET * offered


def dropped_share(result: TrialResult) -> float:
    """Return the share of the schedule's requests that were never sent, or of its iterations."""
    outcomes = result.scheduled.outcomes
    dropped, total = outcomes.get(Outcome.DROPPED, 0), sum(outcomes.values())
    return dropped / total if total else 0.0


def advice_on_users(result: TrialResult) -> str:
    """Return how many users a schedule of iterations needs, by Little's law; empty without a scenario."""
    iterations, rate = result.iterations, result.offered_per_second
    if iterations is None or not iterations.service_ns.mean or not rate:
        return ""
    takes_ns = iterations.service_ns.mean
    needed = math.ceil(rate * takes_ns / 1e9)
    return (
        f"An iteration takes {format_duration_ns(takes_ns)} in the mean, so at this rate about {needed:,} "
        f"{'is' if needed == 1 else 'are'} under way at a time: raise load.connections, the number of users, well "
        "above that. If it is, the target cannot keep up with this rate."
    )


def client_is_behind(result: TrialResult) -> bool:
    """Return whether responses waited for the client for most of their time.

    Then it takes longer over a request than the target: responses queue in its sockets, not requests in the target's.
    """
    added, service = trusted_ns(result.client_ns, "p50"), trusted_ns(result.service_ns, "p50")
    return added is not None and service is not None and added > _BEHIND * service


def client_bound(result: TrialResult, window: WindowEvidence) -> Finding | None:
    """Check that the client was not the limit: if it was, throughput is the client's, whatever the server could do.

    In the closed model the client asks for as much as it can, so a full core of it beside a target that was not full
    shows it. In the open model a worker watches the clock before each arrival, so its core looks full at any rate;
    there the client is the limit if it missed its rate while responses queued in its own sockets.
    """
    closed = result.load_model != "open"
    evidence = _full_beside_free_target(result, window) if closed else _behind_schedule(result)
    if evidence is None:
        return None
    return Finding(
        code="client_bound",
        severity="suspect",
        text="The client was the bottleneck, not the target: events waited for it, and part of their delay is its own."
        if result.protocol == "events"
        else "The client was the bottleneck, not the target: the target's throughput is at least this figure.",
        evidence=evidence,
        advice="Give the client more load workers and cores, or the target fewer cores."
        if result.iterations is None
        else "Give the client more load workers and cores: with a scenario each request takes it 0.1 to 0.4 ms.",
    )


def late(result: TrialResult, window: WindowEvidence) -> Finding | None:
    """Check that requests of a schedule did not leave so late that it shows in the response times."""
    if result.load_model != "open":
        return None
    scheduled, words = result.scheduled, vocabulary_of_schedule(result)
    gravest = _gravest_share(scheduled.lateness_ns, scheduled.response_ns)
    if gravest is None or gravest[1] <= _TENTH or gravest[2] <= _UNAVOIDABLE_NS:
        return None
    percentile, _, lateness_ns = gravest
    waiting_for = "connection" if result.iterations is None else "user"
    return Finding(
        code="late",
        severity="suspect",
        text=words.fill("{Message}s were {sent} later than scheduled, ")
        + f"waiting for a free {waiting_for} or for the client's CPU.",
        evidence=f"{percentile} of lateness {format_duration_ns(lateness_ns)}, "
        f"of {words.phrase_of_time} {format_duration_ns(trusted_ns(scheduled.response_ns, percentile) or 0)}",
        advice=advice_on_users(result)
        or "Raise load.connections if they were all in use and the target has CPU time left, else lower the rate.",
    )


def client_added(result: TrialResult, window: WindowEvidence) -> Finding | None:
    """Check that the client added little to the times itself, from the arrival of a response to its being parsed.

    In the open model that is an error of measurement, suspect from a tenth on. In the closed model at saturation it is
    natural up to a point: responses come in batches, and each waits for those before it. With B connections, c of
    client time and s of server time per request, a cycle takes about B (s + c), and the last response of a batch waits
    B c. So it is a note from a tenth on, and suspect where it passes a half: only where the client spends more on a
    request than the server, or stands still, and the times describe the client.

    The code of a scenario runs between the arrival of one answer and the reading of the next: up to a millisecond of
    that is a note in any case.

    Where the samples are too few, or the kernel gives no stamps, the dispatch time stands in. It begins when the client
    has been woken, so it is always less.
    """
    stamped = trusted_ns(result.client_ns, "p50") is not None
    added = result.client_ns if stamped else result.dispatch_ns
    # Events come when the server sends them: what the client may add to is the time that they are under way.
    of_events = result.protocol == "events"
    whole, called = (result.delay_ns, "delivery delay") if of_events else (result.response_ns, "response time")
    gravest = _gravest_share(added, whole)
    if gravest is None or gravest[1] <= _TENTH:
        return None
    percentile, share, added_ns = gravest
    allowed = _TENTH if result.load_model == "open" else _HALF
    unavoidable_ns = _UNAVOIDABLE_NS if result.iterations is None else _UNAVOIDABLE_BESIDE_SCENARIOS_NS
    return Finding(
        code="client_added",
        severity="suspect" if share > allowed and added_ns > unavoidable_ns else "note",
        text=f"A good part of the {called}s was added by the client itself.",
        evidence=f"{percentile} of {'client' if stamped else 'dispatch'} time {format_duration_ns(added_ns)}, "
        f"of {called} {format_duration_ns(trusted_ns(whole, percentile) or 0)}",
        advice="Use more load workers and cores, or fewer connections per worker.",
    )


def _gravest_share(part: LatencySummary, whole: LatencySummary) -> tuple[Percentile, float, int] | None:
    """Return the percentile at which `part` makes up most of `whole`, that share, and the part in ns."""
    shares = [
        (percentile, part_ns / whole_ns, part_ns)
        for percentile in _SHOWN
        if (part_ns := trusted_ns(part, percentile)) is not None and (whole_ns := trusted_ns(whole, percentile))
    ]
    return max(shares, key=lambda entry: entry[1], default=None)


def _behind_schedule(result: TrialResult) -> str | None:
    missed = dropped_share(result)
    if missed <= _RATE_MISSED or not client_is_behind(result):
        return None
    never_sent = f"{format_share(missed)} of the schedule never sent"
    return f"{never_sent}, while responses spent most of their time waiting for the client"


def _full_beside_free_target(result: TrialResult, window: WindowEvidence) -> str | None:
    busiest = max(window.client_busy_by_worker, default=0.0)
    client, target = window.pool("client"), window.pool("target")
    fullest = max(busiest, client.busy_of_fullest(1) if client is not None and busiest >= _MAINLY_WORKER else 0.0)
    # A target cannot use more cores than it has threads, so a busy single-threaded one is full on many cores.
    usable = window.target_cores
    if result.target is not None:
        usable = max(1, min(usable, result.target.threads))
    used = window.target_busy
    if target is not None and used is not None:
        # Its network's work may be done in interrupts that no process is charged with: so look at its cores too.
        used = max(used, target.busy_of_fullest(usable) - target.others)
    target_full = used is not None and used > _FULL_TARGET * usable
    if fullest < _FULL_CORE or (target_full and not client_is_behind(result)):
        return None
    of_cores = f"of {usable} core{'' if usable == 1 else 's'}"
    of_target = "was not measured" if used is None else f"used {used:.2f} {of_cores}"
    core, worker = (format_share(round(min(busy, 1.0), 2)) for busy in (fullest, busiest))
    return f"a core of the client was {core} busy (its busiest load worker {worker}), while the target {of_target}"
