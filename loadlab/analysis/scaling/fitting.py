"""Two-parameter laws fitted to costs whose scatter grows with them, with intervals that hold for five points too.

A machine's noise is a share of the cost: repeats at 700 us lie further apart than those at 10 us. So the squares of
relative deviations are minimised, which is quasi-likelihood with a constant coefficient of variation (McCullagh and
Nelder, Generalized Linear Models, 1989, ch. 8), by reweighting with the fitted costs. An ordinary line would see the
highest costs only, and its interval would be too wide for a flat server and too narrow for a steep one.

The intervals are 95 % bootstrap-t: the relative residuals, corrected for the leverage of their own points, are
resampled, and the estimate's error is studentised in each resample (Efron and Tibshirani, An Introduction to
the Bootstrap, 1993, ch. 9 and 12; Davison and Hinkley, Bootstrap Methods and their Application, 1997, ch. 6). The
residuals of all points are one pool: two repeats at one x are too few to resample by themselves.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt

from loadlab.analysis.uncertainty import Estimate, quantile_of_t

_Array: TypeAlias = npt.NDArray[np.floating[Any]]

_FEWEST_XS: Final = 3  # two x can always be joined by a line, whatever law the costs follow
_RESAMPLES: Final = 1999
# The same points give the same interval whenever they are fitted.
_SEED: Final = 20_000
# The fitted costs settle to far below the noise in two rounds; the first starts from the costs themselves.
_REWEIGHTINGS: Final = 3
# Student's t with one degree of freedom, 97.5 %: three points leave one residual, too few to resample.
_T_OF_ONE: Final = 12.706
_ROUNDING: Final = 1e-9


@dataclass(frozen=True, slots=True)
class LineFit:
    """cost = intercept + slope * x. `scatter` is the root mean square of the relative deviations from it."""

    intercept: Estimate
    slope: Estimate
    scatter: float

    def at(self, x: float) -> float:
        """Return the cost at x."""
        return self.intercept.value + self.slope.value * x


@dataclass(frozen=True, slots=True)
class PowerFit:
    """cost = factor * x ** exponent, for positive x."""

    factor: float
    exponent: Estimate

    def at(self, x: float) -> float:
        """Return the cost at a positive x."""
        return float(self.factor * x**self.exponent.value)


def fit_line(
    xs: Sequence[float], costs: Sequence[float], weights: Sequence[float] | None = None, least_scatter: float = 0.0
) -> LineFit | None:
    """Return the line through the costs; None for fewer than three different x, or where a cost is not positive.

    A cost of weight 0.5 is expected to scatter twice as much as one of weight 1, which all have unless given. At weight
    1 that is `least_scatter` at least, as a share of the cost: a few uncertain costs may lie on a line by chance, and
    the intervals must not be narrower than those of the costs.
    """
    if not _can_be_fitted(xs) or min(costs) <= 0:
        return None
    unit = max(abs(x) for x in xs)  # x up to a million beside the constant's 1 would cost half of the digits
    x, cost, weight = np.array(xs) / unit, np.array(costs), _weights(weights, len(xs))
    expected = cost
    for _ in range(_REWEIGHTINGS):
        design = np.column_stack((weight / expected, weight * x / expected))
        intercept, slope = np.linalg.lstsq(design, weight * cost / expected)[0]
        # A line through a curve may run below zero, where no cost is.
        expected = np.maximum(intercept + slope * x, cost.min() / 2)
    design = np.column_stack((weight / expected, weight * x / expected))
    (intercept_estimate, slope_estimate), scatter = _regress(design, weight * cost / expected, least_scatter)
    return LineFit(intercept_estimate, slope_estimate.scaled(1 / unit), scatter)


def fit_power(
    xs: Sequence[float], costs: Sequence[float], weights: Sequence[float] | None = None, least_scatter: float = 0.0
) -> PowerFit | None:
    """Return the power law of the costs at positive x; None where `fit_line` would return None for those.

    Logarithms turn it into a line, and relative noise into noise of equal size everywhere.
    """
    positive = np.array(xs) > 0
    if not _can_be_fitted(list(np.array(xs)[positive])) or min(costs) <= 0:
        return None
    log_x, log_cost = np.log(np.array(xs)[positive]), np.log(np.array(costs)[positive])
    weight = _weights(weights, len(xs))[positive]
    (log_factor, exponent), _ = _regress(np.column_stack((weight, weight * log_x)), weight * log_cost, least_scatter)
    return PowerFit(math.exp(log_factor.value), exponent)


def _weights(weights: Sequence[float] | None, points: int) -> _Array:
    return np.ones(points) if weights is None else np.array(weights)


def _can_be_fitted(xs: Sequence[float]) -> bool:
    return len(set(xs)) >= _FEWEST_XS


def _regress(design: _Array, response: _Array, least_scatter: float) -> tuple[tuple[Estimate, Estimate], float]:
    """Return both coefficients by least squares, and the residuals' root mean square; the noise has equal size."""
    solver = np.linalg.pinv(design)
    freedom = len(response) - 2
    coefficients = solver @ response
    residuals = response - design @ coefficients
    scatter = math.sqrt(residuals @ residuals / freedom)
    spread = np.sqrt((solver**2).sum(axis=1))
    if freedom == 1:
        quantiles = np.array([[-_T_OF_ONE, -_T_OF_ONE], [_T_OF_ONE, _T_OF_ONE]])
    else:
        quantiles = _quantiles_of_t(design, solver, residuals, spread)
    low, high = coefficients - quantiles[::-1] * scatter * spread
    least = quantile_of_t(math.inf) * least_scatter * spread
    low, high = np.minimum(low, coefficients - least), np.maximum(high, coefficients + least)
    first, second = (Estimate(*map(float, ends)) for ends in zip(coefficients, low, high, strict=True))
    return (first, second), scatter


def _quantiles_of_t(design: _Array, solver: _Array, residuals: _Array, spread: _Array) -> _Array:
    """Return the 2.5 % and 97.5 % quantiles of both coefficients' t over the resamples, one row each."""
    leverage = np.einsum("ij,ji->i", design, solver)
    # A point that is alone at its end of x pulls the line through itself: its leverage is 1, its residual 0.
    freed = residuals / np.sqrt(np.maximum(1 - leverage, 1e-9))
    noise = np.random.default_rng(_SEED).choice(freed - freed.mean(), (_RESAMPLES, len(freed)))
    errors = noise @ solver.T
    left = noise - errors @ design.T
    scatter = np.sqrt((left**2).sum(axis=1) / (len(residuals) - 2))
    standard_errors = np.outer(scatter, spread)
    # Where the same residual was drawn each time only rounding is left, and no scale for the error.
    has_scale = standard_errors > _ROUNDING * math.sqrt(residuals @ residuals) * spread
    t = np.divide(errors, standard_errors, out=np.zeros_like(errors), where=has_scale)
    return np.quantile(t, (0.025, 0.975), axis=0)
