"""Which request comes next: always the same one, or one of several, drawn by their weights."""

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from loadlab.load.schedule import Seed

STAMPED_EVERY: Final = 61
"""The arrival time is read with one answer in this many: that costs 2 us more than a plain read. A prime number, so
that it does not fall into step with anything."""

# Turns drawn at once, in a pause of 0.07 ms. So a turn of a mix costs 0.12 us, where going through the same turns
# again and again took 0.03; but then the share of a rare kind is that of the first few thousand turns, for good.
_DRAWN: Final = 1024

Turn = tuple[bytes, int, int, int, bool]
"""The request, its length in bytes, the status that it expects, the number of its kind, and whether the client's own
share of its time is to be measured."""

NextTurn = Callable[[], Turn]


@dataclass(frozen=True, slots=True)
class RequestKind:
    """One kind of request: its bytes, the status that counts as success, and how often it comes among others."""

    request: bytes
    status: int = 200
    weight: int = 1


def take_turns(kinds: Sequence[RequestKind], seed: Seed, stamped_every: int = STAMPED_EVERY) -> NextTurn:
    """Return a function that returns the next turn; all users of a worker share it, so that the mix is as weighted.

    In random order and not in a fixed one, which the users would fall into step with. The shares are exact, to within
    two requests of each kind whenever a row of 1,024 turns is over. One turn of `stamped_every` is stamped.
    """
    plain, stamped = ([_turn(kind, number, look) for number, kind in enumerate(kinds)] for look in (False, True))
    if len(kinds) == 1:
        return itertools.cycle([*stamped, *plain * (stamped_every - 1)]).__next__
    rows = _rows([kind.weight for kind in kinds], np.random.default_rng(seed))
    positions = itertools.count()
    return itertools.chain.from_iterable(
        [(plain if next(positions) % stamped_every else stamped)[number] for number in row] for row in rows
    ).__next__


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


def _turn(kind: RequestKind, number: int, stamped: bool) -> Turn:
    return kind.request, len(kind.request), kind.status, number, stamped
