"""Settings that need or exclude one another, checked over all trials of the sweep."""

from collections.abc import Iterator
from typing import Any

from loadlab.profile.load import RateStage, total_ns
from loadlab.profile.mistakes import Mistake
from loadlab.profile.paths import Data, default_of, value_at
from loadlab.profile.schema import LoadProfile, Profile, WaitCostProfile
from loadlab.profile.sweep import place_of_change, read_one, values_in_trials
from loadlab.profile.values import describe
from loadlab.units import spell_duration_ns


def consistency_mistakes(model: type[Profile], data: Data) -> Iterator[Mistake]:
    """Yield the settings that have no effect with others, or contradict them; each fits the schema by itself."""
    if model is LoadProfile:
        yield from _pace_mistakes(data)
        yield from _open_mistakes(data) if values_in_trials(data, "load.rate") else _closed_mistakes(data)
        yield from _probe_mistakes(data)
    if model is WaitCostProfile:
        yield from _active_mistakes(data)


def _pace_mistakes(data: Data) -> Iterator[Mistake]:
    senders, slow = _read(LoadProfile, data, "load.senders"), _read(LoadProfile, data, "load.slow_connections")
    if senders == ["slow"] and (place := place_of_change(LoadProfile, data, "load.slow_connections")):
        what = "has no effect with senders: slow, which makes all connections slow; raise load.connections"
        yield Mistake(place, what, part="key")
    if "slow" not in senders and not any(slow) and (place := place_of_change(LoadProfile, data, "load.pace")):
        yield Mistake(place, "has no effect without slow senders; set senders: slow or slow_connections", "key")
    idle_kinds = _read(LoadProfile, data, "load.idle_kind")
    if set(idle_kinds) <= {"silent"} and (place := place_of_change(LoadProfile, data, "load.idle_pace")):
        yield Mistake(place, "has no effect on silent connections; set idle_kind to trickle or churn", "key")


def _open_mistakes(data: Data) -> Iterator[Mistake]:
    for path in ("load.think", "load.think_times"):
        if place := place_of_change(LoadProfile, data, path):
            what = "has no effect with load.rate, which does not wait for users; remove one of the two"
            yield Mistake(place, what, part="key")
    if place := place_of_change(LoadProfile, data, "load.request_count"):
        what = "has no effect with load.rate, which says how many requests a duration has; set that"
        yield Mistake(place, what, part="key")
    for written in values_in_trials(data, "load.senders"):
        if written.value == "slow":
            what = "cannot be combined with load.rate; remove one of the two, or set slow_connections instead"
            yield Mistake(written.path, what)
    for stages in _read(LoadProfile, data, "load.rate"):
        if isinstance(stages, tuple):
            yield from _length_mistakes(data, stages)


def _length_mistakes(data: Data, stages: tuple[RateStage, ...]) -> Iterator[Mistake]:
    total = total_ns(stages)
    for written in values_in_trials(data, "load.duration"):
        if read_one(LoadProfile, "load.duration", written.value) not in (None, total):
            must = f"must be {spell_duration_ns(total)}, the sum of the stages of load.rate"
            yield Mistake(written.path, f"{must}, not {describe(written.value)}; remove it")


def _closed_mistakes(data: Data) -> Iterator[Mistake]:
    for path in ("load.arrivals", "load.spin"):
        if place := place_of_change(LoadProfile, data, path):
            yield Mistake(place, "has no effect without load.rate; set that too", "key")
    senders = _read(LoadProfile, data, "load.senders")
    if senders == ["slow"] and (place := place_of_change(LoadProfile, data, "load.think")):
        yield Mistake(place, "has no effect with senders: slow, which never pause; remove one of the two", "key")
    if "slow" in senders and (place := place_of_change(LoadProfile, data, "load.request_count")):
        yield Mistake(place, "cannot be combined with senders: slow; set a duration", "key")
    pauses = any(_read(LoadProfile, data, "load.think"))
    if not pauses and (place := place_of_change(LoadProfile, data, "load.think_times")):
        yield Mistake(place, "has no effect without load.think; set that too", "key")


def _probe_mistakes(data: Data) -> Iterator[Mistake]:
    probes = value_at(data, ("probes",))
    named = [str(probe).partition(":")[0] for probe in probes] if isinstance(probes, list) else []
    for index, (name, probe) in enumerate(zip(named, probes if named else [], strict=True)):
        if name in named[:index]:
            yield Mistake(("probes", index), f"{describe(probe)} repeats the probe {name}; list each probe once")


def _active_mistakes(data: Data) -> Iterator[Mistake]:
    fewest = min(_read(WaitCostProfile, data, "wait.descriptors"), default=None)
    for written in values_in_trials(data, "wait.active"):
        active = read_one(WaitCostProfile, "wait.active", written.value)
        if fewest is not None and active is not None and active > fewest:
            what = f"must be at most {fewest:,}, the smallest number of descriptors, not {active:,}"
            yield Mistake(written.path, what)


def _read(model: type[Profile], data: Data, path: str) -> list[Any]:
    """Return the values at a path over all trials, or its default; values that do not fit the schema are left out."""
    written = values_in_trials(data, path)
    read = [read_one(model, path, each.value) for each in written] if written else [default_of(model, path)]
    return [value for value in read if value is not None]
