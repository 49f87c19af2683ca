"""The rules of the schema, of the sweep and of the plot, with a plain sentence for each way to break them."""

import math
from collections.abc import Iterator, Sequence
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from loadlab.profile.mistakes import Mistake
from loadlab.profile.paths import (
    Data,
    Path,
    adapter_of,
    dotted,
    keys_of,
    may_be_swept,
    own_keys,
    split,
    sweepable_paths,
    swept_sections,
    value_at,
)
from loadlab.profile.schema import KINDS, Profile
from loadlab.profile.suggestions import did_you_mean
from loadlab.profile.target import LISTS
from loadlab.profile.values import Count, describe, list_words, quotes_hint

MOST_TRIALS = 10_000
_MOST_KEYS_LISTED = 6
_MANY = 1_000_000_000
# What wrk, hey, vegeta, k6 and Locust call the keys of `load`.
_OTHER_TOOLS = {
    **dict.fromkeys(("users", "clients", "concurrency", "vus"), "connections"),
    **dict.fromkeys(("rps", "qps", "requests_per_second"), "rate"),
    **dict.fromkeys(("threads", "processes"), "workers"),
    **dict.fromkeys(("script", "locustfile"), "scenario"),
    "url": "path",
    **dict.fromkeys(("header", "headers"), "request.headers"),
    "csv": "data",
    "status": "expect_status",
}


def schema_mistakes(model: type[Profile], data: Data) -> list[Mistake]:
    """Return what does not fit the schema, except in the sweep."""
    try:
        model.model_validate({key: value for key, value in data.items() if key != "sweep"})
    except ValidationError as error:
        found = [details for details in error.errors(include_url=False) if not _is_consequence(details)]
        return [_with_hint(_in_plain_words(model, details, ()), details, data) for details in found]
    return []


def sweep_mistakes(model: type[Profile], data: Data) -> Iterator[Mistake]:
    """Yield what is wrong with the sweep: its paths, each of its values, and the number of trials."""
    sweep = data.get("sweep", {})
    if not isinstance(sweep, dict):
        yield Mistake(("sweep",), f"must be a mapping of paths to lists of values, not {describe(sweep)}")
        return
    trials = _count_trials(data)
    if trials > MOST_TRIALS:
        many = f"{trials:,}" if trials < _MANY else f"over {_MANY:,}"
        yield Mistake(("sweep",), f"makes {many} trials; the limit is {MOST_TRIALS:,}", part="key")
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
    """Yield the axes of the plot that are not paths of the profile. An option of a server is one if it is swept."""
    sweep = data.get("sweep")
    swept = [path for path in sweep if may_be_swept(model, path)] if isinstance(sweep, dict) else []
    known = [*sweepable_paths(model), *swept]
    for path in (("plot", "x"), ("plot", "series")):
        axis = value_at(data, path)
        if isinstance(axis, str) and axis not in known:
            yield Mistake(path, f"{describe(axis)} is not a path of the profile{did_you_mean(axis, known)}")


def _value_mistakes(model: type[Profile], path: str, values: list[Any]) -> Iterator[Mistake]:
    seen: dict[object, object] = {}
    for index, value in enumerate(values):
        here: Path = ("sweep", path, index)
        if value is None or isinstance(value, dict) or (isinstance(value, list) and path not in LISTS):
            yield Mistake(here, f"must be a single value, not {describe(value)}")
            continue
        try:
            resolved = adapter_of(model, path).validate_python(value)
        except ValidationError as error:
            for details in error.errors(include_url=False):
                yield _in_plain_words(model, details, here)
            continue
        if resolved in seen:
            first = seen[resolved]
            what = "duplicate value" if value == first else f"duplicate value, the same as {describe(first)}"
            yield Mistake(here, what)
        seen.setdefault(resolved, value)


def _count_trials(data: Data) -> int:
    try:
        repeat = Count(1, MOST_TRIALS).read(data.get("repeat", 1))
    except ValueError:
        repeat = 1  # schema_mistakes reports it
    return repeat * math.prod(len(values) for values in data.get("sweep", {}).values() if isinstance(values, list))


def _not_sweepable(model: type[Profile], path: str) -> str:
    keys = split(path)
    sections = swept_sections(model)
    inside = [known for known in sweepable_paths(model) if known.startswith(f"{path}.")]
    if inside:
        return f"is a section; sweep one of its settings by its path, such as {inside[0]}"
    if keys[0] in set(keys_of(model, ())) - set(sections):
        return f"cannot be swept; only settings of {list_words(sections)} can"
    if keys[-1] in keys_of(model, keys[:-1]):
        return "cannot be swept, because its value is a list"
    return f"no such path in the profile{did_you_mean(path, sweepable_paths(model))}"


