"""Durations, counts and sizes with their units ("1m30s", "20k", "2MiB"), to and from plain numbers.

Parsing is exact and strict: text that cannot be read raises ValueError with a sentence that shows how to write it. All
numbers are decimal, in ASCII digits; one that other programs would read as octal ("010") is refused. The
`format_` functions round to three digits unless they say otherwise; `spell_duration_ns` is exact, and
`parse_duration_ns` reads it back.
"""

import itertools
import re
import unicodedata
from collections.abc import Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import Final

_LONGEST: Final = 100  # characters; the patterns below take time that is quadratic in what they refuse
_LONGEST_QUOTE: Final = 60
# Control characters, the separators of lines and paragraphs, and bytes of a file name that are not UTF-8 (PEP 383).
_CONTROLS: Final = ("Cc", "Cs", "Zl", "Zp")
_DIGITS: Final = r"[0-9]+(?:_[0-9]+)*"
WHOLE_PATTERN: Final = r"(?:0|[1-9][0-9]*(?:_[0-9]+)*)"
FRACTION_PATTERN: Final = r"\.[0-9]+"
_NUMBER: Final = rf"{WHOLE_PATTERN}(?:{FRACTION_PATTERN})?"
# With a unit behind it a leading zero misleads nobody: 1m05s.
_DURATION_NUMBER: Final = rf"{_DIGITS}(?:{FRACTION_PATTERN})?"

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

DURATION_PATTERN: Final = rf"(?:{_DURATION_NUMBER} ?(?:ns|us|µs|ms|s|m|h) ?)+"
COUNT_PATTERN: Final = rf"{_NUMBER} ?[kMG]?"

_DURATION_PART: Final = re.compile(rf"({_DURATION_NUMBER}) ?(ns|us|ms|s|m|h) ?")
_CLOCK: Final = re.compile(r"([0-9]+):([0-5][0-9])")
_OTHER_BASE: Final = re.compile(r"0[xX][0-9a-fA-F]+|0[oO][0-7]+|0[bB][01]+")
_OTHER_DECIMAL: Final = re.compile(rf"\+?(?:[0-9]+(?:\.[0-9]*)?|{FRACTION_PATTERN})(?:[eE][+-]?[0-9]{{1,2}})?")
_MOST_ADVISED: Final = 10**18


def parse_duration_ns(text: str) -> int:
    """Return "500ms", "1.5s" or "1m30s" in nanoseconds. Only 0 needs no unit: seconds are not assumed."""
    complaint = f"{quote(text)} is not a duration; write it like 500ms, 10s or 1m30s"
    if len(text) > _LONGEST:
        raise ValueError(complaint)
    # The micro sign and the Greek letter look alike and are two characters.
    plain = text.strip().replace("µ", "u").replace("μ", "u")
    if plain == "0":
        return 0
    if re.fullmatch(_DURATION_NUMBER, plain):
        number = re.sub("^0+(?=[0-9])", "", plain)
        raise ValueError(f"{quote(text)} has no unit; write {number}s or {number}ms")
    if clock := _CLOCK.fullmatch(plain):
        larger, smaller = clock.groups()
        raise ValueError(f"{quote(text)} has no unit; write {larger}m{smaller}s or {larger}h{smaller}m")
    parts = _DURATION_PART.findall(plain)
    units = [_DURATION_NS[unit] for _, unit in parts]
    descending = all(larger > smaller for larger, smaller in itertools.pairwise(units))
    if not re.fullmatch(DURATION_PATTERN, plain) or not descending:
        raise ValueError(complaint)
    total = sum((Decimal(number.replace("_", "")) * _DURATION_NS[unit] for number, unit in parts), Decimal())
    return _whole(total, f"{quote(text)} is not a whole number of nanoseconds")


def parse_count(text: str) -> int:
    """Return "20k", "1.5M" or "1_000" as a number."""
    return _parse_scaled(
        text, _COUNT, f"{quote(text)} is not a count; {decimal_advice(text) or 'write it like 500, 20k or 1M'}"
    )


def parse_number(text: str) -> float:
    """Return "0", "0.5" or "20k" as a number, which need not be whole."""
    if len(text) <= _LONGEST and re.fullmatch(rf"{WHOLE_PATTERN}{FRACTION_PATTERN}", text):
        return float(text)
    try:
        return parse_count(text)
    except ValueError:
        advice = decimal_advice(text) or "write it like 0, 0.5 or 20k"
        raise ValueError(f"{quote(text)} is not a number; {advice}") from None


def decimal_advice(text: str) -> str:
    """Return what to write for a whole number in a notation that only other programs read, "" for any other text.

    A number with a leading zero is octal in C and YAML 1.1, decimal in YAML 1.2, and a mistake in JSON and Python.
    """
    plain = text.strip()
    if len(plain) > _LONGEST:
        return ""
    if _OTHER_BASE.fullmatch(plain):
        return _write(int(plain, 0))
    if re.fullmatch(r"0[0-9]+", plain):
        octal = int(plain, 8) if re.fullmatch("[0-7]+", plain) else None
        decimal = int(plain)
        if octal in (None, decimal):
            return _write(decimal)
        return f"{_write(decimal)}, or {octal} if octal is meant"
    if _OTHER_DECIMAL.fullmatch(plain) and not re.fullmatch(_NUMBER, plain):
        return _write(Decimal(plain))
    return ""


def parse_percent(text: str) -> float:
    """Return "2%" or "0.5 %" as a part of one."""
    found = re.fullmatch(rf"({_NUMBER}) ?%", text.strip())
    if found is None or len(text) > _LONGEST:
        advice = f"write {text}%" if re.fullmatch(_NUMBER, text.strip()) else "write it like 2% or 0.5%"
        raise ValueError(f"{quote(text)} is not a percentage; {advice}")
    return float(found[1].replace("_", "")) / 100


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


def format_percent(part: float) -> str:
    """Return a difference in percent, to two digits: 0.0314 is "3.1 %", 0.152 is "15 %"; with a space as above."""
    percent = float(f"{100 * part:.2g}")
    return f"{percent:,.10g}\N{NO-BREAK SPACE}%"


def format_multiple(ratio: float) -> str:
    """A ratio with one decimal, from 10 on with none: `2.5`, `50`."""
    return f"{ratio:.1f}" if ratio < 9.95 else f"{ratio:,.0f}"


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


def printable(text: str, keep: str = "") -> str:
    """Return text with its control characters escaped, all but those in `keep`.

    For what loadlab did not write itself, such as the name of a file: a terminal must not interpret it.
    """
    if text.isprintable():
        return text
    return "".join(
        character.encode("unicode_escape").decode("ascii")
        if character not in keep and unicodedata.category(character) in _CONTROLS
        else character
        for character in text
    )


def _parse_scaled(text: str, units: Mapping[str, int], complaint: str) -> int:
    found = None if len(text) > _LONGEST else re.fullmatch(rf"({_NUMBER}) ?([A-Za-z]*)", text.strip())
    if found is None or found[2] not in units:
        raise ValueError(complaint)
    return _whole(Decimal(found[1].replace("_", "")) * units[found[2]], f"{quote(text)} is not a whole number")


def _write(number: int | Decimal) -> str:
    return f"write {int(number)}" if number == int(number) and number < _MOST_ADVISED else ""


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
