"""What `loadlab hit` prints at its end: plain lines of at most 80 columns, from a trial and its histograms. Pure."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from loadlab.analysis.summary import BEYOND_PER_MILLE, SAMPLES_BEYOND, trusted_ns, trustworthy_percentiles
from loadlab.analysis.uncertainty import median_over
from loadlab.analysis.verdict import throughput_is_lower_bound
from loadlab.cli.hit.connections import PERCENTILES, connection_lines, stream_lines, write_percentiles
from loadlab.cli.hit.curve import draw_curve, last_nines
from loadlab.cli.lines import GAP, LABEL, Line, Tone, cut, labelled, labelled_parts, wrapped
from loadlab.profile import LoadProfile
from loadlab.protocols.close_codes import name_of_status
from loadlab.recording.histogram import Histogram
from loadlab.recording.recorder import Metric
from loadlab.report.failures import failure_lines
from loadlab.report.loaded import describe_tls
from loadlab.results.requests import LatencySummary
from loadlab.results.trial import TrialResult
from loadlab.results.verdict import Finding
from loadlab.results.vocabulary import ITERATIONS_OF_A_SCENARIO, vocabulary_for, vocabulary_of
from loadlab.units import format_duration_ns, format_rate, format_share, format_size_bytes

_SAID_WITHPERCENTILES: Final = "few_samples"
_MOST_CALLS: Final = 6
_MOST_FUNCTIONS: Final = 3
_FUNCTION_WIDTH: Final = 40
_OPTIONS: Final[Mapping[str, str]] = {
    "load.connection: per-request": "--disable-keepalive",
    "load.connections": "-c",
    "load.duration; with ab, --slice": "--slice",
    "load.duration": "-z",
    "load.idle": "--idle",
    "load.rate": "-q",
    "load.timeout": "--timeout",
    "load.warmup": "--warmup",
    "load.expect_status": "--expect",
    "load.request.headers": "-H",
    "load.subprotocol": "--subprotocol",
    "message.answer": "--answer",
    "message.matches": "--matches",
    "message.until": "--until",
    "message.bytes": "--bytes",
    "message.echo": "--echo",
}
_KEYS: Final = re.compile(rf"(?:{'|'.join(map(re.escape, _OPTIONS))})(?!\.?\w)")
_VALID: Final = "no finding casts doubt on these figures"
_ONE_WINDOW: Final = "one window: no interval; repeat (--repeat 5), or compare servers by `loadlab ab`"


def summarise(
    trial: TrialResult, profile: LoadProfile, url: str, histograms: Mapping[str, Histogram]
) -> Iterator[Line]:
    """Yield the summary of one trial; `histograms` are its latencies by metric, over the whole window."""
    yield from _heading(trial, profile, url)
    if trial.window_ns:
        yield Line("")
        yield from _throughput(trial)
        yield from _response_times(trial)
        yield from _curve(trial, histograms)
        yield from _pairs(trial)
    yield Line("")
    if trial.state == "interrupted" and trial.window_ns:
        yield Line(f"interrupted: this is of the first {format_duration_ns(trial.window_ns)}", "suspect")
    elif trial.state != "done":
        yield from wrapped(f"{trial.state}: {trial.reason}", 0, "invalid")
    if trial.state != "interrupted":  # what is missing then is no news
        yield from verdict_lines(trial)
    yield from _failed(trial)


def repeats_lines(trials: Iterable[TrialResult]) -> Iterator[Line]:
    """Yield how far repeats differ, from the lowest to the highest, and how sure their median is.

    Of a single window that there is no interval, and what would give one.
    """
    done = [trial for trial in trials if trial.is_credible]
    if len(done) == 1 and not done[0].confidence:
        yield Line(_ONE_WINDOW)
    if len(done) < 2:
        return
    rates = sorted(trial.requests_per_second or 0.0 for trial in done)
    yield labelled(
        f"{len(done)} repeats", f"{format_rate(rates[0])} to {format_rate(rates[-1])} {vocabulary_of(done).many}/s"
    )
    if (estimate := median_over(rates)) is not None:
        low, high = map(format_rate, estimate.interval)
        yield labelled("", f"median {format_rate(estimate.value)} (95 %: {low} to {high})")
    for name in ("p50", "p99"):
        values = sorted(value for trial in done if (value := trusted_ns(trial.response_ns, name)) is not None)
        if values:
            yield labelled("", f"{name} {format_duration_ns(values[0])} to {format_duration_ns(values[-1])}")


def verdict_lines(trial: TrialResult) -> Iterator[Line]:
    """Yield the verdict and all that was found, each finding with its evidence and advice."""
    verdict = trial.verdict
    graver = [finding for finding in verdict.findings if finding.severity != "note"]
    yield from wrapped(f"{verdict.state}: {_VALID if not graver else ''}".rstrip(": "), 0, verdict.state)
    said = (finding for finding in verdict.findings if finding.code != _SAID_WITHPERCENTILES)
    for finding in sorted(said, key=lambda finding: finding.severity == "note"):
        yield from finding_lines(finding)


def load_parts(profile: LoadProfile) -> list[str]:
    """Return how a profile loads its server: connections, a rate if there is one, idle connections."""
    load = profile.load
    words = vocabulary_for(load.protocol, load.idle_protocol)
    user = words.user if words.pushed else "user" if load.scenario else "connection"
    parts = [f"{load.connections:,} {user}{'s' if load.connections != 1 else ''}"]
    if load.connection == "per-request":
        parts = [f"{parts[0]}, one for each {words.message}"]
    if isinstance(load.rate, int):
        asked = ITERATIONS_OF_A_SCENARIO.many if load.scenario else words.many
        parts.append(f"{load.rate:,} {asked}/s asked for{', Poisson' if load.arrivals == 'poisson' else ''}")
    if load.idle:
        parts.append(f"{load.idle:,} {words.idle}{'' if load.idle == 1 else 's'}")
    return parts


def _heading(trial: TrialResult, profile: LoadProfile, url: str) -> Iterator[Line]:
    method = f"{profile.requests[0].method} " if profile.load.protocol in ("http", "events") else ""
    yield Line(cut(f"{method}{url}"), "strong")
    how = load_parts(profile)
    if trial.window_ns:
        how.append(format_duration_ns(trial.window_ns))
    where = ""
    if (server := trial.server) is not None:
        where = f"at {server.address}{' on another machine' if server.remote else ''}: "
    yield from wrapped(f"{where}{', '.join(how)}", 0)
    if trial.tls is not None:
        yield Line(describe_tls(trial.tls))


def _throughput(trial: TrialResult) -> Iterator[Line]:
    many = vocabulary_of([trial]).many
    if trial.requests_per_second is not None and _says_something(trial):
        at_least = "at least " if throughput_is_lower_bound(trial) else ""
        rate = f"{at_least}{format_rate(trial.requests_per_second)}"
        if (interval := trial.confidence.get("requests_per_second")) is not None:
            low, high = map(format_rate, interval)
            rate += f"   (95 %: {low} to {high})"
        yield Line(f"{f'{many}/s':<{LABEL}}{rate}", "strong")
    elif trial.requests_per_second is not None:
        yield labelled(f"{many}/s", "not shown: the measurement is invalid")


def _says_something(trial: TrialResult) -> bool:
    """Return whether the figures are the server's, as far as they go."""
    return trial.state in ("done", "interrupted") and trial.verdict.state != "invalid"


