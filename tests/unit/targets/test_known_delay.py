"""The known-delay target's delays: exactly the quantiles of their distribution in every cycle, in a seeded order."""

import math
import runpy
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import islice

import pytest

from loadlab.installation import bundled_directory

MEAN_NS = 5_000_000
CYCLE = 1000


def load_delays() -> Callable[[str, int, int, int], Iterator[int]]:
    """Return the function of the target's file; its modules are no package, and find each other where they lie."""
    targets = bundled_directory("targets")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(targets)
        found = runpy.run_path(str(targets / "known_delay.py"))["delays_ns"]
    for name in {file.stem for file in targets.glob("*.py")} & set(sys.modules):
        del sys.modules[name]  # the names (server, limits, ...) are too common to stay
    delays: Callable[[str, int, int, int], Iterator[int]] = found
    return delays


delays_ns = load_delays()


def cycles(distribution: str, count: int, seed: int = 1) -> list[list[int]]:
    delays = delays_ns(distribution, MEAN_NS, CYCLE, seed)
    return [list(islice(delays, CYCLE)) for _ in range(count)]


@pytest.mark.parametrize(
    ("distribution", "share_below"),
    [
        ("exponential", lambda delay_ns: 1 - math.exp(-delay_ns / MEAN_NS)),
        ("uniform", lambda delay_ns: delay_ns / (2 * MEAN_NS)),
    ],
)
def test_a_cycle_follows_the_distribution_function_to_half_a_step(
    distribution: str, share_below: Callable[[int], float]
) -> None:
    (delays,) = cycles(distribution, 1)
    for rank, delay_ns in enumerate(sorted(delays)):
        assert share_below(delay_ns) == pytest.approx((rank + 0.5) / CYCLE, abs=1e-6)


@pytest.mark.parametrize("distribution", ["exponential", "uniform"])
def test_the_mean_is_the_one_asked_for(distribution: str) -> None:
    (delays,) = cycles(distribution, 1)
    assert sum(delays) / CYCLE == pytest.approx(MEAN_NS, rel=1e-3)


@pytest.mark.parametrize("distribution", ["exponential", "uniform"])
def test_each_cycle_holds_the_same_delays_in_another_order(distribution: str) -> None:
    first, second, third = cycles(distribution, 3)
    assert Counter(first) == Counter(second) == Counter(third)
    assert first != sorted(first)
    assert first != second != third


def test_the_seed_fixes_the_order() -> None:
    assert cycles("exponential", 2, seed=7) == cycles("exponential", 2, seed=7)
    assert cycles("exponential", 2, seed=7) != cycles("exponential", 2, seed=8)


def test_a_cycle_of_one_is_always_the_median() -> None:
    delays = delays_ns("exponential", MEAN_NS, 1, 0)
    assert list(islice(delays, 3)) == [round(MEAN_NS * math.log(2))] * 3
