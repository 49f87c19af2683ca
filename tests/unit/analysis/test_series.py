"""The mean of a series whose neighbours are alike: robust, and no surer of itself than it may be."""

import math

import numpy as np
import pytest

from loadlab.analysis.series import block_length, block_weights, reach_of_mean, robust_mean


def test_a_robust_mean_is_the_mean_where_nothing_is_far_out() -> None:
    values = np.arange(8.0)
    centre, influences = robust_mean(values)
    assert centre == pytest.approx(values.mean())
    assert influences == pytest.approx(values - centre)


def test_what_is_far_out_moves_it_as_much_as_any_other_value() -> None:
    values = np.random.default_rng(1).normal(0, 1, 200)
    usual, _ = robust_mean(values)
    values[:4] = 1000
    centre, influences = robust_mean(values)
    assert abs(centre - usual) < 0.05
    assert influences.max() < 3
    assert influences.mean() == pytest.approx(0, abs=1e-6)


def test_equal_values_have_no_scatter() -> None:
    centre, influences = robust_mean(np.full(10, 3.0))
    assert centre == 3
    assert reach_of_mean(influences) == 0


def test_a_mean_of_independent_values_is_as_certain_as_student_says() -> None:
    values = np.random.default_rng(2).normal(0, 1, 1000)
    assert reach_of_mean(values - values.mean()) == pytest.approx(1.96 / math.sqrt(1000), rel=0.15)


def test_neighbours_that_are_alike_say_less() -> None:
    noise = np.random.default_rng(3).normal(0, 1, 2000)
    alike = np.convolve(noise, np.ones(10) / math.sqrt(10), "same")  # as large, but a tenth as many of its own
    assert reach_of_mean(alike - alike.mean()) > 2 * reach_of_mean(noise - noise.mean())


def test_blocks_are_as_long_as_neighbours_are_alike() -> None:
    noise = np.random.default_rng(3).normal(0, 1, 400)
    assert block_length(noise) == round(math.cbrt(400))
    assert block_length(np.convolve(noise, np.ones(20), "same")) > 15
    assert block_length(np.ones(400)) == round(math.cbrt(400))
    assert block_length(noise[:5]) == 1


def test_blocks_are_drawn_whole_and_around_the_end() -> None:
    weights = block_weights(10, 4, draws=500, seed=1)
    assert weights.shape == (500, 10)
    assert set(weights.sum(axis=1)) == {10}
    assert weights.mean(axis=0) == pytest.approx(np.ones(10), abs=0.15)
    assert (block_weights(10, 10, draws=5, seed=1) == 1).all()
