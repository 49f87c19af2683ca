"""Durations, counts and sizes with their units ("1m30s", "20k", "2MiB"), to and from plain numbers.

Parsing is exact and strict: text that cannot be read raises ValueError with a sentence that shows how to write it. The
`format_` functions round to three digits unless they say otherwise; `spell_duration_ns` is exact, and
`parse_duration_ns` reads it back.
"""

import itertools
import re
from collections.abc import Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import Final

_LONGEST: Final = 100  # characters; the patterns below take time that is quadratic in what they refuse
_LONGEST_QUOTE: Final = 60
_NUMBER: Final = r"[0-9][0-9_]*(?:\.[0-9]+)?"

# Smallest first in all of these; the formatters and the duration's spelling rely on it.
_DURATION_NS: Final = MappingProxyType(
    {
        "ns": 1,
        "us": 1_000,
        "ms": 1_000_000,
        "s": 1_000_000_000,
        "m": 60_000_000_000,
        "h": 3_600_000_000_000,
    }
)
_COUNT: Final = MappingProxyType({"": 1, "k": 1_000, "M": 1_000_000, "G": 1_000_000_000})
_DECIMAL_BYTES: Final = MappingProxyType({"kB": 1_000, "MB": 1_000_000, "GB": 1_000_000_000})
_BINARY_BYTES: Final = MappingProxyType({"B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30})
_BYTES: Final = MappingProxyType({**_BINARY_BYTES, **_DECIMAL_BYTES})

DURATION_PATTERN: Final = rf"(?:{_NUMBER} ?(?:ns|us|µs|ms|s|m|h) ?)+"
COUNT_PATTERN: Final = rf"{_NUMBER} ?[kMG]?"

_DURATION_PART: Final = re.compile(rf"({_NUMBER}) ?(ns|us|ms|s|m|h) ?")


def parse_duration_ns(text: str) -> int:
    """Return "500ms", "1.5s" or "1m30s" in nanoseconds. Only 0 needs no unit: seconds are not assumed."""
    complaint = f"{quote(text)} is not a duration; write it like 500ms, 10s or 1m30s"
    if len(text) > _LONGEST:
        raise ValueError(complaint)
    # The micro sign and the Greek letter look alike and are two characters.
    plain = text.strip().replace("µ", "u").replace("μ", "u")
    if plain == "0":
        return 0
    if re.fullmatch(_NUMBER, plain):
        raise ValueError(f"{quote(text)} has no unit; write {plain}s or {plain}ms")
    parts = _DURATION_PART.findall(plain)
    units = [_DURATION_NS[unit] for _, unit in parts]
    descending = all(larger > smaller for larger, smaller in itertools.pairwise(units))
    if not re.fullmatch(DURATION_PATTERN, plain) or not descending:
        raise ValueError(complaint)
    total = sum((Decimal(number.replace("_", "")) * _DURATION_NS[unit] for number, unit in parts), Decimal())
    return _whole(total, f"{quote(text)} is not a whole number of nanoseconds")


def parse_count(text: str) -> int:
    """Return "20k", "1.5M" or "1_000" as a number."""
    return _parse_scaled(text, _COUNT, f"{quote(text)} is not a count; write it like 500, 20k or 1M")


def parse_size_bytes(text: str) -> int:
    """Return "2MiB", "10kB" or "512B" in bytes. Only 0 needs no unit."""
    plain = text.strip()
    if plain == "0":
        return 0
    if re.fullmatch(_NUMBER, plain) and len(plain) <= _LONGEST:
        raise ValueError(f"{quote(text)} has no unit; write {plain}B or {plain}KiB")
    return _parse_scaled(text, _BYTES, f"{quote(text)} is not a size; write it like 512B, 64KiB or 2MiB")


def format_duration_ns(duration_ns: float) -> str:
    """Return a duration to three digits: 1_234_000 is "1.23 ms"."""
    return _format_scaled(duration_ns, {" ns": 1, " µs": 1_000, " ms": 1_000_000, " s": 1_000_000_000})


def format_count(count: float) -> str:
    """Return a number to three digits: 19_000 is "19k"."""
    return _format_scaled(count, _COUNT)


def format_rate(rate: float) -> str:
    """Return a rate or a mean without digits that mean nothing: "21,050", "9.3"."""
    return f"{rate:,.0f}" if rate >= 100 else f"{rate:.3g}"


def format_share(share: float) -> str:
    """Return a share of one in percent: 0.625 is "62.5 %", with a space that does not break."""
    return f"{100 * share:.3g}\N{NO-BREAK SPACE}%"


def format_size_bytes(size_bytes: float) -> str:
    """Return a size to three digits in binary units: 6_554 is "6.4 KiB"."""
    return _format_scaled(size_bytes, {f" {unit}": size for unit, size in _BINARY_BYTES.items()})


def spell_duration_ns(duration_ns: int) -> str:
    """Return a duration exactly, in the largest unit that divides it: 90_000_000_000 is "90s"."""
    if duration_ns == 0:
        return "0s"
    size, unit = max((size, unit) for unit, size in _DURATION_NS.items() if duration_ns % size == 0)
    return f"{duration_ns // size}{unit}"


def quote(text: str) -> str:
    """Return text in quotes for a message, short enough for one line."""
    return repr(text if len(text) <= _LONGEST_QUOTE else f"{text[: _LONGEST_QUOTE - 3]}...")


def _parse_scaled(text: str, units: Mapping[str, int], complaint: str) -> int:
    found = None if len(text) > _LONGEST else re.fullmatch(rf"({_NUMBER}) ?([A-Za-z]*)", text.strip())
    if found is None or found[2] not in units:
        raise ValueError(complaint)
    return _whole(Decimal(found[1].replace("_", "")) * units[found[2]], f"{quote(text)} is not a whole number")


def _whole(number: Decimal, complaint: str) -> int:
    if number != number.to_integral_value():
        raise ValueError(complaint)
    return int(number)


def _format_scaled(value: float, units: Mapping[str, int]) -> str:
    sizes = [*units.values()]
    for unit, size, larger in zip(units, sizes, [*sizes[1:], None], strict=True):
        # Compared rounded, so that 999_999 ns is "1 ms" and not "1e+03 µs"; and as it is, as 1024 KiB rounds to 1020.
        scaled = float(f"{value / size:.3g}")
        if larger is None or max(abs(scaled), abs(value) / size) < larger / size:
            return f"{scaled:.10g}{unit}"
    raise AssertionError("the last unit has no upper end")
