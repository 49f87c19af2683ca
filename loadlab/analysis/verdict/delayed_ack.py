"""Whether service times lie where Nagle's algorithm at the server and delayed ACKs at the client put them.

A server that writes a response in two pieces, head and body say, on a connection without TCP_NODELAY has the second one
held back by its kernel until the first is acknowledged (RFC 896; RFC 9293, 3.7.4). The client has nothing to send, so
its kernel delays that ACK (RFC 9293, 3.8.6.3): on Linux for 40 ms, and up to a tick of its timer more. So such
responses take 40 to 44 ms, with what the server needs for the first piece, whatever is asked for.
"""

from typing import Final

from loadlab.analysis.verdict.evidence import WindowEvidence
from loadlab.results.trial import TrialResult
from loadlab.results.verdict import Finding
from loadlab.results.vocabulary import vocabulary_of
from loadlab.units import format_share

# A tick may be 10 ms, and a server that is busy needs some milliseconds for the first piece.
_FROM_NS: Final = 40_000_000
_WIDTH_NS: Final = 12_000_000
_TIMES_MORE: Final = 5
_SHARE: Final = 0.01
_FEWEST: Final = 10


def delayed_ack(result: TrialResult, window: WindowEvidence) -> Finding | None:
    """Check that there is no excess of service times at 40 to 52 ms, against the 12 ms before and after.

    A note: it is the server's behaviour, and part of what is measured. A handler that takes as long looks the same.
    """
    times = window.service_times
    if times is None or result.protocol == "events":  # their times are the pace at which the server sends
        return None
    above = [times.count_above(_FROM_NS + step * _WIDTH_NS) for step in (-1, 0, 1, 2)]
    before, within, after = (above[step] - above[step + 1] for step in range(3))
    if within < max(_FEWEST, _SHARE * times.count, _TIMES_MORE * before, _TIMES_MORE * after):
        return None
    return Finding(
        code="delayed_ack",
        severity="note",
        text=f"Many {vocabulary_of([result]).answer}s took 40 to 52 ms, as they do if the server writes them in pieces "
        "without TCP_NODELAY: each waits for the client's delayed ACK.",
        evidence=f"{within:,} of {times.count:,} service times ({format_share(round(within / times.count, 3))}) lie "
        f"between 40 and 52 ms, {before:,} in the 12 ms before that and {after:,} in the 12 ms after",
        advice="Set TCP_NODELAY on the server's connections, or have it write each answer with one call. Where a "
        "handler takes 40 ms by itself, this is no fault.",
    )
