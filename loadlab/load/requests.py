"""Which request comes next: always the same one, or one of several, drawn by their weights."""

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from loadlab.load.answer_check import AnswerCheck
from loadlab.load.schedule import Seed
from loadlab.load.stamping import STEPS, Stamping
from loadlab.protocols.answers import AnswerEnd

# Turns of a mix that are drawn at once, in a pause of 0.04 ms. So a turn costs 0.12 us, where going through the same
# turns again and again took 0.03; but then the share of a rare kind is that of the first few thousand turns, for good.
_DRAWN: Final = 1024
# Turns that are made at once of those drawn: all of them have the step of stamps that holds by then.
_MADE: Final = 64

Turn = tuple[bytes, int, int, int, bool]
"""The request, its length in bytes, the status of an answer that needs no further look, the number of its kind, and
whether the client's own share of its time is to be measured."""

NextTurn = Callable[[], Turn]

IDEMPOTENT: Final = frozenset({"GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"})


@dataclass(frozen=True, slots=True)
class RequestKind:
    """One kind of request: what is sent, in turn if it is not always the same, and how often it comes among others.

    An answer is as expected if its status is one of `statuses`, and `check` finds no difference. `end` is how its end
    is known if it is not HTTP's. If it `streams`, it is timed when its body begins, and each piece of it.
    """

    contents: Sequence[bytes]
    statuses: frozenset[int] = frozenset(range(200, 400))
    weight: int = 1
    method: str = "GET"
    check: AnswerCheck | None = None
    end: AnswerEnd | None = None
    streams: bool = False

    @property
    def usual_status(self) -> int:
        """The status to compare with first, of the answers that need no further look; 0 if all need one."""
        if self.check is not None or self.streams:
            return 0
        return 200 if 200 in self.statuses else min(self.statuses)

    @property
    def idempotent(self) -> bool:
        """Whether it may be sent again: it has the same effect if it takes effect twice (RFC 9110, 9.2.2)."""
        return self.method in IDEMPOTENT


def take_turns(kinds: Sequence[RequestKind], seed: Seed, stamping: Stamping) -> NextTurn:
    """Return a function that returns the next turn; all users of a worker share it, so that the mix is as weighted.

    In random order and not in a fixed one, which the users would fall into step with. The shares are exact, to within
    two requests of each kind whenever a row of 1,024 turns is over.
    """
    if len(kinds) == len(kinds[0].contents) == 1:
        return itertools.chain.from_iterable(_same_turns(kinds[0], stamping)).__next__
    numbers: Iterator[list[int]] = itertools.repeat([0] * _MADE)
    if len(kinds) > 1:
        rows = _rows([kind.weight for kind in kinds], np.random.default_rng(seed))
        numbers = (row[first : first + _MADE] for row in rows for first in range(0, _DRAWN, _MADE))
    return itertools.chain.from_iterable(_drawn_turns(kinds, numbers, stamping)).__next__


def _same_turns(kind: RequestKind, stamping: Stamping) -> Iterator[list[Turn]]:
    request = kind.contents[0]
    plain, stamped = ((request, len(request), kind.usual_status, 0, look) for look in (False, True))
    by_step = {step: [stamped, *[plain] * (step - 1)] for step in STEPS}
    while True:
        yield by_step[stamping.every]


def _drawn_turns(
    kinds: Sequence[RequestKind], numbers: Iterator[list[int]], stamping: Stamping
) -> Iterator[list[Turn]]:
    contents = [itertools.cycle(kind.contents).__next__ for kind in kinds]
    statuses = [kind.usual_status for kind in kinds]
    position = 0
    for drawn in numbers:
        every = stamping.every
        yield [
            (request := contents[number](), len(request), statuses[number], number, (position + place) % every == 0)
            for place, number in enumerate(drawn)
        ]
        position += len(drawn)


def _rows(weights: Sequence[int], random: np.random.Generator) -> Iterator[list[int]]:
    """Yield the numbers of kinds in shuffled rows, without end. Of each kind come as many as its share asks for."""
    total, drawn, came = sum(weights), 0, [0] * len(weights)
    while True:
        drawn += _DRAWN
        owed = [drawn * weight - before * total for weight, before in zip(weights, came, strict=True)]
        counts = [max(0, each // total) for each in owed]
        while missing := _DRAWN - sum(counts):
            # What is left over goes to the kinds that are owed most of one more, or comes from those owed least.
            step = 1 if missing > 0 else -1
            rest = [(each - count * total) * step for each, count in zip(owed, counts, strict=True)]
            open_to = [number for number, count in enumerate(counts) if count + step >= 0]
            counts[max(open_to, key=rest.__getitem__)] += step
        came = [before + count for before, count in zip(came, counts, strict=True)]
        yield random.permutation(np.repeat(np.arange(len(weights)), counts)).tolist()
