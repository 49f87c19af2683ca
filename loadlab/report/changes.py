"""How one value became another, in words: in percent, and as a multiple where percent are hard to picture."""

from loadlab.report.quantities import Quantity

_MINUS = "\N{MINUS SIGN}"
_NBSP = "\N{NO-BREAK SPACE}"


def describe_change(before: float, after: float, quantity: Quantity) -> str:
    """As in a list: `100 → 150 requests/s (+50.0 %)`."""
    if quantity.format(before) == quantity.format(after):
        return f"stays at {quantity.format_with_unit(after)}"
    told = format_change(before, after, quantity)
    if before <= 0:
        return told
    if after >= 2 * before:
        return f"{told} ({format_multiple(after / before)} times)"
    percent = 100 * (after - before) / before
    return f"{told} ({percent:+.1f}{_NBSP}%)".replace("-", _MINUS)


def format_change(before: float, after: float, quantity: Quantity) -> str:
    """Return both values with an arrow between them."""
    return f"{quantity.format(before)} → {quantity.format_with_unit(after)}"


def tell_change(before: float, after: float) -> tuple[str, str]:
    """As in a sentence, a verb and how much: ("fell", "by 1.2 %"), ("rose", "29-fold"), ("did not change", "")."""
    if before <= 0:
        return ("rose", "from nothing") if after > 0 else ("did not change", "")
    if after >= 2 * before:
        return "rose", f"{format_multiple(after / before)}-fold"
    percent = f"{100 * abs(after - before) / before:.1f}"
    if percent == "0.0":
        return "did not change", ""
    return ("rose" if after > before else "fell"), f"by {percent}{_NBSP}%"


def format_multiple(ratio: float) -> str:
    """A ratio to a digit behind the point, from 10 on without: `2.5`, `50`."""
    return f"{ratio:.1f}" if ratio < 9.95 else f"{ratio:,.0f}"
