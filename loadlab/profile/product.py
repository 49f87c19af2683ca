"""What the trials of a profile will have at each path, before any of it is checked: plain, or from the sweep."""

from dataclasses import dataclass
from typing import Any

from loadlab.profile.load import SLOW_SENDERS, request_name
from loadlab.profile.paths import Data, Path, split, value_at


@dataclass(frozen=True, slots=True)
class Written:
    """A value of the profile, and the path where it is written."""

    path: Path
    value: Any


def values_in_trials(data: Data, path: str) -> list[Written]:
    """Return what the product holds at a dotted path: the values of its sweep, else the plain one, if there is one."""
    swept = value_at(data, ("sweep", path))
    if isinstance(swept, list):
        return [Written(("sweep", path, index), value) for index, value in enumerate(swept)]
    value = value_at(data, split(path))
    return [] if value is None else [Written(split(path), value)]


def all_values(data: Data, path: str) -> list[Written]:
    """Return what is written for a dotted path anywhere: the plain value too where a sweep replaces it."""
    in_trials = values_in_trials(data, path)
    plain = Written(split(path), value_at(data, split(path)))
    return in_trials if plain.value is None or plain in in_trials else [plain, *in_trials]


def request_names(data: Data) -> list[str]:
    """Return the names under which requests are told apart: those of a mix, and the slow senders beside others."""
    mix = value_at(data, ("load", "mix"))
    slow = any(written.value != 0 for written in values_in_trials(data, "load.slow_connections"))
    if isinstance(mix, list):
        names = [name for request in mix if (name := name_in_mix(request)) is not None]
    else:
        names = _names_without_mix(data) if slow else []
    return [*names, SLOW_SENDERS] if slow else names


def name_in_mix(request: object) -> str | None:
    """Return what a request of a mix is called, None if that cannot be told."""
    if not isinstance(request, dict):
        return None
    name, path = request.get("name"), request.get("path")
    if name is None and isinstance(path, str):
        return request_name(path)
    return name if isinstance(name, str) else None


def _names_without_mix(data: Data) -> list[str]:
    written = values_in_trials(data, "load.path") or values_in_trials(data, "target.handler")
    by_default = "/" if values_in_trials(data, "target.address") else "hello"
    return [request_name(str(each.value)) for each in written] or [by_default]