def _response_times(trial: TrialResult) -> Iterator[Line]:
    """Yield the percentiles that can be trusted, and which are not shown for which reason."""
    summary = trial.response_ns
    if not summary.count:
        return
    words = vocabulary_of([trial])
    if trial.delay_ns.count:
        yield from _percentiles("delivery delay", trial.delay_ns)
    yield from _percentiles("between events" if words.pushed else "response time", summary)
    few = [name for name in PERCENTILES if name not in trustworthy_percentiles(summary.count)]
    if few:
        needed = [f"{name} needs {SAMPLES_BEYOND * 1000 // BEYOND_PER_MILLE[name]:,} {words.many}" for name in few]
        yield from _beside_label(f"({', '.join(needed)})")
    if unsure := [name for name in summary.too_low if name not in few]:
        yield from _beside_label(f"({' and '.join(unsure)} not shown: slow {words.many} had not ended in the window)")


def _beside_label(text: str) -> Iterator[Line]:
    """Yield the lines of a remark, which begin where figures do."""
    yield from wrapped(" " * LABEL + text, LABEL)


def _percentiles(label: str, summary: LatencySummary) -> Iterator[Line]:
    yield from labelled_parts(label, [*write_percentiles(summary), f"max {format_duration_ns(summary.max or 0)}"])


