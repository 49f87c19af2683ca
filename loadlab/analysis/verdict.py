"""Whether a measurement can be believed, and why not, with the evidence in the units of the result.

Each rule is a function that looks at one way a measurement goes wrong. The thresholds stand beside the rules that
use them. SUSPECT means: read the figures with the finding in mind. INVALID means: these figures say nothing about the
target.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from loadlab.recording.outcomes import FAILURES
from loadlab.results.model import Finding, Judgement, Severity, TrialResult, Verdict
from loadlab.units import format_count, format_duration_ns

# From the least grave to the gravest.
_JUDGEMENTS: Final[tuple[Judgement, ...]] = ("valid", "suspect", "invalid")

# A percentile with fewer values beyond it than this moves with single requests.
SAMPLES_BEYOND: Final = 10
# Per mille, so that the test is exact: 100,000 values have exactly 100 beyond p99.9.
_BEYOND_PER_MILLE: Final = {"p50": 500, "p90": 100, "p99": 10, "p99.9": 1}


@dataclass(frozen=True, slots=True)
class WindowEvidence:
    """What is known of the measured window beside the trial's own figures; None where it could not be measured.

    `steal_fraction` is the share of CPU time that the hypervisor gave to others. Busy figures are in cores: 1.0 is
    one full core all the time. `others_busy` is the use by processes that have no part in the trial. `target_cores` is
    how many cores the target could run on, `host_cores` how many there are, `asked_ns` the length of the window that
    the profile asks for.
    """

    steal_fraction: float | None
    client_busy_by_worker: tuple[float, ...]
    target_busy: float | None
    target_cores: int
    others_busy: float | None = None
    host_cores: int = 1
    asked_ns: int | None = None


def judge_trial(result: TrialResult, window: WindowEvidence) -> Verdict:
    """Return the verdict on a trial that was measured: every finding, and the state of the gravest."""
    findings = [finding for rule in _RULES if (finding := rule(result, window)) is not None]
    return Verdict(state=_gravest(_judgement_of(finding.severity) for finding in findings), findings=findings)


def judge_run(trials: Iterable[TrialResult]) -> Judgement:
    """Return the gravest verdict of the trials that were attempted; a failed one is invalid, and so is none at all.

    What is not possible on this machine says nothing against the rest.
    """
    attempted = [trial for trial in trials if trial.state != "not possible"]
    if not any(trial.state == "done" for trial in attempted):
        return "invalid"
    return _gravest("invalid" if trial.state == "failed" else trial.verdict.state for trial in attempted)


def trustworthy_percentiles(count: int) -> frozenset[str]:
    """Return the names of the percentiles that have at least ten of `count` values beyond them."""
    return frozenset(
        name for name, per_mille in _BEYOND_PER_MILLE.items() if count * per_mille >= SAMPLES_BEYOND * 1000
    )


def _gravest(judgements: Iterable[Judgement]) -> Judgement:
    return max(judgements, key=_JUDGEMENTS.index, default="valid")


def _judgement_of(severity: Severity) -> Judgement:
    return "valid" if severity == "note" else severity


def _no_requests(result: TrialResult, window: WindowEvidence) -> Finding | None:
    if result.requests:
        return None
    return Finding(
        code="no_requests",
        severity="invalid",
        text="No request was answered in the measured window.",
        evidence=f"0 requests in {format_duration_ns(result.window_ns)}",
        advice="Check that the target answers the profile's path, or measure for longer than one answer takes.",
    )


def _failures(result: TrialResult, window: WindowEvidence) -> Finding | None:
    failed = {outcome: result.outcomes.get(outcome, 0) for outcome in FAILURES}
    attempts = sum(failed.values()) + result.outcomes.get("ok", 0)
    share = sum(failed.values()) / attempts if attempts else 0.0
    if share <= 0.01:
        return None
    commonest = max(failed, key=lambda outcome: (failed[outcome], outcome))
    return Finding(
        code="failures",
        severity="invalid" if share > 0.5 else "suspect",
        text="Many requests failed, so throughput and latency are those of the rest.",
        evidence=f"{share:.1%} of {format_count(attempts)} requests, most by {commonest}",
        advice="Lower the load until the target copes, or read the failures as the result.",
    )


def _idle_not_opened(result: TrialResult, window: WindowEvidence) -> Finding | None:
    idle = result.idle
    if idle is None or idle.opened >= idle.wanted:
        return None
    missing = idle.wanted - idle.opened
    return Finding(
        code="idle_not_opened",
        severity="invalid" if missing > 0.1 * idle.wanted else "suspect",
        text="Not all idle connections could be opened, so the load was lighter than the profile says.",
        evidence=f"{idle.opened} of {idle.wanted} opened",
        advice="Raise the limit of open files, or ask for fewer idle connections.",
    )


def _idle_died(result: TrialResult, window: WindowEvidence) -> Finding | None:
    idle = result.idle
    if idle is None or idle.alive >= idle.opened:
        return None
    died = idle.opened - idle.alive
    return Finding(
        code="idle_died",
        severity="invalid" if died > 0.1 * idle.opened else "suspect",
        text="Idle connections died before the end, so the load was lighter than the profile says.",
        evidence=f"{died} of {idle.opened} died",
        advice="Raise the target's own timeout for idle connections, and look into its log for why it closed them.",
    )


def _client_bound(result: TrialResult, window: WindowEvidence) -> Finding | None:
    """Tell when the load ran out of CPU first: then throughput is the client's, whatever the server could do.

    A target cannot use more cores than it has threads, so a busy single-threaded one counts as full on many cores.
    """
    busiest = max(window.client_busy_by_worker, default=0.0)
    usable = window.target_cores
    if result.target is not None:
        usable = max(1, min(usable, result.target.threads))
    if busiest < 0.95 or (window.target_busy is not None and window.target_busy > 0.85 * usable):
        return None
    of_target = "of unknown use" if window.target_busy is None else f"using {window.target_busy:.2f} of {usable} cores"
    return Finding(
        code="client_bound",
        severity="suspect",
        text="The load was the bottleneck, not the target.",
        evidence=f"a load worker used {busiest:.2f} of its core, with the target {of_target}",
        advice="Give the load more workers and cores, or the target fewer.",
    )


def _late_dispatch(result: TrialResult, window: WindowEvidence) -> Finding | None:
    """Tell when a client that was slow to take answers up makes more than half of the tail of the response times.

    Some dispatch time is natural. In a closed loop answers come in batches, and each waits for those before it. With B
    connections, c of client time and s of server time per request, a cycle takes about B (s + c), and the last answer
    of a batch is dispatched B c late. So dispatch passes half of the response time only where the client spends more
    on a request than the server, or where it stalls; then the tail tells of the client.
    """
    dispatch, response = result.dispatch_ns.p99, result.response_ns.p99
    if dispatch is None or response is None or dispatch <= 0.5 * response:
        return None
    return Finding(
        code="late_dispatch",
        severity="suspect",
        text="The tail of the response times is mostly time in the load worker, which was slow to take answers up.",
        evidence=f"p99 of dispatch {format_duration_ns(dispatch)}, of response {format_duration_ns(response)}",
        advice="Use more load workers, or fewer connections for each.",
    )


def _stolen(result: TrialResult, window: WindowEvidence) -> Finding | None:
    steal = window.steal_fraction
    if steal is None or steal <= 0.02:
        return None
    return Finding(
        code="stolen",
        severity="invalid" if steal > 0.2 else "suspect",
        text="The hypervisor gave CPU time of this machine to others.",
        evidence=f"{steal:.1%} of the CPU time stolen",
        advice="Run again when the host is quiet, or on a machine of your own.",
    )


def _disturbed(result: TrialResult, window: WindowEvidence) -> Finding | None:
    busy = window.others_busy
    if busy is None or busy <= 0.1 * window.host_cores:
        return None
    return Finding(
        code="disturbed",
        severity="suspect",
        text="Other processes used the CPU during the measurement.",
        evidence=f"they used {busy:.2f} of {window.host_cores} cores",
        advice="Stop what else runs on this machine, then run again.",
    )


def _few_samples(result: TrialResult, window: WindowEvidence) -> Finding | None:
    count = result.response_ns.count
    trusted = trustworthy_percentiles(count)
    weak = [name for name in _BEYOND_PER_MILLE if name not in trusted]
    if not count or not weak:
        return None
    return Finding(
        code="few_samples",
        severity="note",
        text="There are too few requests for the highest percentiles.",
        evidence=f"fewer than {SAMPLES_BEYOND} of {count} requests lie beyond {', '.join(weak)}",
        advice="Measure for longer, or read the lower percentiles only.",
    )


def _short_window(result: TrialResult, window: WindowEvidence) -> Finding | None:
    if window.asked_ns is None or result.window_ns >= 0.8 * window.asked_ns:
        return None
    return Finding(
        code="short_window",
        severity="suspect",
        text="The measurement ended early.",
        evidence=f"{format_duration_ns(result.window_ns)} of {format_duration_ns(window.asked_ns)} measured",
        advice="Let the trial run to its end.",
    )


_RULES: Final = (
    _no_requests,
    _failures,
    _idle_not_opened,
    _idle_died,
    _client_bound,
    _late_dispatch,
    _stolen,
    _disturbed,
    _few_samples,
    _short_window,
)
