"""How one value became another, in words: in percent, and as a multiple where percent are hard to picture.

Where the load held the target back a value is a lower bound, and is called "at least". Then what is said of a change is
a bound too, or nothing, where it could have been anything.
"""

from loadlab.report.measures import Quantity
from loadlab.report.sections.charts import Value

_MINUS = "\N{MINUS SIGN}"
_NBSP = "\N{NO-BREAK SPACE}"
_AT_LEAST = "at least "


def write_value(value: Value, quantity: Quantity) -> str:
    """A value that stands alone, with its unit: `at least 85,600 requests/s`."""
    return f"{_bound(value)}{quantity.format_with_unit(value.median)}"


def describe_change(before: Value, after: Value, quantity: Quantity) -> str:
    """As in a list: `100 → 150 requests/s (+50.0 %)`."""
    told = format_change(before, after, quantity)
    if before.at_least or after.at_least:
        return told
    if quantity.format(before.median) == quantity.format(after.median):
        return f"stays at {quantity.format_with_unit(after.median)}"
    if before.median <= 0:
        return told
    if after.median >= 2 * before.median:
        return f"{told} ({format_multiple(after.median / before.median)} times)"
    percent = 100 * (after.median - before.median) / before.median
    return f"{told} ({percent:+.1f}{_NBSP}%)".replace("-", _MINUS)


def format_change(before: Value, after: Value, quantity: Quantity) -> str:
    """Return both values with an arrow between them."""
    return f"{_bound(before)}{quantity.format(before.median)} → {write_value(after, quantity)}"


def tell_change(before: Value, after: Value) -> tuple[str, str]:
    """As in a sentence, a verb and how much: ("fell", "by 1.2 %"), ("rose", "29-fold"), ("did not change", "").

    A lower bound that lies above an exact value tells which way it went; two bounds do not.
    """
    rose = after.median > before.median
    if (after.at_least and not rose) or (before.at_least and (rose or after.at_least)):
        return "went beyond the load's reach", ""
    bound = _AT_LEAST if before.at_least or after.at_least else ""
    if before.median <= 0:
        return ("rose", "from nothing") if rose else ("did not change", "")
    if after.median >= 2 * before.median:
        return "rose", f"{bound}{format_multiple(after.median / before.median)}-fold"
    percent = f"{100 * abs(after.median - before.median) / before.median:.1f}"
    if percent == "0.0":
        return "did not change", ""
    return ("rose" if rose else "fell"), f"by {bound}{percent}{_NBSP}%"


def describe_ratio(one: Value, other: Value) -> str:
    """How far two values are apart: `12 times`, `at least 12 times`; empty where that has no multiple, or no bound."""
    low, high = sorted((one, other), key=lambda value: value.median)
    if low.median <= 0 or low.at_least:
        return ""
    return f"{_bound(high)}{format_multiple(high.median / low.median)} times"


def format_multiple(ratio: float) -> str:
    """A ratio to a digit behind the point, from 10 on without: `2.5`, `50`."""
    return f"{ratio:.1f}" if ratio < 9.95 else f"{ratio:,.0f}"


def _bound(value: Value) -> str:
    return _AT_LEAST if value.at_least else ""
