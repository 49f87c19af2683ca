"""Settings that only make sense together, or not together, looked at over all trials of the sweep."""

from collections.abc import Iterator
from typing import Any

from pydantic import ValidationError

from loadlab.profile.load import SLOW_SENDERS, RateStage, name_in_mix, total_ns
from loadlab.profile.mistakes import Mistake
from loadlab.profile.paths import Data, Path, adapter_of, default_of, split, value_at
from loadlab.profile.schema import LoadProfile, Profile, WaitCostProfile
from loadlab.profile.sweep import values_in_trials
from loadlab.profile.validation.servers import key_of, option_paths
from loadlab.profile.values import describe
from loadlab.units import spell_duration_ns


def consistency_mistakes(model: type[Profile], data: Data) -> Iterator[Mistake]:
    """Yield the settings that have no effect beside others, or contradict them; each fits the schema by itself."""
    if model is LoadProfile:
        yield from _running_mistakes(data) if values_in_trials(data, "target.address") else _bundled_mistakes(data)
        yield from _mix_mistakes(data)
        yield from _pace_mistakes(data)
        yield from _open_mistakes(data) if values_in_trials(data, "load.rate") else _closed_mistakes(data)
        yield from _probe_mistakes(data)
    if model is WaitCostProfile:
        yield from _active_mistakes(data)


def _running_mistakes(data: Data) -> Iterator[Mistake]:
    """Yield what a profile says of a server that runs already, and that only one of ours could do."""
    for swept, other in (("target.server", "target.address"), ("target.address", "target.server")):
        if value_at(data, ("sweep", swept)) is not None and value_at(data, split(other)) is not None:
            yield Mistake(("sweep", swept), f"cannot be swept beside {other}; leave one of them out", part="key")
    ours = [_place_of_change(LoadProfile, data, path) for path in ("target.handler", "target.database")]
    for place in [*filter(None, ours), *(key_of(data, path) for path in option_paths(data))]:
        what = "is for bundled servers, and target.address is of one that runs already; remove it"
        yield Mistake(place, what, part="key")
    if value_at(data, ("placement", "target")) is not None:
        what = "a server that runs already stays where it is; bind it with taskset, and name the cores of the load only"
        yield Mistake(("placement", "target"), what, part="key")


def _bundled_mistakes(data: Data) -> Iterator[Mistake]:
    if place := _place_of_change(LoadProfile, data, "target.pid"):
        yield Mistake(place, "has no effect without target.address, where the process listens; set both", "key")
    placement = data.get("placement")
    if isinstance(placement, dict) and "load" in placement and placement.get("target") is None:
        yield Mistake(("placement", "target"), "missing; it has no default")


def _mix_mistakes(data: Data) -> Iterator[Mistake]:
    mix = value_at(data, ("load", "mix"))
    if not isinstance(mix, list):
        return
    for path in ("target.handler", "load.path", "load.expect_status"):
        if place := _place_of_change(LoadProfile, data, path):
            yield Mistake(place, "has no effect beside load.mix, whose requests say it; remove one of the two", "key")
    seen = set()
    for index, request in enumerate(mix):
        name = name_in_mix(request)
        if name == SLOW_SENDERS:
            what = f"{SLOW_SENDERS} is what the slow connections are called; give the request another name"
            yield Mistake(("load", "mix", index), what)
        if name in seen:
            what = f"a request before it is called {describe(name)} too; give each a name of its own"
            yield Mistake(("load", "mix", index), what)
        if name is not None:
            seen.add(name)


def _pace_mistakes(data: Data) -> Iterator[Mistake]:
    senders, slow = _read(LoadProfile, data, "load.senders"), _read(LoadProfile, data, "load.slow_connections")
    if senders == ["slow"] and (place := _place_of_change(LoadProfile, data, "load.slow_connections")):
        yield Mistake(place, "has no effect beside senders: slow, which all are then; raise load.connections", "key")
    if "slow" not in senders and not any(slow) and (place := _place_of_change(LoadProfile, data, "load.pace")):
        yield Mistake(place, "has no effect without slow senders; set load.senders or load.slow_connections", "key")
    idle_kinds = _read(LoadProfile, data, "load.idle_kind")
    if set(idle_kinds) <= {"silent"} and (place := _place_of_change(LoadProfile, data, "load.idle_pace")):
        yield Mistake(place, "has no effect on silent connections; set load.idle_kind to trickle or churn", "key")