def _is_consequence(details: ErrorDetails) -> bool:
    """Return whether a list is reported as too short only because pydantic leaves out its wrong items."""
    return details["type"] == "too_short" and len(details["input"]) >= details["ctx"]["min_length"]


def _with_hint(mistake: Mistake, details: ErrorDetails, data: Data) -> Mistake:
    """Return the mistake with a hint for a required setting that is only in the sweep."""
    sweep, path = data.get("sweep"), dotted(mistake.path)
    is_swept = isinstance(sweep, dict) and any(f"{swept}.".startswith(f"{path}.") for swept in sweep)
    if details["type"] != "missing" or not is_swept:
        return mistake
    return Mistake(mistake.path, f"{mistake.what}, even where a sweep replaces its value", mistake.part)


def _in_plain_words(model: type[Profile], details: ErrorDetails, above: Path) -> Mistake:
    """Return pydantic's error as a mistake, in a user's terms."""
    path = (*above, *details["loc"])
    value = details["input"]
    found = describe(value)
    match details["type"]:
        case "missing":
            return Mistake(path, "missing; this key is required")
        case _ if path[-1:] == ("[key]",):  # as pydantic marks a mistake in a key
            return Mistake(path[:-1], str(details["ctx"]["error"]), part="key")
        case "extra_forbidden":
            return Mistake(path, _unknown_key(model, path), part="key")
        case "value_error":
            is_setting = not above and all(isinstance(key, str) for key in path)
            is_sweep = is_setting and isinstance(value, list) and _lists_values_of(model, dotted(path), value)
            hint = "; list the values of a setting in the sweep" if is_sweep else ""
            return Mistake(path, f"{details['ctx']['error']}{hint}")
        case "literal_error":
            allowed = details["ctx"]["expected"]
            near = did_you_mean(value, allowed.split("'")[1::2]) if isinstance(value, str) else ""
            return Mistake(path, f"must be {allowed}, not {found}{near}")
        case "string_type":
            return Mistake(path, f"must be text, not {found}{quotes_hint(value)}")
        case "model_type":
            return Mistake(path, f"must be a mapping with {_list_keys(keys_of(model, path))}, not {found}")
        case "dict_type":
            return Mistake(path, f"must be a mapping, not {found}")
        case "tuple_type":
            return Mistake(path, f"must be a list, not {found}")
        case "too_short" | "string_too_short":
            return Mistake(path, "must not be empty")
        case "too_long":
            return Mistake(path, f"must have at most {details['ctx']['max_length']} items")
        case unforeseen:
            raise AssertionError(f"no words for pydantic's {unforeseen}")


def _lists_values_of(model: type[Profile], path: str, values: list[Any]) -> bool:
    if not may_be_swept(model, path):
        return False
    try:
        for value in values:
            adapter_of(model, path).validate_python(value)
    except ValidationError:
        return False
    return True


def _unknown_key(model: type[Profile], path: Path) -> str:
    key, siblings = str(path[-1]), keys_of(model, path[:-1])
    if path[:-1] == ("load",) and key in _OTHER_TOOLS:
        return f"unknown key; did you mean '{_OTHER_TOOLS[key]}'?"
    if near := did_you_mean(key, siblings):
        return f"unknown key{near}"
    owner = next((kind for kind, other in KINDS.items() if len(path) == 1 and key in own_keys(other)), None)
    if owner is not None:
        return f"belongs to profiles of kind {owner}; this one is of kind {_kind_of(model)}"
    if key in sweepable_paths(model):
        section, _, inner = key.rpartition(".")
        return f"unknown key; write {inner} in the section {section}"
    elsewhere = [known for known in sweepable_paths(model) if known.rpartition(".")[2] == key]
    if elsewhere:
        return f"unknown key; did you mean '{elsewhere[0]}'?"
    return f"unknown key; there are {', '.join(siblings)}" if len(siblings) <= _MOST_KEYS_LISTED else "unknown key"


def _kind_of(model: type[Profile]) -> str:
    return next(kind for kind, known in KINDS.items() if known is model)


def _list_keys(keys: Sequence[str]) -> str:
    if len(keys) > _MOST_KEYS_LISTED:
        return f"keys such as {list_words(keys[:3])}"
    return f"the keys {list_words(keys)}"
