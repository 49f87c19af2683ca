"""The rules of a profile, applied to its plain data: each returns every mistake it finds, in plain sentences."""

import math
from collections.abc import Iterator
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from loadlab.profile.mistakes import Mistake, did_you_mean
from loadlab.profile.paths import (
    Data,
    Path,
    adapter_of,
    keys_of,
    may_be_swept,
    own_keys,
    split,
    sweepable_paths,
    swept_sections,
    value_at,
)
from loadlab.profile.schema import KINDS, Profile
from loadlab.profile.values import Count, describe

MOST_TRIALS = 10_000


def schema_mistakes(model: type[Profile], data: Data) -> list[Mistake]:
    """Return what does not fit the schema, the sweep aside."""
    try:
        model.model_validate({key: value for key, value in data.items() if key != "sweep"})
    except ValidationError as error:
        found = error.errors(include_url=False)
        return [_in_plain_words(model, details, ()) for details in found if not _is_consequence(details)]
    return []


def sweep_mistakes(model: type[Profile], data: Data) -> Iterator[Mistake]:
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
        if not may_be_swept(model, path):
            yield Mistake(("sweep", path), _not_sweepable(model, path), part="key")
        elif not isinstance(values, list):
            yield Mistake(("sweep", path), f"must be a list of values, not {describe(values)}")
        elif not values:
            yield Mistake(("sweep", path), "has no values; list at least one")
        else:
            yield from _value_mistakes(model, path, values)


def plot_mistakes(model: type[Profile], data: Data) -> Iterator[Mistake]:
    """Yield the axes of the plot that are no paths of the profile. An option of a server is one if it is swept."""
    sweep = data.get("sweep")
    swept = [path for path in sweep if may_be_swept(model, path)] if isinstance(sweep, dict) else []
    known = [*sweepable_paths(model), *swept]
    for path in (("plot", "x"), ("plot", "series")):
        axis = value_at(data, path)
        if isinstance(axis, str) and axis not in known:
            yield Mistake(path, f"{describe(axis)} is no path of the profile{did_you_mean(axis, known)}")


def _value_mistakes(model: type[Profile], path: str, values: list[Any]) -> Iterator[Mistake]:
    seen: dict[object, object] = {}
    for index, value in enumerate(values):
        here: Path = ("sweep", path, index)
        if value is None or isinstance(value, dict | list):
            yield Mistake(here, f"each value must be a single one, not {describe(value)}")
            continue
        try:
            resolved = adapter_of(model, path).validate_python(value)
        except ValidationError as error:
            for details in error.errors(include_url=False):
                yield _in_plain_words(model, details, here)
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


def _not_sweepable(model: type[Profile], path: str) -> str:
    keys = split(path)
    sections = swept_sections(model)
    if keys[0] in set(keys_of(model, ())) - set(sections):
        return f"{keys[0]} cannot be swept; a sweep varies {' or '.join(sections)}"
    if keys[-1] in keys_of(model, keys[:-1]):
        return "cannot be swept, as its value is not a single one"
    return f"no such path in the profile{did_you_mean(path, sweepable_paths(model))}"


def _is_consequence(details: ErrorDetails) -> bool:
    """Tell whether a list is said to be too short only because pydantic leaves out the items that are wrong."""
    return details["type"] == "too_short" and len(details["input"]) >= details["ctx"]["min_length"]


def _in_plain_words(model: type[Profile], details: ErrorDetails, above: Path) -> Mistake:
    """Return pydantic's error as a mistake, without the words of its trade."""
    path = (*above, *details["loc"])
    found = describe(details["input"])
    match details["type"]:
        case "missing":
            return Mistake(path, "missing; it has no default")
        case "extra_forbidden":
            return Mistake(path, _unknown_key(model, path), part="key")
        case "value_error":
            return Mistake(path, str(details["ctx"]["error"]))
        case "literal_error":
            return Mistake(path, f"must be {details['ctx']['expected']}, not {found}")
        case "string_type":
            return Mistake(path, f"must be text, not {found}; put it in quotes if it is meant as text")
        case "model_type":
            return Mistake(path, f"must be a section with the keys {', '.join(keys_of(model, path))}, not {found}")
        case "tuple_type":
            return Mistake(path, f"must be a list, not {found}")
        case "too_short":
            return Mistake(path, "must not be empty")
        case "too_long":
            return Mistake(path, f"must have at most {details['ctx']['max_length']} items")
        case unforeseen:
            raise AssertionError(f"no words for pydantic's {unforeseen}")


def _unknown_key(model: type[Profile], path: Path) -> str:
    key = str(path[-1])
    if near := did_you_mean(key, keys_of(model, path[:-1])):
        return f"unknown key{near}"
    owner = next((kind for kind, other in KINDS.items() if len(path) == 1 and key in own_keys(other)), None)
    if owner is not None:
        return f"belongs to profiles of kind {owner}; this one is of kind {_kind_of(model)}"
    elsewhere = [known for known in sweepable_paths(model) if known.rpartition(".")[2] == key]
    return f"unknown key; did you mean '{elsewhere[0]}'?" if elsewhere else "unknown key"


def _kind_of(model: type[Profile]) -> str:
    return next(kind for kind, known in KINDS.items() if known is model)
