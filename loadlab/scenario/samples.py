"""What the users of a worker record: a recorder for each name of a request, a step or an iteration, and checks."""

import re
from collections import Counter
from dataclasses import dataclass
from typing import Final, Literal

from loadlab.recording.recorder import OTHER, Recorder

Level = Literal["request", "step", "iteration"]

MOST_NAMES: Final = 200
"""Names of requests, of steps and of checks that are kept apart in one worker; what comes then goes under OTHER."""

_MOST_PATHS: Final = 10_000
_VARIABLE: Final = re.compile(
    r"(?<=/)(?:\d+|[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}|"
    r"(?=[0-9a-fA-F]*\d)[0-9a-fA-F]{12,})(?=/|$)"
)


def name_of_request(method: str, path: str) -> str:
    """Return the name of requests that differ in their parameters only: method and path, without a query.

    Numbers, UUIDs and long hexadecimal numbers that are a segment of the path are written as {id}.
    """
    return f"{method} {_VARIABLE.sub('{id}', path)}"


@dataclass(slots=True)
class Check:
    """How many times a check passed and failed."""

    passed: int = 0
    failed: int = 0


class Samples:
    """The recorders of a worker in the order in which their names were found, each with its level.

    `statuses` are those of answers as expected, where a request does not name its own.
    """

    def __init__(self, iteration: str, statuses: frozenset[int]) -> None:
        self.statuses = statuses
        self._usual_status = 200 if 200 in statuses else min(statuses, default=0)
        self.labels: list[tuple[Level, str]] = [("iteration", iteration)]
        self.iteration = Recorder(usual_status=0)
        self.recorders: list[Recorder] = [self.iteration]
        self.checks: dict[str, Check] = {}
        self._numbers: dict[tuple[Level, str], int] = {}
        self._names: Counter[Level] = Counter()  # how many there are of each level
        self._requests: dict[tuple[str, bytes], int] = {}  # by method and raw path: naming one takes 2 us

    def answered(self) -> int:
        """Return how many requests were answered as expected since the last snapshot."""
        kinds = zip(self.labels, self.recorders, strict=True)
        return sum(recorder.answered for (level, _), recorder in kinds if level == "request")

    def request(self, method: str, raw_path: bytes) -> int:
        """Return the number of the recorder for a request that has no name of its own."""
        path = raw_path.partition(b"?")[0] if b"?" in raw_path else raw_path
        number = self._requests.get((method, path))
        if number is None:
            number = self.named("request", name_of_request(method, path.decode("ascii")))
            if len(self._requests) < _MOST_PATHS:
                self._requests[method, path] = number
        return number

    def named(self, level: Literal["request", "step"], name: str) -> int:
        """Return the number of the recorder for a request or a step of that name."""
        number = self._numbers.get((level, name))
        if number is not None:
            return number
        if self._names[level] >= MOST_NAMES and name != OTHER[level]:
            return self.named(level, OTHER[level])
        self._names[level] += 1
        number = self._numbers[level, name] = len(self.recorders)
        self.labels.append((level, name))
        self.recorders.append(Recorder(self._usual_status if level == "request" else 0))
        return number

    def check(self, name: str, passed: bool) -> None:
        """Count a check."""
        found = self.checks.get(name)
        if found is None:
            if len(self.checks) >= MOST_NAMES:
                name = OTHER["check"]
            found = self.checks.setdefault(name, Check())
        found.passed += passed
        found.failed += not passed

    def is_usual(self, status: int) -> bool:
        """Return whether a status needs no counting, as a recorder takes it for that of whatever it does not count."""
        return status == self._usual_status
