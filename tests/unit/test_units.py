"""Units: what is accepted, what is refused with which advice, and that nothing is lost on the way."""

import re
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadlab.units import (
    format_count,
    format_duration_ns,
    format_percent,
    format_rate,
    format_share,
    format_size_bytes,
    parse_count,
    parse_duration_ns,
    parse_number,
    parse_percent,
    parse_size_bytes,
    printable,
    spell_duration_ns,
)

US, MS, S = 1_000, 1_000_000, 1_000_000_000


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0", 0),
        ("1ns", 1),
        ("250us", 250 * US),
        ("250µs", 250 * US),  # the micro sign
        ("250μs", 250 * US),  # the Greek letter
        ("500ms", 500 * MS),
        ("1.5s", 1500 * MS),
        ("1m30s", 90 * S),
        ("1m05s", 65 * S),
        ("1h 2m 3s", 3723 * S),
        (" 10 s ", 10 * S),
        ("1_000ms", S),
        ("0.1s", 100 * MS),
    ],
)
def test_parse_duration(text: str, expected: int) -> None:
    assert parse_duration_ns(text) == expected


@pytest.mark.parametrize(
    ("text", "advice"),
    [
        ("10", "no unit; write 10s or 10ms"),
        ("1.5", "no unit"),
        ("", "not a duration"),
        ("010", "no unit; write 10s or 10ms"),
        ("2:30", "no unit; write 2m30s or 2h30m"),
        ("1e3ms", "not a duration; write it like 500ms"),
        ("0x10s", "not a duration"),
        (".5s", "not a duration"),
        ("1_s", "not a duration"),
        ("٣s", "not a duration"),
        ("fast", "not a duration; write it like 500ms"),
        ("-1s", "not a duration"),
        ("1s1m", "not a duration"),
        ("1s1s", "not a duration"),
        ("1S", "not a duration"),
        ("1s2", "not a duration"),
        ("x1s", "not a duration"),
        ("0.5ns", "not a whole number of nanoseconds"),
        ("1" * 100_000 + "x", r"^'1{57}\.\.\.' is not a duration"),
    ],
)
def test_parse_duration_refuses(text: str, advice: str) -> None:
    with pytest.raises(ValueError, match=advice):
        parse_duration_ns(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("0", 0), ("16", 16), ("20k", 20_000), ("1.5M", 1_500_000), ("1_000", 1000), ("2 G", 2_000_000_000)],
)
def test_parse_count(text: str, expected: int) -> None:
    assert parse_count(text) == expected


@pytest.mark.parametrize("text", ["", "k", "-1", "20K", "1e3", "1.5", "1.2345k", "ten", "10kB", "9" * 100_000 + "k"])
def test_parse_count_refuses(text: str) -> None:
    with pytest.raises(ValueError, match="is not a"):
        parse_count(text)


@pytest.mark.parametrize(
    ("text", "advice"),
    [
        ("010", "write 10, or 8 if octal is meant"),
        ("089", "write 89"),
        ("007", "write 7"),
        ("0x1F", "write 31"),
        ("0o17", "write 15"),
        ("0b101", "write 5"),
        ("1e3", "write 1000"),
        ("1.5e+3", "write 1500"),
        ("+5", "write 5"),
        ("5.", "write 5"),
        # Nothing that a count could be.
        *((text, "write it like 500, 20k or 1M") for text in ("2:30", ".5", "1e-3", "1e99", ".inf", ".nan", "yes")),
        *((text, "write it like 500, 20k or 1M") for text in ("010k", "1__0", "1_", "٣", "0x", "+", "e3")),
    ],
)
def test_a_number_in_another_notation_is_refused_with_what_to_write(text: str, advice: str) -> None:
    with pytest.raises(ValueError, match="is not a count") as caught:
        parse_count(text)
    assert str(caught.value) == f"'{text}' is not a count; {advice}"
    with pytest.raises(ValueError, match="is not a number") as caught:
        parse_number(text)
    assert str(caught.value) == f"'{text}' is not a number; {advice.replace('500, 20k or 1M', '0, 0.5 or 20k')}"


@given(st.text(st.sampled_from("0123456789_.+-eExob:kM "), max_size=8) | st.text(max_size=4))
def test_a_count_that_is_read_is_what_stands_there(text: str) -> None:
    try:
        count = parse_count(text)
    except ValueError:
        return
    plain = text.strip().replace("_", "").replace(" ", "")
    scale = {"k": 10**3, "M": 10**6, "G": 10**9}.get(plain[-1], 1)
    number = plain.rstrip("kMG")
    assert number.isascii()
    assert not re.match("0[0-9]", number)
    assert count == Fraction(number) * scale


@pytest.mark.parametrize(("text", "expected"), [("0", 0), ("0.5", 0.5), ("20k", 20_000), ("12.25", 12.25)])
def test_parse_number(text: str, expected: float) -> None:
    assert parse_number(text) == expected


