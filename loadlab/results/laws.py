"""The laws that a run's series follow, as they stand in run.json."""

from typing import Literal

from pydantic import Field

from loadlab.results.probe_data import Document

LawShape = Literal["constant", "linear", "power", "per event", "unclear"]


class PerEventLaw(Document):
    """A cost that the events of one wait share: intercept + slope x `over` / events per wait."""

    intercept: float
    slope: float
    slope_interval: tuple[float, float]


class Law(Document):
    """What one series follows over a number: three laws fitted to it, and `shape`, which says which of them it follows.

    The line is `metric` = intercept + slope x `over`, the power law `metric` = factor x `over` ^ exponent. All
    intervals are 95 % intervals. A law that was not fitted is null; in runs of older versions `shape` is, too.
    `left_out` are the ids of trials that do not belong to the law that all others of the series follow.
    """

    metric: str
    over: str
    where: dict[str, str | int | float | bool | None]
    intercept: float
    intercept_interval: tuple[float, float] | None = None
    slope: float
    slope_interval: tuple[float, float]
    factor: float | None = None
    exponent: float | None
    exponent_interval: tuple[float, float] | None = None
    per_event: PerEventLaw | None = None
    shape: LawShape | None = None
    left_out: list[str] = Field(default=[])
    text: str
