"""The load model of a run, and the error that the client adds to its times, in words."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from loadlab.analysis.verdict import trusted_ns
from loadlab.report.layout import format_scalar
from loadlab.results.requests import LatencySummary
from loadlab.results.run import Calibration
from loadlab.results.trial import LoadModel, TrialResult
from loadlab.results.vocabulary import REQUESTS, Vocabulary
from loadlab.units import format_duration_ns

_ITERATIONS: Final = "iterations"


def models_of(trials: Iterable[TrialResult]) -> tuple[LoadModel, ...]:
    """Return the models that occur in `trials`, each once; a sweep over the rate may hold both.

    Streams of events have none: their server sends when it wants to.
    """
    return tuple(dict.fromkeys(trial.load_model for trial in trials if trial.load_model and trial.protocol != "events"))


def model_suffix(models: tuple[LoadModel, ...]) -> str:
    """Return what a title ends with: `, closed model`; nothing where there is no model, or where they differ."""
    return f", {models[0]} model" if len(models) == 1 else ""


def describe_load(
    profile: Mapping[str, Any], models: tuple[LoadModel, ...], words: Vocabulary = REQUESTS
) -> Iterator[str]:
    """Yield one key fact for each model: `closed model: 16 users`, `open model: 500 requests/s, Poisson arrivals`.

    Of streams of events it is how many are read. A scenario comes before them, and is what a rate counts.
    """
    load, swept = profile.get("load") or {}, profile.get("sweep") or {}
    if load.get("scenario"):
        name = str(load["scenario"]).rpartition("/")[2]
        yield f"scenario: {'swept' if 'load.scenario' in swept else name}"
    if words.pushed:
        yield f"streams of events: {_users(load, swept, words.user)}"
    for model in models:
        if model == "open":
            counted = _ITERATIONS if load.get("scenario") else words.many
            yield f"open model: {_rate(load, swept, counted)}, {_arrivals(load, swept)} arrivals"
        else:
            yield f"closed model: {_users(load, swept)}{_think(load, swept)}"


def describe_models(
    profile: Mapping[str, Any], models: tuple[LoadModel, ...], words: Vocabulary = REQUESTS
) -> Iterator[str]:
    """Yield how to read the times of each model."""
    if words.pushed:
        yield (
            "Each subscriber reads one stream. The server decides when it sends, so the time between events is its "
            "pace; how quickly it serves its subscribers is the delivery delay, where events say when they were sent."
        )
    scenario = bool((profile.get("load") or {}).get("scenario"))
    if "closed" in models and scenario:
        yield (
            "Closed model: each user begins its next iteration when the last one has ended. While the server stalls "
            f"hardly any {words.message}s are sent, so the latencies suffer from coordinated omission: independent "
            "users would see worse."
        )
    elif "closed" in models:
        yield (
            "Closed model: each user waits for its answer before it sends again. While the server stalls hardly any "
            f"{words.message}s are sent, so the latencies suffer from coordinated omission: an independent user would "
            "see worse."
        )
    if "open" in models:
        arrivals = _arrivals(profile.get("load") or {}, profile.get("sweep") or {})
        if scenario:
            yield (
                f"Open model: iterations are due by a schedule ({arrivals} arrivals) that does not wait for others to "
                "end, and their response time runs from the moment that they were due. That of a "
                f"{words.message} within one runs from its being sent."
            )
            return
        yield (
            f"Open model: {words.message}s are due by a schedule ({arrivals} arrivals) that does not wait for answers, "
            f"and response time runs from the moment that a {words.message} was due."
        )


def describe_calibration(calibration: Calibration | None) -> str:
    """Say what error the client added before the run; empty where it was not measured."""
    if calibration is None:
        return ""
    return (
        f"Before the run, at {calibration.requests_per_second:,.0f} requests/s over {calibration.connections:,} "
        f"connections to a bundled server, requests were sent {_write(calibration.lateness_ns)} late, and the client "
        f"added {_write(calibration.client_ns)} to response times, from the kernel having an answer until it was "
        "parsed. Times on this page can be trusted where they are large compared with that."
    )


def _rate(load: Mapping[str, Any], swept: Mapping[str, Any], counted: str) -> str:
    rate = load.get("rate")
    if "load.rate" in swept:
        return "swept rate"
    if isinstance(rate, list):
        ends = [stage[end] for stage in rate for end in ("from", "to")]
        return f"{format_scalar(min(ends))} to {format_scalar(max(ends))} {counted}/s"
    return f"{format_scalar(rate)} {counted}/s"


def _arrivals(load: Mapping[str, Any], swept: Mapping[str, Any]) -> str:
    if "load.arrivals" in swept:
        return "swept"
    return "Poisson" if load.get("arrivals") == "poisson" else "constant"


def _users(load: Mapping[str, Any], swept: Mapping[str, Any], user: str = "user") -> str:
    users = load.get("connections")
    if "load.connections" in swept or users is None:
        return f"swept {user}s"
    return f"{format_scalar(users)} {user}{'' if users == 1 else 's'}"


def _think(load: Mapping[str, Any], swept: Mapping[str, Any]) -> str:
    think = load.get("think", "0s")
    if "load.think" in swept:
        return ", swept think time"
    return "" if think == "0s" else f", think time {think} ({load.get('think_times', 'constant')})"


def _write(summary: LatencySummary) -> str:
    """Median and 99th percentile, those of them that rest on enough samples."""
    values = (("p50", trusted_ns(summary, "p50")), ("p99", trusted_ns(summary, "p99")))
    written = [f"{format_duration_ns(value_ns)} ({name})" for name, value_ns in values if value_ns is not None]
    return " and ".join(written) or "an unknown time"
