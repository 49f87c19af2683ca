"""The law that a curve follows: a straight line through a figure over a swept number, and how sure its slope is.

Ordinary least squares; the interval is the usual one from Student's t. Where the line hardly changes over the whole
range, the text says that the figure does not depend on the number. Where it does, but the slope's interval holds 0, the
text says that no straight line fits.
"""

import math
import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from loadlab.results.model import Law, Scalar, TrialResult
from loadlab.units import format_duration_ns

# The 97.5 % quantile of Student's t by degrees of freedom (any statistics text, table of t); beyond 30 the normal's.
_T_975: Final = (
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228,
    2.201, 2.179, 2.160, 2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086,
    2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042,
)  # fmt: skip
_T_975_OF_MANY: Final = 1.960
# A change over the whole range below this share of the middle is told as none: machines scatter by more.
_NO_CHANGE: Final = 0.1


@dataclass(frozen=True, slots=True)
class Line:
    """y = intercept + slope * x, with the slope's 95 % interval."""

    intercept: float
    slope: float
    slope_interval: tuple[float, float]


def fit_line(points: Sequence[tuple[float, float]]) -> Line | None:
    """Return the line through (x, y) points; None for fewer than three, or where all x are the same."""
    xs, ys = [x for x, _ in points], [y for _, y in points]
    if len(points) < 3 or len(set(xs)) < 2:
        return None
    slope, intercept = statistics.linear_regression(xs, ys)
    freedom = len(points) - 2
    residuals = sum((y - intercept - slope * x) ** 2 for x, y in points)
    mean = statistics.fmean(xs)
    error = math.sqrt(residuals / freedom / sum((x - mean) ** 2 for x in xs))
    margin = error * (_T_975[freedom - 1] if freedom <= len(_T_975) else _T_975_OF_MANY)
    return Line(intercept, slope, (slope - margin, slope + margin))


def fit_exponent(points: Iterable[tuple[float, float]]) -> float | None:
    """Return b of y = a * x ** b over the points where both are positive; None for fewer than three of them."""
    logs = [(math.log(x), math.log(y)) for x, y in points if x > 0 and y > 0]
    if len(logs) < 3 or len({x for x, _ in logs}) < 2:
        return None
    return statistics.linear_regression([x for x, _ in logs], [y for _, y in logs]).slope


def fit_laws(
    trials: Iterable[TrialResult],
    metric: str,
    measure: Callable[[TrialResult], float | None],
    over: str,
    each: str,
) -> list[Law]:
    """Return the law of `metric` (in ns) over the swept path `over`, for each combination of the other factors.

    `measure` takes the figure from a trial that is done; `each` names one step of `over`, such as "dead connection".
    """
    series: dict[tuple[tuple[str, Scalar], ...], list[tuple[float, float]]] = {}
    for trial in trials:
        x, y = trial.factors.get(over), measure(trial) if trial.state == "done" else None
        if (
            y is not None
            and isinstance(x, int | float)
            and not isinstance(x, bool)
            and trial.verdict.state != "invalid"
        ):
            where = tuple((path, value) for path, value in trial.factors.items() if path != over)
            series.setdefault(where, []).append((x, y))
    laws = []
    for where, points in series.items():
        line = fit_line(points)
        if line is not None:
            name = ", ".join(str(value).lower() if isinstance(value, bool) else str(value) for _, value in where)
            laws.append(
                Law(
                    metric=metric,
                    over=over,
                    where=dict(where),
                    intercept=line.intercept,
                    slope=line.slope,
                    slope_interval=line.slope_interval,
                    exponent=fit_exponent(points),
                    text=f"{name}: {_describe(line, points, each)}" if name else _describe(line, points, each),
                )
            )
    return laws


def _describe(line: Line, points: Sequence[tuple[float, float]], each: str) -> str:
    low, high = line.slope_interval
    span = max(x for x, _ in points) - min(x for x, _ in points)
    middle = statistics.median(y for _, y in points)
    if abs(line.slope * span) < _NO_CHANGE * middle:
        return f"does not depend on the number of {each}s"
    if low <= 0 <= high:
        return f"no straight line fits over the number of {each}s"
    return (
        f"{format_duration_ns(abs(line.slope))} {'more' if line.slope > 0 else 'less'} for each {each} "
        f"(95 %: {_signed(low)} to {_signed(high)})"
    )


def _signed(slope_ns: float) -> str:
    return f"{'-' if slope_ns < 0 else ''}{format_duration_ns(abs(slope_ns))}"
