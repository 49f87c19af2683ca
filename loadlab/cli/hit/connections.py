"""What `loadlab hit` prints on connections and streams: how they opened, what came on them, what idle ones take."""

from collections.abc import Iterator
from typing import Final

from loadlab.analysis.summary import Percentile, trusted_ns
from loadlab.cli.lines import Line, labelled, labelled_parts
from loadlab.report.idle_memory import MEMORY_OF_ONE, MEMORY_PARTS
from loadlab.results.idle import IdleSummary
from loadlab.results.requests import LatencySummary
from loadlab.results.trial import TrialResult
from loadlab.results.vocabulary import vocabulary_of
from loadlab.units import format_duration_ns, format_size_bytes

PERCENTILES: Final[tuple[Percentile, ...]] = ("p50", "p90", "p99", "p99.9")


def write_percentiles(summary: LatencySummary) -> list[str]:
    """Return those of them that can be trusted: `p50 1.2 ms`."""
    return [f"{name} {format_duration_ns(value)}" for name in PERCENTILES if (value := trusted_ns(summary, name))]


def stream_lines(trial: TrialResult) -> Iterator[Line]:
    """Yield when streams began, how far their pieces lie apart, and what came that is no answer."""
    first, gaps = ("first event", "") if trial.protocol == "events" else ("first byte", "between pieces")
    for label, summary in ((first, trial.first_ns), (gaps, trial.gap_ns)):
        if label and (times := write_percentiles(summary)):
            yield from labelled_parts(label, times)
    if trial.received_bytes and trial.window_ns:
        yield labelled("bytes/s", f"{format_size_bytes(trial.received_bytes * 1e9 / trial.window_ns)}/s")
    if trial.ended:
        yield labelled("streams", f"{trial.ended:,} ended by the server")
    parts = [f"{trial.unasked:,} that nothing had asked for"] if trial.unasked else []
    parts += [f"{trial.pings:,} pings answered"] if trial.pings else []
    if parts:
        yield from labelled_parts("messages", parts)


def connection_lines(trial: TrialResult) -> Iterator[Line]:
    """Yield how many connections were opened and how long that took, and what became of the idle ones."""
    connects = trial.connects
    words = vocabulary_of([trial])
    parts = [f"{connects.opened:,} opened in the window"] if connects.opened else []
    parts += [f"{count:,} failed: {outcome}" for outcome, count in connects.failed.items() if count]
    if trial.retried:
        parts.append(f"{trial.retried:,} {words.message}s sent again")
    if parts:
        yield from labelled_parts("connections", parts)
    for label, summary in (
        ("connecting", trial.connect_ns),
        ("TLS handshake", trial.handshake_ns),
        ("upgrade", trial.upgrade_ns),
    ):
        if times := write_percentiles(summary):
            yield from labelled_parts(label, times)
    if trial.idle is not None:
        yield from labelled_parts("idle", _idle(trial, trial.idle))


def _idle(trial: TrialResult, idle: IdleSummary) -> Iterator[str]:
    """Yield what became of the idle connections, and what one of them takes of memory at both ends."""
    yield f"{idle.alive:,} of {idle.wanted:,} alive at the end"
    if idle.pings:
        yield f"{idle.pings:,} pings answered"
    if (memory := MEMORY_OF_ONE.read(trial)) is not None:
        parts = (part.read(trial) or 0.0 for part in MEMORY_PARTS)
        kernel, target, client = map(format_size_bytes, parts)
        yield f"{format_size_bytes(memory)} each: kernel {kernel}, server {target}, client {client}"
