"""The sweep: the values that trials have at each path, and the trials themselves in running order."""

import itertools
import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from loadlab.profile.files import without_common_folder
from loadlab.profile.masking import mask_swept
from loadlab.profile.paths import Data, Path, adapter_of, default_of, put, split, value_at
from loadlab.profile.schema import Profile
from loadlab.profile.target import LISTS, describe_command
from loadlab.profile.values import Scalar


@dataclass(frozen=True, slots=True)
class Trial:
    """One combination of the sweep, measured once.

    `id` counts in running order; `repeat` counts from 1. `factors` are the swept settings: numbers plain, durations
    with their unit, a command as text, files without the folder that they share, and credentials masked. `profile` has
    them applied, and no sweep of its own.
    `seed` fixes what the load draws at random.
    """

    id: str
    repeat: int
    factors: dict[str, Scalar]
    profile: Profile
    seed: int


def plan_trials(profile: Profile, seed: int) -> list[Trial]:
    """Return the trials of a profile in running order.

    Repeats are interleaved: all combinations once, then all again, each time in another order drawn from `seed`. A
    drift of the machine over the run then affects all combinations alike, and not the last one of the sweep.
    """
    draw = random.Random(seed)
    combinations = list(_combinations(profile))
    planned = [
        (repeat, factors, resolved)
        for repeat in range(1, profile.repeat + 1)
        for factors, resolved in draw.sample(combinations, k=len(combinations))
    ]
    return [
        Trial(f"{number:03d}", repeat, factors, resolved, draw.getrandbits(32))
        for number, (repeat, factors, resolved) in enumerate(planned, start=1)
    ]


@dataclass(frozen=True, slots=True)
class Written:
    """A value of the profile, and the path where it is written."""

    path: Path
    value: Any


def values_in_trials(data: Data, path: str) -> list[Written]:
    """Return the values of the trials at a dotted path: those of its sweep, else the plain one, if there is one."""
    swept = value_at(data, ("sweep", path))
    if isinstance(swept, list):
        return [Written(("sweep", path, index), value) for index, value in enumerate(swept)]
    value = value_at(data, split(path))
    return [] if value is None else [Written(split(path), value)]


def all_values(data: Data, path: str) -> list[Written]:
    """Return all values written for a dotted path, including a plain one that a sweep replaces."""
    in_trials = values_in_trials(data, path)
    plain = Written(split(path), value_at(data, split(path)))
    return in_trials if plain.value is None or plain in in_trials else [plain, *in_trials]


def place_of_change(model: type[Profile], data: Data, path: str) -> Path | None:
    """Return where a path is swept, or set to another value than its default; None if it is neither."""
    if value_at(data, ("sweep", path)) is not None:
        return ("sweep", path)
    value = read_one(model, path, value_at(data, split(path)))
    return None if value is None or value == default_of(model, path) else split(path)


def read_one(model: type[Profile], path: str, value: object) -> Any:  # noqa: ANN401 - as different as the fields
    """Return a value as the schema has it at a path that may be swept; None if it does not fit."""
    try:
        return None if value is None else adapter_of(model, path).validate_python(value)
    except ValidationError:
        return None


def _combinations(profile: Profile) -> Iterator[tuple[dict[str, Scalar], Profile]]:
    shown = {path: without_common_folder(path, mask_swept(path, values)) for path, values in profile.sweep.items()}
    for numbers in itertools.product(*(range(len(values)) for values in profile.sweep.values())):
        values = [written[number] for written, number in zip(profile.sweep.values(), numbers, strict=True)]
        data = profile.model_dump(mode="json", by_alias=True, exclude={"sweep"})
        for path, value in zip(profile.sweep, values, strict=True):
            put(data, split(path), value)
        resolved = type(profile).model_validate(data)
        spelt = resolved.model_dump(mode="json", by_alias=True)
        factors = {path: value_at(spelt, split(path)) for path in profile.sweep}
        for path, number in zip(profile.sweep, numbers, strict=True):
            if shown[path][number] != profile.sweep[path][number]:
                factors[path] = shown[path][number]
        yield {path: _as_factor(path, value) for path, value in factors.items()}, resolved


def _as_factor(path: str, value: Any) -> Scalar:  # noqa: ANN401 - as different as the fields
    return describe_command(value) if path in LISTS else value
