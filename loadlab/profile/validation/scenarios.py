"""The rules of scenarios: their sources can be run, and nothing beside them says what is sent."""

from collections.abc import Iterator, Mapping
from typing import Final

from loadlab.profile.files import read_table
from loadlab.profile.mistakes import Mistake
from loadlab.profile.paths import Data
from loadlab.profile.scenario import ScenarioMistakes, ScenarioName, check_scenario
from loadlab.profile.schema import LoadProfile
from loadlab.profile.sweep import place_of_change, read_one, values_in_trials
from loadlab.profile.validation.protocols import idle_mistakes, place_of_key
from loadlab.profile.values import describe

_SENDS: Final = "has no effect with load.scenario, which sends requests of its own; remove one of the two"
_OPENS: Final = "has no effect with load.scenario, where user.websocket() opens WebSockets; remove one of the two"
_WITHOUT_EFFECT: Final[Mapping[str, str]] = {
    "load.path": _SENDS,
    "load.request": _SENDS,
    "load.mix": _SENDS,
    "load.message": _OPENS,
    "load.messages": _OPENS,
    "load.greeting": _SENDS,
    "load.subprotocol": _OPENS,
    "load.senders": "cannot be combined with load.scenario; remove one of the two",
    "load.slow_connections": "cannot be combined with load.scenario; remove one of the two",
    "load.request_count": "cannot be combined with load.scenario; set a duration",
}


def has_scenario(data: Data) -> bool:
    """Return whether the load of a profile is a scenario."""
    return bool(values_in_trials(data, "load.scenario"))


def scenario_mistakes(data: Data) -> Iterator[Mistake]:
    """Yield what is wrong with the scenarios of a profile that has any, and with what else its load says."""
    for path, what in _WITHOUT_EFFECT.items():
        if place := place_of_key(data, path):
            yield Mistake(place, what, part="key")
    idle = any(written.value not in (0, "0") for written in values_in_trials(data, "load.idle"))
    if not idle and (place := place_of_change(LoadProfile, data, "target.handler")):
        yield Mistake(place, _SENDS, part="key")
    for written in values_in_trials(data, "load.protocol"):
        if read_one(LoadProfile, "load.protocol", written.value) not in (None, "http"):
            what = "a scenario speaks http, and user.websocket() opens WebSockets"
            yield Mistake(written.path, f"{describe(written.value)} cannot be combined with load.scenario: {what}")
    yield from idle_mistakes(data, {"http"})
    for written in values_in_trials(data, "load.scenario"):
        if read_one(LoadProfile, "load.scenario", written.value) is None:
            continue  # the schema reports it
        name = ScenarioName.parse(written.value)
        try:
            check_scenario(name.file, name.function)
        except ScenarioMistakes as error:
            yield from (Mistake(written.path, what) for what in error.mistakes)
    for written in values_in_trials(data, "load.data.file"):
        if not isinstance(written.value, str):
            continue
        try:
            read_table(written.value)
        except ValueError as error:
            yield Mistake(written.path, str(error))
