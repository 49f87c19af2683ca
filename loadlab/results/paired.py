"""A comparison of two servers in the same seconds, as run.json has it."""

from typing import Any, Literal

from pydantic import Field

from loadlab.results.probe_data import Document


class Difference(Document):
    """B against A in one metric: both figures, and by which part B differs, 0.03 for 3 % more, with its 95 % interval.

    `visible` is the smallest difference that would have been recognised. What could not be compared is None.
    """

    metric: str
    a: float | None = None
    b: float | None = None
    change: float | None = None
    interval: tuple[float, float] | None = None
    visible: float | None = None

    @property
    def is_clear(self) -> bool:
        """Whether the interval excludes that both are the same."""
        return self.interval is not None and not self.interval[0] <= 0 <= self.interval[1]


class Variant(Document):
    """A or B of a comparison in the same seconds: what to call it, and its whole profile."""

    label: str
    profile: dict[str, Any]


class PairedComparison(Document):
    """Two servers measured in the same seconds, in slices in turn; the run's first trial is A, its second one B.

    Round number n of A and that of B are a pair. It was to end when the interval of `on` was narrower than `within` on
    both sides, or after `at_most_ns`: `ended` says which.
    """

    a: Variant
    b: Variant
    on: str
    within: float
    at_most_ns: int
    slice_ns: int
    ended: Literal["within", "at most", "interrupted", "failed"]
    differences: list[Difference] = Field(default=[])