def _open_mistakes(data: Data) -> Iterator[Mistake]:
    for path in ("load.think", "load.think_times"):
        if place := _place_of_change(LoadProfile, data, path):
            what = "has no effect beside load.rate, which waits for no user; remove one of the two"
            yield Mistake(place, what, part="key")
    for written in values_in_trials(data, "load.senders"):
        if written.value == "slow":
            what = "slow senders wait for their answers and keep to no rate; remove load.rate, or set slow_connections"
            yield Mistake(written.path, what)
    for stages in _read(LoadProfile, data, "load.rate"):
        if isinstance(stages, tuple):
            yield from _length_mistakes(data, stages)


def _length_mistakes(data: Data, stages: tuple[RateStage, ...]) -> Iterator[Mistake]:
    total = total_ns(stages)
    for written in values_in_trials(data, "load.duration"):
        if _read_one(LoadProfile, "load.duration", written.value) not in (None, total):
            asked = f"must be {spell_duration_ns(total)} as the stages of load.rate take, not {describe(written.value)}"
            yield Mistake(written.path, f"{asked}; leave it out")


def _closed_mistakes(data: Data) -> Iterator[Mistake]:
    for path in ("load.arrivals", "load.spin"):
        if place := _place_of_change(LoadProfile, data, path):
            yield Mistake(place, "has no effect without a rate; set load.rate", "key")
    senders = _read(LoadProfile, data, "load.senders")
    if senders == ["slow"] and (place := _place_of_change(LoadProfile, data, "load.think")):
        yield Mistake(place, "has no effect beside senders: slow, who never pause between requests; remove it", "key")
    pauses = any(_read(LoadProfile, data, "load.think"))
    if not pauses and (place := _place_of_change(LoadProfile, data, "load.think_times")):
        yield Mistake(place, "has no effect without a pause; set load.think", "key")


def _probe_mistakes(data: Data) -> Iterator[Mistake]:
    probes = value_at(data, ("probes",))
    named = [str(probe).partition(":")[0] for probe in probes] if isinstance(probes, list) else []
    for index, (name, probe) in enumerate(zip(named, probes if named else [], strict=True)):
        if name in named[:index]:
            yield Mistake(("probes", index), f"{describe(probe)} is given twice; name each probe once")


def _active_mistakes(data: Data) -> Iterator[Mistake]:
    fewest = min(_read(WaitCostProfile, data, "wait.descriptors"), default=None)
    for written in values_in_trials(data, "wait.active"):
        active = _read_one(WaitCostProfile, "wait.active", written.value)
        if fewest is not None and active is not None and active > fewest:
            yield Mistake(written.path, f"must be at most {fewest}, the fewest descriptors, not {active}")


def _place_of_change(model: type[Profile], data: Data, path: str) -> Path | None:
    """Return where a path is swept or set to something else than its default; None if it is not."""
    if value_at(data, ("sweep", path)) is not None:
        return ("sweep", path)
    value = _read_one(model, path, value_at(data, split(path)))
    return None if value is None or value == default_of(model, path) else split(path)


def _read(model: type[Profile], data: Data, path: str) -> list[Any]:
    """Return the values at a path over all trials, or its default; those that do not fit the schema are left out."""
    written = values_in_trials(data, path)
    read = [_read_one(model, path, each.value) for each in written] if written else [default_of(model, path)]
    return [value for value in read if value is not None]


def _read_one(model: type[Profile], path: str, value: object) -> Any:  # noqa: ANN401 - as different as the fields
    try:
        return None if value is None else adapter_of(model, path).validate_python(value)
    except ValidationError:
        return None