def _curve(trial: TrialResult, histograms: Mapping[str, Histogram]) -> Iterator[Line]:
    is_delay = bool(trial.delay_ns.count)
    histogram = histograms.get(Metric.DELAY if is_delay else Metric.RESPONSE)
    if histogram is None or not histogram.count or not _says_something(trial):
        return
    summary = trial.delay_ns if is_delay else trial.response_ns
    too_low = [max(PERCENTILES.index(name) - 1, 0) for name in PERCENTILES if name in summary.too_low]
    nines = last_nines(histogram.count)
    if lines := draw_curve(histogram.values_at, min([nines, *too_low])):
        yield from (Line(""), *map(Line, lines), Line(""))


def _pairs(trial: TrialResult) -> Iterator[Line]:
    """Yield everything else that was measured, each with a label before it."""
    if added := write_percentiles(trial.client_ns):
        yield labelled("client added", f"{GAP.join(added)}   (part of these times)")
    if (late := trusted_ns(trial.lateness_ns, "p99")) is not None and trial.load_model == "open":
        yield labelled("sent late", f"p99 {format_duration_ns(late)}")
    yield from labelled_parts("outcomes", [f"{name} {count:,}" for name, count in trial.outcomes.items() if count])
    if trial.statuses:
        yield from labelled_parts(
            "statuses", [f"{name_of_status(status)}: {count:,}" for status, count in sorted(trial.statuses.items())]
        )
    yield from stream_lines(trial)
    yield from connection_lines(trial)
    yield from _server(trial)
    yield from _profiled(trial)


def _server(trial: TrialResult) -> Iterator[Line]:
    usage = trial.target
    if usage is None:
        if trial.server is not None:
            where = "on another machine" if trial.server.remote else "cannot be seen from here"
            yield labelled("server", f"{where}: its CPU time and memory are not known")
        return
    parts = [f"CPU {format_share(usage.busy)} of a core"]
    if usage.cpu_ns_per_request is not None:
        parts.append(f"{format_duration_ns(usage.cpu_ns_per_request)} per {vocabulary_of([trial]).one}")
    if (memory := _memory(trial)) is not None:
        parts.append(f"memory {memory}")
    yield from labelled_parts("server", parts)


def _profiled(trial: TrialResult) -> Iterator[Line]:
    """Yield the most frequent system calls and the busiest functions, where probes have looked for them."""
    syscalls, cpu = trial.probes.syscalls, trial.probes.cpu
    words = vocabulary_of([trial])
    one = words.one if words.are_requests else words.brief  # as wide as a label can be
    if syscalls is not None and syscalls.calls_per_request:
        ranked = sorted(syscalls.calls_per_request.items(), key=lambda call: -call[1])[:_MOST_CALLS]
        yield from labelled_parts(f"calls/{one}", [f"{name} {format_rate(number)}" for name, number in ranked])
    if cpu is not None and cpu.target is not None and cpu.target.profiles:
        top = sorted(cpu.target.profiles[0].top, key=lambda function: -function.self_share)[:_MOST_FUNCTIONS]
        shares = [f"{format_share(function.self_share)} {cut(function.name, _FUNCTION_WIDTH)}" for function in top]
        yield from labelled_parts("busy in", shares)


def _memory(trial: TrialResult) -> str | None:
    usage = trial.target
    assert usage is not None
    size = usage.pss_bytes if usage.pss_bytes is not None else usage.rss_bytes
    return None if size is None else format_size_bytes(size)


def finding_lines(finding: Finding, of: str = "") -> Iterator[Line]:
    """Yield a finding with its evidence and advice; `of` names what it is about, if there are several."""
    tone: Tone = "plain" if finding.severity == "note" else finding.severity
    marks = [mark for mark in ("note" if finding.severity == "note" else "", of) if mark]
    yield from wrapped(f"- {''.join(f'{mark}: ' for mark in marks)}{finding.text}", 2, tone)
    yield from wrapped(f"  {finding.evidence}", 2)
    if finding.advice:
        yield from wrapped(f"  {with_options(finding.advice)}", 2)


def _failed(trial: TrialResult) -> Iterator[Line]:
    """Yield what is known of the first failures of each outcome."""
    for text in failure_lines([trial]):
        yield from wrapped(text, 2)


def with_options(advice: str) -> str:
    """Return advice with the options of `hit` in place of the keys of a profile, where there is one."""
    return _KEYS.sub(lambda found: _OPTIONS[found.group()], advice)
