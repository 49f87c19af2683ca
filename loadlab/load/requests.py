"""Which request comes next: always the same one, or one of several, drawn by their weights."""

import itertools
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

STAMPED_EVERY: Final = 61
"""The arrival time is read with one answer in this many: that costs 2 us more than a plain read. A prime number, so
that it does not fall into step with anything."""

# Turns drawn beforehand, which are then repeated: drawing each when it is needed would cost ten times as much.
_DRAWN: Final = 9973

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


def take_turns(kinds: Sequence[RequestKind], seed: int, stamped_every: int = STAMPED_EVERY) -> NextTurn:
    """Return a function that returns the next turn; all users of a worker share it, so that the mix is as weighted.

    Drawn at random and not in a fixed order, which the users would fall into step with. One turn of `stamped_every` is
    stamped.
    """
    plain, stamped = ([_turn(kind, number, look) for number, kind in enumerate(kinds)] for look in (False, True))
    if len(kinds) == 1:
        return itertools.cycle([*stamped, *plain * (stamped_every - 1)]).__next__
    drawn = random.Random(seed).choices(range(len(kinds)), [kind.weight for kind in kinds], k=_DRAWN)
    return itertools.cycle(
        [(plain if position % stamped_every else stamped)[number] for position, number in enumerate(drawn)]
    ).__next__


def _turn(kind: RequestKind, number: int, stamped: bool) -> Turn:
    return kind.request, len(kind.request), kind.status, number, stamped
