"""Which request comes next."""

from collections import Counter
from itertools import pairwise

import numpy as np
import pytest

from loadlab.load.requests import RequestKind, take_turns
from loadlab.load.stamping import STAMPED_EVERY, Stamping


def test_one_kind_comes_always() -> None:
    next_turn = take_turns([RequestKind([b"GET / HTTP/1.1\r\n\r\n"], statuses=frozenset({204}))], 0, Stamping())
    assert {next_turn()[:4] for _ in range(200)} == {(b"GET / HTTP/1.1\r\n\r\n", 18, 204, 0)}


def test_requests_of_a_kind_are_sent_in_turn() -> None:
    next_turn = take_turns([RequestKind([b"a", b"bc"]), RequestKind([b"d"])], 0, Stamping())
    drawn = [next_turn() for _ in range(100)]
    assert [turn[0] for turn in drawn if turn[3] == 0][:4] == [b"a", b"bc", b"a", b"bc"]
    assert {(turn[0], turn[1]) for turn in drawn} == {(b"a", 1), (b"bc", 2), (b"d", 1)}


@pytest.mark.parametrize("kinds", [[RequestKind([b"a"])], [RequestKind([b"a"]), RequestKind([b"b"])]])
def test_each_turn_is_stamped_until_there_are_many(kinds: list[RequestKind]) -> None:
    stamping = Stamping()
    next_turn = take_turns(kinds, 0, stamping)
    assert all(next_turn()[4] for _ in range(64))
    stamping.adapt(answered=1_000_000, passed_ns=1, duration_ns=10)
    assert stamping.every == STAMPED_EVERY
    stamped = [position for position in range(STAMPED_EVERY * 10) if next_turn()[4]]
    assert len(stamped) == 10
    assert {later - before for before, later in pairwise(stamped)} == {STAMPED_EVERY}


@pytest.mark.parametrize(("expected", "every"), [(10, 1), (3_999, 1), (4_000, 2), (20_000, 7), (10**6, 61)])
def test_a_window_has_stamps_enough_for_its_percentiles(expected: int, every: int) -> None:
    stamping = Stamping()
    stamping.adapt(answered=expected // 2, passed_ns=500, duration_ns=1_000)
    assert stamping.every == every


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_several_come_as_often_as_they_weigh(seed: int) -> None:
    kinds = [RequestKind([b"a"], weight=1), RequestKind([b"b"], weight=9), RequestKind([b"c"], weight=90)]
    next_turn = take_turns(kinds, seed, Stamping())
    drawn = Counter(next_turn()[3] for _ in range(9973))
    assert [round(drawn[number] / 9973, 2) for number in range(3)] == pytest.approx([0.01, 0.09, 0.9], abs=0.015)


def test_every_turn_can_be_stamped() -> None:
    next_turn = take_turns([RequestKind([b"a"])], 0, Stamping(1))
    assert all(next_turn()[4] for _ in range(10))


def test_the_order_is_fixed_by_the_seed_and_is_no_pattern() -> None:
    kinds = [RequestKind([b"a"]), RequestKind([b"b"])]
    first, again, other = (take_turns(kinds, seed, Stamping()) for seed in (1, 1, 2))
    order = [first()[3] for _ in range(100)]
    assert [again()[3] for _ in range(100)] == order
    assert [other()[3] for _ in range(100)] != order
    assert order != [0, 1] * 50


@pytest.mark.parametrize("weights", [(1, 999_999), (1, 9, 90), (3, 1, 1), (1, 500, 123_456)])
def test_shares_are_exact_also_of_rare_kinds(weights: tuple[int, ...]) -> None:
    next_turn = take_turns([RequestKind([b"a"], weight=weight) for weight in weights], 0, Stamping())
    number = 2_000 * 1024
    drawn = Counter(next_turn()[3] for _ in range(number))
    for kind, weight in enumerate(weights):
        assert abs(drawn[kind] - number * weight / sum(weights)) <= 1


def test_kinds_and_pauses_of_one_seed_are_independent() -> None:
    kinds_seed, pauses_seed = np.random.SeedSequence([7, 0]).spawn(2)
    next_turn = take_turns([RequestKind([b"a"]), RequestKind([b"b"])], kinds_seed, Stamping())
    pauses = np.random.default_rng(pauses_seed).exponential(1.0, 8192)
    kinds = np.array([next_turn()[3] for _ in range(8192)])
    assert abs(np.corrcoef(kinds, pauses)[0, 1]) < 4 / 8192**0.5
