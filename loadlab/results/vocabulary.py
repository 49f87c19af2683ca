"""The words for what a load counts, by what it speaks: requests, round trips of messages, or events of streams.

run.json calls all of them requests. What people read is written by one of these vocabularies; a template such as
"CPU time per {one}" is filled in by `fill`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Final

from loadlab.profile.path_names import PathName, name_of_path, name_of_value
from loadlab.results.idle import IdleProtocol
from loadlab.results.trial import LoadProtocol, Scalar, TrialResult

_CONNECTIONS: Final = "load.connections"
_IDLE: Final = "load.idle"
_RATE: Final = "load.rate"


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """`one` and `many` are what is counted; where there is little room, `brief` is one and `rate` many in a second.

    `answer` is what comes back for one, and `message` what is `sent` for it, `toward` a server. A server `answers`
    requests, and they are `answered`; of events it `sends`. A streamed answer begins with a `first`, and comes in
    `pieces`. `time` is what their response time is called and `times` several of them, `half_take` what begins a
    sentence on the median of it, and `take` the same for a further percentile. `user` is who waits for them on a
    connection, `idle` an idle connection, `scheduled` what an open load's schedule is of. With `pushed` the server
    sends of itself: none is asked for, and none can be too late.
    """

    one: str
    many: str
    brief: str
    rate: str
    message: str
    answer: str
    answers: str
    answered: str
    first: str
    pieces: str
    time: str
    times: str
    half_take: str
    take: str
    user: str = "active connection"
    idle: str = "idle connection"
    toward: str = "to"
    sent: str = "sent"
    scheduled: str = "request"
    pushed: bool = False

    @property
    def did_answer(self) -> str:
        """What a server did that answered one of them: `answered a request`, `sent an event`."""
        return "sent an event" if self.pushed else f"answered a {self.message}"

    @property
    def are_requests(self) -> bool:
        """Whether they are requests of HTTP."""
        return self.one == REQUESTS.one

    @property
    def phrase_of_time(self) -> str:
        """The name of the response time within a sentence."""
        return f"{self.time[:1].lower()}{self.time[1:]}"

    def fill(self, template: str) -> str:
        """Return a text with the words of the fields named in braces; {One}, {Many} and {Message} begin a sentence."""
        words = {each.name: getattr(self, each.name) for each in fields(self)}
        begin = {name.capitalize(): _capitalised(words[name]) for name in ("one", "many", "message", "time")}
        return template.format(**words | begin | {"time": self.phrase_of_time})

    def count(self, number: int) -> str:
        """Return a number of them: `1 request`, `12,000 round trips`."""
        return f"{number:,} {self.one if number == 1 else self.many}"

    def name_of_path(self, path: str) -> PathName:
        """Return what a path of the profile is called: connections by who uses them, a rate by what it is of."""
        if path == _RATE:
            return PathName(f"offered {self.scheduled}/s", f"offered {self.scheduled}s/s", name_of_path(path).quantity)
        one = {_CONNECTIONS: self.user, _IDLE: self.idle}.get(path)
        return name_of_path(path) if one is None else PathName(one, f"{one}s", f"the number of {one}s")

    def name_of_value(self, path: str, value: Scalar) -> str:
        """Return a value of such a path in words: `19,000 idle WebSockets`."""
        if path not in (_CONNECTIONS, _IDLE) or not isinstance(value, int):
            return name_of_value(path, value)
        name = self.name_of_path(path)
        return f"{value:,} {name.one if value == 1 else name.many}"


def vocabulary_for(protocol: LoadProtocol, idle: IdleProtocol = "tcp") -> Vocabulary:
    """Return the words for what a load speaks, and what its idle connections do."""
    return replace(_VOCABULARIES[protocol], idle=_IDLE_NAMES.get(idle, REQUESTS.idle))


def vocabulary_of_schedule(trial: TrialResult) -> Vocabulary:
    """Return the words for what the schedule of an open load is about: the iterations of a scenario, or requests."""
    return vocabulary_of([trial]) if trial.iterations is None else ITERATIONS_OF_A_SCENARIO


def vocabulary_of(trials: Iterable[TrialResult], profile: Mapping[str, Any] | None = None) -> Vocabulary:
    """Return the words that hold for all of `trials`; where they differ in what they speak, those for requests.

    A trial that did not run says nothing; if none did, the profile does. With a scenario they are requests of users,
    and a schedule is of iterations.
    """
    protocols: set[LoadProtocol] = set()
    idle: set[IdleProtocol] = set()
    in_scenario: set[bool] = set()
    for trial in trials:
        if trial.window_ns:
            protocols.add(trial.protocol)
            in_scenario.add(trial.iterations is not None)
        if trial.idle is not None:
            idle.add(trial.idle.protocol)
    load = (profile or {}).get("load") or {}
    if not protocols and load.get("protocol") in _VOCABULARIES:
        protocols.add(load["protocol"])
    words = vocabulary_for(
        protocols.pop() if len(protocols) == 1 else "http",
        idle.pop() if len(idle) == 1 else "tcp",
    )
    is_scenario = in_scenario == {True} or (not in_scenario and load.get("scenario") is not None)
    return replace(words, user="user", scheduled=ITERATIONS_OF_A_SCENARIO.one) if is_scenario else words


REQUESTS: Final = Vocabulary(
    one="request",
    many="requests",
    brief="req",
    rate="req/s",
    message="request",
    answer="response",
    answers="answers",
    answered="answered",
    first="first byte of the body",
    pieces="pieces of the body",
    time="Response time",
    times="response times",
    half_take="half of the responses take at most",
    take="at most",
)
"""HTTP, and runs that speak several protocols."""

_ROUND_TRIPS: Final = replace(
    REQUESTS,
    one="round trip",
    many="round trips",
    brief="trip",
    rate="trips/s",
    message="message",
    answer="answer",
    half_take="half of the round trips take at most",
)
_EVENTS: Final = replace(
    REQUESTS,
    one="event",
    many="events",
    brief="event",
    rate="events/s",
    message="event",
    answer="event",
    answers="sends",
    answered="received",
    first="first event",
    pieces="events of a stream",
    time="Time between events",
    times="times between events",
    half_take="half of the events follow the one before within",
    take="within",
    user="subscriber",
    toward="of",
    pushed=True,
)
ITERATIONS_OF_A_SCENARIO: Final = replace(
    REQUESTS,
    one="iteration",
    many="iterations",
    brief="iter",
    rate="iterations/s",
    message="iteration",
    answer="iteration",
    answered="completed",
    sent="begun",
    time="Iteration time",
    times="iteration times",
    half_take="half of the iterations take at most",
    user="user",
)
"""What the schedule of a scenario is about, beside its requests."""

STEPS_OF_A_SCENARIO: Final = replace(
    ITERATIONS_OF_A_SCENARIO,
    one="step",
    many="steps",
    brief="step",
    rate="steps/s",
    time="Step time",
    times="step times",
)
"""The named parts of a scenario's iterations."""

_VOCABULARIES: Final[Mapping[LoadProtocol, Vocabulary]] = {
    "http": REQUESTS,
    "websocket": _ROUND_TRIPS,
    "tcp": _ROUND_TRIPS,
    "events": _EVENTS,
}
_IDLE_NAMES: Final[Mapping[IdleProtocol, str]] = {"websocket": "idle WebSocket", "events": "idle subscriber"}


def _capitalised(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}"
