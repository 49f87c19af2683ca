"""Times that a delayed ACK explains, on made-up service times."""

import random

import pytest

from loadlab.analysis.verdict import WindowEvidence
from loadlab.analysis.verdict.delayed_ack import delayed_ack
from loadlab.recording.histogram import Histogram
from loadlab.results.verdict import Finding

from ....trials import make_trial

MS = 1_000_000
DICE = random.Random(7)


def judged(times_ms: list[float]) -> Finding | None:
    times = Histogram()
    times.fold([round(time * MS) for time in times_ms])
    return delayed_ack(make_trial(), WindowEvidence(service_times=times))


def around(ms: float, number: int, spread: float = 0.5) -> list[float]:
    return [ms + spread * DICE.random() for _ in range(number)]


def test_responses_that_wait_for_an_ack_are_noted_with_how_many_they_are() -> None:
    found = judged([*around(0.2, 900), *around(40.5, 97, spread=3.5), *around(35, 2), 55])
    assert found is not None
    assert (found.severity, found.code) == ("note", "delayed_ack")
    assert found.evidence.replace("\N{NO-BREAK SPACE}", " ") == (
        "97 of 1,000 service times (9.7 %) lie between 40 and 52 ms, 2 in the 12 ms before that "
        "and 1 in the 12 ms after"
    )
    assert "TCP_NODELAY" in found.advice


@pytest.mark.parametrize(
    "times_ms",
    [
        around(0.2, 1000),  # nothing near
        [*around(0.2, 9_950), *around(41, 50)],  # too few of all
        [*around(0.2, 200), *around(41, 9)],  # too few to count
        around(0, 1000, spread=100),  # no more there than elsewhere
        [DICE.expovariate(1 / 30) for _ in range(5000)],
        [DICE.lognormvariate(3.6, 0.3) for _ in range(5000)],  # a handler that takes 37 ms, more or less
        [*around(0.2, 1000), *around(41, 100), *around(53, 30)],  # a peak that is wider
    ],
)
def test_other_times_are_not(times_ms: list[float]) -> None:
    assert judged(times_ms) is None


def test_without_times_there_is_nothing_to_say() -> None:
    assert delayed_ack(make_trial(), WindowEvidence()) is None
    assert judged([]) is None
