"""The rules of a profile, applied to its plain data: each returns every mistake it finds, in plain sentences."""

import math
from collections.abc import Collection, Iterator
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from loadlab.profile.expectation import parse_expectation
from loadlab.profile.mistakes import Mistake, did_you_mean
from loadlab.profile.paths import Data, Path, adapter_of, keys_of, sweepable_paths, value_at
from loadlab.profile.schema import Profile
from loadlab.profile.values import Count, describe

MOST_TRIALS = 10_000


def schema_mistakes(data: Data) -> list[Mistake]:
    """Return what does not fit the schema, the sweep aside."""
    try:
        Profile.model_validate({key: value for key, value in data.items() if key != "sweep"})
    except ValidationError as error:
        return [_in_plain_words(details, ()) for details in error.errors(include_url=False)]
    return []


def sweep_mistakes(data: Data) -> Iterator[Mistake]:
    """Yield what is wrong with the sweep: its paths, each of its values, and how many trials it makes."""
    sweep = data.get("sweep", {})
    if not isinstance(sweep, dict):
        yield Mistake(("sweep",), f"must be a mapping of paths to lists of values, not {describe(sweep)}")
        return
    trials = _count_trials(data)
    if trials > MOST_TRIALS:
        yield Mistake(("sweep",), f"makes {trials} trials; at most {MOST_TRIALS} are allowed", part="key")
        return
    for path, values in sweep.items():
        if path not in sweepable_paths():
            yield Mistake(("sweep", path), _not_sweepable(path), part="key")
        elif not isinstance(values, list):
            yield Mistake(("sweep", path), f"must be a list of values, not {describe(values)}")
        elif not values:
            yield Mistake(("sweep", path), "has no values; list at least one")
        else:
            yield from _value_mistakes(path, values)


def plot_mistakes(data: Data) -> Iterator[Mistake]:
    """Yield the axes of the plot that are no paths of the profile."""
    for path in (("plot", "x"), ("plot", "series")):
        axis = value_at(data, path)
        if isinstance(axis, str) and axis not in sweepable_paths():
            yield Mistake(path, f"{describe(axis)} is no path of the profile{did_you_mean(axis, sweepable_paths())}")


def server_mistakes(data: Data, servers: Collection[str]) -> Iterator[Mistake]:
    """Yield the places, in the target and in the sweep, that name a server which is not one of `servers`."""
    swept = _list_at(data, ("sweep", "target.server"))
    named: list[tuple[Path, object]] = [(("target", "server"), value_at(data, ("target", "server")))]
    named += [(("sweep", "target.server", index), server) for index, server in enumerate(swept)]
    for path, server in named:
        if isinstance(server, str) and server not in servers:
            nearest = did_you_mean(server, servers) or "; `loadlab targets` lists them"
            yield Mistake(path, f"no server is called {describe(server)}{nearest}")


def metric_mistakes(data: Data, metrics: Collection[str]) -> Iterator[Mistake]:
    """Yield the expectations about a metric which is not one of `metrics`; what cannot be read is the schema's."""
    for index, text in enumerate(_list_at(data, ("expect",))):
        try:
            metric = parse_expectation(str(text)).metric
        except ValueError:
            continue
        if metric not in metrics:
            yield Mistake(("expect", index), f"no metric is called {describe(metric)}{did_you_mean(metric, metrics)}")


def _value_mistakes(path: str, values: list[Any]) -> Iterator[Mistake]:
    seen: dict[object, object] = {}
    for index, value in enumerate(values):
        here: Path = ("sweep", path, index)
        if value is None or isinstance(value, dict | list):
            yield Mistake(here, f"each value must be a single one, not {describe(value)}")
            continue
        try:
            resolved = adapter_of(path).validate_python(value)
        except ValidationError as error:
            for details in error.errors(include_url=False):
                yield _in_plain_words(details, here)
            continue
        if resolved in seen:
            yield Mistake(here, f"{describe(value)} is given twice; the first is {describe(seen[resolved])}")
        seen.setdefault(resolved, value)


def _count_trials(data: Data) -> int:
    try:
        repeat = Count(1, MOST_TRIALS).read(data.get("repeat", 1))
    except ValueError:
        repeat = 1  # schema_mistakes tells it
    return repeat * math.prod(len(values) for values in data.get("sweep", {}).values() if isinstance(values, list))


def _not_sweepable(path: str) -> str:
    first = path.partition(".")[0]
    swept_keys = {known.partition(".")[0] for known in sweepable_paths()}
    if first in set(keys_of(())) - swept_keys:
        return f"{first} cannot be swept; a sweep varies target, load or placement"
    return f"no such path in the profile{did_you_mean(path, sweepable_paths())}"


def _list_at(data: Data, path: tuple[str, ...]) -> list[Any]:
    value = value_at(data, path)
    return value if isinstance(value, list) else []


def _in_plain_words(details: ErrorDetails, above: Path) -> Mistake:
    """Return pydantic's error as a mistake, without the words of its trade."""
    path = (*above, *details["loc"])
    found = describe(details["input"])
    match details["type"]:
        case "missing":
            return Mistake(path, "missing; it has no default")
        case "extra_forbidden":
            return Mistake(path, f"unknown key{_meant_key(path)}", part="key")
        case "value_error":
            return Mistake(path, str(details["ctx"]["error"]))
        case "string_type":
            return Mistake(path, f"must be text, not {found}; put it in quotes if it is meant as text")
        case "model_type":
            return Mistake(path, f"must be a section with the keys {', '.join(keys_of(path))}, not {found}")
        case "tuple_type":
            return Mistake(path, f"must be a list, not {found}")
        case "too_short":
            return Mistake(path, "must not be empty")
        case unforeseen:
            raise AssertionError(f"no words for pydantic's {unforeseen}")


def _meant_key(path: Path) -> str:
    key = str(path[-1])
    near = did_you_mean(key, keys_of(path[:-1]))
    elsewhere = [known for known in sweepable_paths() if known.rpartition(".")[2] == key]
    return near if near or not elsewhere else f"; did you mean '{elsewhere[0]}'?"
