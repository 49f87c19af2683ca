"""How much of the times that are shown is the load's own doing."""

from typing import Final

from loadlab.analysis.verdict.evidence import WindowEvidence
from loadlab.analysis.verdict.percentiles import Percentile, trusted_ns
from loadlab.results.model import Finding, LatencySummary, TrialResult
from loadlab.units import format_duration_ns

_SHOWN: Final[tuple[Percentile, ...]] = ("p50", "p90", "p99")
_TENTH: Final = 0.1
_HALF: Final = 0.5
# A process is woken, reads and parses in tens of microseconds, whatever one does. Beside an answer of fifty that is
# much, and told; but only beyond this is something wrong with the load.
_UNAVOIDABLE_NS: Final = 100_000


def late(result: TrialResult, window: WindowEvidence) -> Finding | None:
    """Tell when requests of a schedule left so late that it shows in the response times."""
    if result.load_model != "open":
        return None
    gravest = _gravest_share(result.lateness_ns, result.response_ns)
    if gravest is None or gravest[1] <= _TENTH or gravest[2] <= _UNAVOIDABLE_NS:
        return None
    percentile, _, lateness_ns = gravest
    return Finding(
        code="late",
        severity="suspect",
        text="Requests left later than the schedule said, waiting for a free connection or for the load's CPU.",
        evidence=f"{percentile} of lateness {format_duration_ns(lateness_ns)}, "
        f"of response {format_duration_ns(trusted_ns(result.response_ns, percentile) or 0)}",
        advice="Raise load.connections if they were all in use and the target has CPU time left, else lower the rate.",
    )


def client_added(result: TrialResult, window: WindowEvidence) -> Finding | None:
    """Tell when the client itself made a good part of the times: from the arrival of the answer to its being parsed.

    In the open model that is an error of measurement, suspect from a tenth on. In the closed model at saturation it is
    natural up to a point: answers come in batches, and each waits for those before it. With B connections, c of client
    time and s of server time per request, a cycle takes about B (s + c), and the last answer of a batch waits B c. So
    it is a note from a tenth on, and suspect where it passes a half: only where the client spends more on a request
    than the server, or stands still, and the times tell of the client.

    Where the samples are too few, or the kernel gives no stamps, the dispatch time stands in. It begins when the client
    has been woken, so it is always less.
    """
    stamped = trusted_ns(result.client_ns, "p50") is not None
    added = result.client_ns if stamped else result.dispatch_ns
    gravest = _gravest_share(added, result.response_ns)
    if gravest is None or gravest[1] <= _TENTH:
        return None
    percentile, share, added_ns = gravest
    allowed = _TENTH if result.load_model == "open" else _HALF
    return Finding(
        code="client_added",
        severity="suspect" if share > allowed and added_ns > _UNAVOIDABLE_NS else "note",
        text="A good part of the response times is time that the load itself added.",
        evidence=f"{percentile} of {'client' if stamped else 'dispatch'} time {format_duration_ns(added_ns)}, "
        f"of response {format_duration_ns(trusted_ns(result.response_ns, percentile) or 0)}",
        advice="Use more load workers and cores, or fewer connections for each.",
    )


def _gravest_share(part: LatencySummary, whole: LatencySummary) -> tuple[Percentile, float, int] | None:
    """Return the percentile at which `part` makes up most of `whole`, that share, and the part in ns."""
    shares = [
        (percentile, part_ns / whole_ns, part_ns)
        for percentile in _SHOWN
        if (part_ns := trusted_ns(part, percentile)) is not None and (whole_ns := trusted_ns(whole, percentile))
    ]
    return max(shares, key=lambda entry: entry[1], default=None)
