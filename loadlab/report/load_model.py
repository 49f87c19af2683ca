"""Who decided when a request was sent, in words: users who wait for answers, or a schedule that waits for none.

A closed model's percentiles are not those of users who come when they like, and the two look alike in a chart. So
whatever shows a run's times also names its model.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from loadlab.report.arrangement import format_scalar
from loadlab.results.model import LoadModel, TrialResult


def models_of(trials: Iterable[TrialResult]) -> tuple[LoadModel, ...]:
    """Return the models that occur in `trials`, each once; a sweep over the rate may hold both."""
    return tuple(dict.fromkeys(trial.load_model for trial in trials if trial.load_model))


def model_suffix(models: tuple[LoadModel, ...]) -> str:
    """Return what a title ends with: `, closed model`; nothing where there is no model, or where they differ."""
    return f", {models[0]} model" if len(models) == 1 else ""


def describe_load(profile: Mapping[str, Any], models: tuple[LoadModel, ...]) -> Iterator[str]:
    """Yield one key fact for each model: `closed model: 16 users`, `open model: 500 requests/s, Poisson arrivals`."""
    load, swept = profile.get("load") or {}, profile.get("sweep") or {}
    for model in models:
        if model == "open":
            yield f"open model: {_rate(load, swept)}, {_arrivals(load, swept)} arrivals"
        else:
            yield f"closed model: {_users(load, swept)}{_think(load, swept)}"


def describe_models(profile: Mapping[str, Any], models: tuple[LoadModel, ...]) -> Iterator[str]:
    """Yield for each model how its times are to be read, in one sentence."""
    if "closed" in models:
        yield (
            "Closed model: each user waits for the answer before it asks again, so while the server stalls hardly "
            "anybody asks, and the p99 shown here is no user's p99 (coordinated omission)."
        )
    if "open" in models:
        arrivals = _arrivals(profile.get("load") or {}, profile.get("sweep") or {})
        yield (
            f"Open model: requests are due by a schedule ({arrivals} arrivals) that waits for no answer, and response "
            "time runs from the moment a request was due."
        )


def _rate(load: Mapping[str, Any], swept: Mapping[str, Any]) -> str:
    rate = load.get("rate")
    if "load.rate" in swept:
        return "swept rate"
    if isinstance(rate, list):
        ends = [stage[end] for stage in rate for end in ("from", "to")]
        return f"{format_scalar(min(ends))} to {format_scalar(max(ends))} requests/s"
    return f"{format_scalar(rate)} requests/s"


def _arrivals(load: Mapping[str, Any], swept: Mapping[str, Any]) -> str:
    if "load.arrivals" in swept:
        return "swept"
    return "Poisson" if load.get("arrivals") == "poisson" else "constant"


def _users(load: Mapping[str, Any], swept: Mapping[str, Any]) -> str:
    users = load.get("connections")
    if "load.connections" in swept or users is None:
        return "swept users"
    return f"{format_scalar(users)} user{'' if users == 1 else 's'}"


def _think(load: Mapping[str, Any], swept: Mapping[str, Any]) -> str:
    think = load.get("think", "0s")
    if "load.think" in swept:
        return ", swept think time"
    return "" if think == "0s" else f", think time {think} ({load.get('think_times', 'constant')})"