def test_control_characters_are_made_visible_and_all_else_stays() -> None:
    emoji = "ü事👩\u200d🚀"
    assert printable(f"a\x1b[31mb\x00\x7f\x9b\r\n\t\u2028{emoji}") == r"a\x1b[31mb\x00\x7f\x9b\r\n\t\u2028" + emoji
    assert printable("not UTF-8: \udcff") == r"not UTF-8: \udcff"
    assert printable("two\nlines\x1b", keep="\n") == "two\nlines\\x1b"


@pytest.mark.parametrize(
    ("text", "expected"),
    [("0", 0), ("512B", 512), ("64KiB", 65_536), ("2MiB", 2_097_152), ("10kB", 10_000), ("1.5 GiB", 1_610_612_736)],
)
def test_parse_size(text: str, expected: int) -> None:
    assert parse_size_bytes(text) == expected


@pytest.mark.parametrize(
    ("text", "advice"),
    [("64", "no unit; write 64B or 64KiB"), ("2mb", "not a size"), ("KiB", "not a size"), ("0.5B", "not a whole")],
)
def test_parse_size_refuses(text: str, advice: str) -> None:
    with pytest.raises(ValueError, match=advice):
        parse_size_bytes(text)


@pytest.mark.parametrize(
    ("duration_ns", "expected"),
    [
        (0, "0 ns"),
        (0.25, "0.25 ns"),
        (450, "450 ns"),
        (1_234_000, "1.23 ms"),
        (999_499, "999 µs"),
        (999_999, "1 ms"),
        (2 * S, "2 s"),
        (3600 * S, "3600 s"),
    ],
)
def test_format_duration(duration_ns: float, expected: str) -> None:
    assert format_duration_ns(duration_ns) == expected


@pytest.mark.parametrize(
    ("count", "expected"),
    [
        (0, "0"),
        (0.5, "0.5"),
        (16, "16"),
        (950, "950"),
        (19_000, "19k"),
        (104_324.7, "104k"),
        (999_950, "1M"),
        (-19_500, "-19.5k"),
        (5_000_000_000_000, "5000G"),
    ],
)
def test_format_count(count: float, expected: str) -> None:
    assert format_count(count) == expected


@pytest.mark.parametrize(
    ("rate", "expected"), [(0, "0"), (9.312, "9.31"), (99.94, "99.9"), (100.4, "100"), (21_049.6, "21,050")]
)
def test_format_rate(rate: float, expected: str) -> None:
    assert format_rate(rate) == expected


@pytest.mark.parametrize(
    ("share", "expected"), [(0, "0 %"), (0.0012, "0.12 %"), (0.625, "62.5 %"), (0.9999, "100 %"), (1, "100 %")]
)
def test_format_share(share: float, expected: str) -> None:
    assert format_share(share) == expected.replace(" ", "\N{NO-BREAK SPACE}")


@pytest.mark.parametrize(
    ("size_bytes", "expected"),
    [(0, "0 B"), (1000, "1000 B"), (6554, "6.4 KiB"), (1000 << 10, "1000 KiB"), (2 << 20, "2 MiB"), (3 << 30, "3 GiB")],
)
def test_format_size(size_bytes: int, expected: str) -> None:
    assert format_size_bytes(size_bytes) == expected


@given(st.integers(min_value=0, max_value=10**18))
def test_a_spelt_duration_is_read_back(duration_ns: int) -> None:
    assert parse_duration_ns(spell_duration_ns(duration_ns)) == duration_ns


def test_a_duration_is_spelt_in_the_largest_unit_that_divides_it() -> None:
    assert [spell_duration_ns(ns) for ns in (0, 1, 1500 * MS, 90 * S, 7200 * S)] == ["0s", "1ns", "1500ms", "90s", "2h"]


@given(st.integers(min_value=1, max_value=10**15))
def test_a_formatted_figure_is_within_half_a_percent(number: int) -> None:
    assert parse_duration_ns(format_duration_ns(number)) == pytest.approx(number, rel=0.005)
    assert parse_count(format_count(number)) == pytest.approx(number, rel=0.005)


@given(st.integers(min_value=1, max_value=10**6))
def test_a_formatted_size_is_within_half_a_percent(gibibytes: int) -> None:
    assert parse_size_bytes(format_size_bytes(gibibytes << 30)) == pytest.approx(gibibytes << 30, rel=0.005)


@pytest.mark.parametrize(("text", "expected"), [("2%", 0.02), ("0.5 %", 0.005), ("150%", 1.5), ("0%", 0.0)])
def test_parse_percent(text: str, expected: float) -> None:
    assert parse_percent(text) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("text", "advice"),
    [
        ("2", "'2' is not a percentage; write 2%"),
        ("-2%", "write it like 2% or 0.5%"),
        ("%", "not a percentage"),
        ("1" * 100_000 + "%", "not a percentage"),
    ],
)
def test_parse_percent_refuses(text: str, advice: str) -> None:
    with pytest.raises(ValueError, match=advice):
        parse_percent(text)


@pytest.mark.parametrize(
    ("part", "text"), [(0.0314, "3.1 %"), (0.152, "15 %"), (-0.0049, "-0.49 %"), (12.34, "1,200 %"), (0.0, "0 %")]
)
def test_format_percent(part: float, text: str) -> None:
    assert format_percent(part).replace("\N{NO-BREAK SPACE}", " ") == text
