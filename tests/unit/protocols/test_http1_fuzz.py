"""Mutated responses: each ends in an outcome, the same one however it is cut and whatever was read before."""

from random import Random

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from loadlab.protocols.http1 import ResponseParsers

from .mutations import Ending, make_response, mutate, read_pieces, split

_SHARED = ResponseParsers()


@settings(max_examples=3_000, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(random=st.randoms(use_true_random=True), then_end=st.booleans())
def test_a_mutated_response_is_read_alike_however_it_is_cut(random: Random, then_end: bool) -> None:
    """Whatever a parser has read before is forgotten: `_SHARED` has read all the examples so far."""
    raw = mutate(random, make_response(random))
    reading = read_pieces(ResponseParsers(), [raw], then_end)
    assert read_pieces(_SHARED, split(random, raw), then_end) == reading, raw
    assert read_pieces(ResponseParsers(), [bytes([byte]) for byte in raw], then_end) == reading, raw


@settings(max_examples=500, deadline=None)
@given(random=st.randoms(use_true_random=True))
def test_a_response_that_was_not_mutated_is_complete(random: Random) -> None:
    raw = make_response(random)
    assert read_pieces(ResponseParsers(), split(random, raw), then_end=True).ending is Ending.COMPLETE, raw
