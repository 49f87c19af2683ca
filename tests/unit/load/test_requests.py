"""Which request comes next."""

from collections import Counter

import numpy as np
import pytest

from loadlab.load.requests import STAMPED_EVERY, RequestKind, take_turns


def test_one_kind_comes_always() -> None:
    next_turn = take_turns([RequestKind(b"GET / HTTP/1.1\r\n\r\n", status=204)], seed=0)
    assert {next_turn()[:4] for _ in range(200)} == {(b"GET / HTTP/1.1\r\n\r\n", 18, 204, 0)}


@pytest.mark.parametrize("kinds", [[RequestKind(b"a")], [RequestKind(b"a"), RequestKind(b"b")]])
def test_one_turn_of_so_many_is_to_be_stamped(kinds: list[RequestKind]) -> None:
    next_turn = take_turns(kinds, seed=0)
    stamped = [position for position in range(10 * STAMPED_EVERY) if next_turn()[4]]
    assert stamped == [position * STAMPED_EVERY for position in range(10)]


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_several_come_as_often_as_they_weigh(seed: int) -> None:
    kinds = [RequestKind(b"a", weight=1), RequestKind(b"b", weight=9), RequestKind(b"c", weight=90)]
    next_turn = take_turns(kinds, seed)
    drawn = Counter(next_turn()[3] for _ in range(9973))
    assert [round(drawn[number] / 9973, 2) for number in range(3)] == pytest.approx([0.01, 0.09, 0.9], abs=0.015)


def test_every_turn_can_be_stamped() -> None:
    next_turn = take_turns([RequestKind(b"a")], seed=0, stamped_every=1)
    assert all(next_turn()[4] for _ in range(10))


def test_the_order_is_fixed_by_the_seed_and_is_no_pattern() -> None:
    kinds = [RequestKind(b"a"), RequestKind(b"b")]
    first, again, other = (take_turns(kinds, seed) for seed in (1, 1, 2))
    order = [first()[3] for _ in range(100)]
    assert [again()[3] for _ in range(100)] == order
    assert [other()[3] for _ in range(100)] != order
    assert order != [0, 1] * 50


@pytest.mark.parametrize("weights", [(1, 999_999), (1, 9, 90), (3, 1, 1), (1, 500, 123_456)])
def test_shares_are_exact_also_of_rare_kinds(weights: tuple[int, ...]) -> None:
    next_turn = take_turns([RequestKind(b"a", weight=weight) for weight in weights], seed=0)
    number = 2_000 * 1024
    drawn = Counter(next_turn()[3] for _ in range(number))
    for kind, weight in enumerate(weights):
        assert abs(drawn[kind] - number * weight / sum(weights)) <= 1


def test_kinds_and_pauses_of_one_seed_are_independent() -> None:
    kinds_seed, pauses_seed = np.random.SeedSequence([7, 0]).spawn(2)
    next_turn = take_turns([RequestKind(b"a"), RequestKind(b"b")], kinds_seed)
    pauses = np.random.default_rng(pauses_seed).exponential(1.0, 8192)
    kinds = np.array([next_turn()[3] for _ in range(8192)])
    assert abs(np.corrcoef(kinds, pauses)[0, 1]) < 4 / 8192**0.5
