"""The comparisons that a profile may write, in `expect` and its `where`."""

import operator
from collections.abc import Callable, Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final


class Comparison(StrEnum):
    """How a value is compared with a bound. The longer signs come first, so that a pattern does not cut them short."""

    AT_MOST = "<="
    AT_LEAST = ">="
    EQUAL = "=="
    NOT_EQUAL = "!="
    LESS = "<"
    MORE = ">"

    def holds(self, value: float, bound: float) -> bool:
        """Tell whether the value keeps to the bound."""
        return _OPERATORS[self](value, bound)


COMPARISON_PATTERN: Final = "|".join(Comparison)

_OPERATORS: Final[Mapping[Comparison, Callable[[float, float], bool]]] = MappingProxyType(
    {
        Comparison.AT_MOST: operator.le,
        Comparison.AT_LEAST: operator.ge,
        Comparison.EQUAL: operator.eq,
        Comparison.NOT_EQUAL: operator.ne,
        Comparison.LESS: operator.lt,
        Comparison.MORE: operator.gt,
    }
)
