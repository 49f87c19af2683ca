"""Which request comes next: always the same one, or one of several, drawn by their weights."""

import itertools
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

# So many turns are drawn beforehand and gone through again and again: drawing each anew would cost ten times as much.
_DRAWN: Final = 9973

Turn = tuple[bytes, int, int, int]
"""The request, its length in bytes, the status that it expects, and the number of its kind."""

NextTurn = Callable[[], Turn]


@dataclass(frozen=True, slots=True)
class RequestKind:
    """One kind of request: its bytes, the status that counts as success, and how often it comes among others."""

    request: bytes
    status: int = 200
    weight: int = 1


def take_turns(kinds: Sequence[RequestKind], seed: int) -> NextTurn:
    """Return a function that returns the next turn; all users of a worker share it, so that the mix is as weighted.

    Drawn at random and not in a fixed order, which the users would fall into step with.
    """
    turns = [(kind.request, len(kind.request), kind.status, number) for number, kind in enumerate(kinds)]
    if len(turns) == 1:
        return itertools.repeat(turns[0]).__next__
    weights = [kind.weight for kind in kinds]
    return itertools.cycle(random.Random(seed).choices(turns, weights, k=_DRAWN)).__next__
