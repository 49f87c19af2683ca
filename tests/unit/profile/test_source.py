"""YAML as text: each way in which it cannot be read is one line that says where."""

import os
import threading
from pathlib import Path

import pytest

from loadlab.errors import ProfileError
from loadlab.profile import source
from loadlab.profile.source import MOST_BYTES, parse_source, parse_value, read_text


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", "p.yaml:1:1: the profile is empty"),
        ("# only a comment\n", "p.yaml:1:1: the profile is empty"),
        ("- a\n", "p.yaml:1:1: a profile must be a mapping with keys such as name, target and load"),
        ("name: a\n  b: c\n", "p.yaml:2:4: not valid YAML: unexpected ':'; check the indentation"),
        ("name: [a\n", "p.yaml:2:1: not valid YAML: while parsing a flow sequence, expected ',' or ']'"),
        ("a: 1\n---\nb: 2\n", "p.yaml:2:1: not valid YAML: a second document starts here"),
        ("a: &x [1]\nb: *x\n", "p.yaml:2:4: aliases are not allowed in profiles; write the value"),
        ("a: &x [*x]\n", "p.yaml:1:8: aliases are not allowed"),
        ("a: " + "[" * 5000, "p.yaml:1:24: nested too deeply; the limit is 20 levels"),
        ('a: "\\UFFFFFFFF"\n', "p.yaml:1:7: not valid YAML: this escape is not a character"),
        ("a:\tb\n\tc: 1\n", "p.yaml:1:3: not valid YAML: a tab is not allowed here; use spaces"),
        ("a: 'x\n", "p.yaml:2:1: not valid YAML: a quote is not closed"),
        ("a: @x\n", "p.yaml:1:4: not valid YAML: text that starts with @ must be in quotes"),
        (
            "a: {b: 1\n",
            "p.yaml:2:1: not valid YAML: while parsing a flow mapping, expected ',' or '}', but got the",
        ),
        ("a: [/b?c=d]\n", "p.yaml:1:7: not valid YAML: text with '?' in brackets or braces must be in quotes"),
        ("a: {b: /?}\n", "p.yaml:1:9: not valid YAML: text with '?' in brackets or braces must be in quotes"),
        ("a: &x 1\nb: &x 2\n", "p.yaml:2:4: not valid YAML: anchors are not allowed in profiles; write the value"),
        ("a: 1\nb: \x01\n", "p.yaml:2:4: not valid YAML: unprintable character"),
    ],
)
def test_unreadable_text_is_one_line_with_its_place(text: str, line: str) -> None:
    with pytest.raises(ProfileError) as caught:
        parse_source(text, "p.yaml")
    assert len(caught.value.mistakes) == 1
    assert caught.value.mistakes[0].startswith(line)


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        ("a: 1\nb: {c: 1,\n  c: 2}\n", "p.yaml:3:3: b.c: duplicate key; it was first given in line 2"),
        ("a: !!python/name:os.system x\n", "p.yaml:1:4: a: the tag !!python/name:os.system is not allowed in profiles"),
        ("a: !!set {x}\n", "p.yaml:1:4: a: the tag !!set is not allowed in profiles"),
        ("a: !!int 5\n", "p.yaml:1:4: a: the tag !!int is not allowed in profiles; write a plain value"),
        ("a: !!str 5\n", "p.yaml:1:4: a: the tag !!str is not allowed in profiles; write a plain value, in quotes"),
        ("a: " + "9" * 21 + "\n", "p.yaml:1:4: a: '999999999999999999999' is too large a number"),
        ("a: -" + "9" * 400 + ".0\n", "p.yaml:1:4: a: '-9999"),
        ("a: " + "x" * 4001 + "\n", "p.yaml:1:4: a: too long a value; the limit is 4,000 characters"),
        ("x" * 201 + ": 1\n", "p.yaml:1:1: a key must be plain text of one line"),
        ('a: "\\ud800"\n', "p.yaml:1:4: a: '\\ud800' is not text"),
        ("? [x]\n: 1\n", "p.yaml:1:3: a key must be plain text"),
        ('"x\\ny": 1\n', "p.yaml:1:1: a key must be plain text"),
        ("a:\n  <<: {b: 1}\n  <<: {b: 1}\n", "p.yaml:3:3: a.<<: duplicate key; it was first given in line 2"),
    ],
)
def test_what_is_wrong_in_itself_is_reported_and_the_rest_read(text: str, mistake: str) -> None:
    read = parse_source(text + "last: 7\n", "p.yaml")
    (reported,) = read.mistakes
    assert str(reported).startswith(mistake)
    assert read.data["last"] == 7


def test_data_is_plain_and_keys_are_as_written() -> None:
    source = parse_source("on: true\n1: 1_000\nwhen: 2024-01-01\nbad-date: 2024-13-99\nlist: [a, {b: 0.5}]\n", "p.yaml")
    assert source.data == {
        "on": True,
        "1": 1000,
        "when": "2024-01-01",
        "bad-date": "2024-13-99",
        "list": ["a", {"b": 0.5}],
    }


@pytest.mark.parametrize(
    ("text", "value"),
    [
        *((text, None) for text in ("", "~", "null", "Null", "NULL")),
        *((text, True) for text in ("true", "True", "TRUE")),
        *((text, False) for text in ("false", "False", "FALSE")),
        ("0", 0),
        ("7", 7),
        ("-12", -12),
        ("1_000", 1000),
        ("0.5", 0.5),
        ("-10.25", -10.25),
    ],
)
def test_a_value_without_quotes_is_a_decimal_number_or_one_of_few_words(text: str, value: object) -> None:
    read = parse_source(f"a: {text}\n", "p.yaml").data["a"]
    assert (read, type(read)) == (value, type(value))


@pytest.mark.parametrize(
    "text",
    # What YAML 1.1, YAML 1.2 or JSON read as something else, not all of them as the same.
    [
        *(
            "010",
            "0100",
            "-010",
            "00",
            "089",
            "0x10",
            "0o17",
            "0b1",
            "2:30",
            "1:2:3",
            "190:20:30.15",
            "1__0",
            "1_",
            "_1",
        ),
        *("1e3", "1.0e+3", "1E3", "+5", "-0", "+0.5", ".5", "5.", ".inf", "-.inf", ".nan", ".NaN", "٣"),
        *("yes", "no", "on", "off", "Yes", "NO", "y", "n", "tRue", "nil", "None", "=", "<<", "2024-01-01"),
    ],
)
def test_every_other_value_without_quotes_is_text_as_in_quotes(text: str) -> None:
    assert parse_source(f"a: {text}\n", "p.yaml").data == {"a": text}
    assert parse_source(f"a: '{text}'\n", "p.yaml").data == {"a": text}


def test_origins_point_at_keys_values_items_and_for_what_is_missing_at_the_section() -> None:
    origins = parse_source("a:\n  b: [x, y]\n", "p.yaml").origins
    assert origins.key(("a", "b")).label == "p.yaml:2:3"
    assert origins.value(("a", "b")).label == "p.yaml:2:6"
    assert origins.value(("a", "b", 1)).label == "p.yaml:2:10"
    assert origins.value(("a", "missing")).label == "p.yaml:1:1"
    assert origins.value(("missing",)).label == "p.yaml:1:1"


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (b"name: a\nb: \xff\n", ":2:4: not UTF-8 text"),
        (b"#" * (MOST_BYTES + 1), ": too large for a profile; the limit is 128 KiB"),
    ],
)
def test_unreadable_content(tmp_path: Path, content: bytes, line: str) -> None:
    path = tmp_path / "p.yaml"
    path.write_bytes(content)
    with pytest.raises(ProfileError) as caught:
        read_text(path)
    assert caught.value.mistakes[0].startswith(f"{path}{line}")


def test_a_pipe_is_read_to_its_end(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    text = "name: x\n" + "# a comment\n" * 8_000  # more than fits into a pipe at once
    writer = threading.Thread(target=path.write_text, args=(text,))
    writer.start()
    assert read_text(path) == text
    writer.join()


def test_a_pipe_that_nobody_writes_to_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "_PIPE_TIMEOUT_MS", 0)
    path = tmp_path / "pipe"
    os.mkfifo(path)
    with pytest.raises(ProfileError, match=r"pipe: cannot be read: nothing came out of this pipe for 0 s"):
        read_text(path)


def test_unreadable_files(tmp_path: Path) -> None:
    with pytest.raises(ProfileError, match="cannot be read: No such file or directory"):
        read_text(tmp_path / "none.yaml")
    with pytest.raises(ProfileError, match="cannot be read: Is a directory"):
        read_text(tmp_path)


@pytest.mark.parametrize(
    ("text", "value"), [("", None), ("20k", "20k"), ("7", 7), ("[1, 20k]", [1, "20k"]), ("{a: 1}", {"a": 1})]
)
def test_parse_value(text: str, value: object) -> None:
    assert parse_value(text) == value


@pytest.mark.parametrize("text", ["[1", "*a", "!!int x", '"\\UFFFFFFFF"', "{a: 1, a: 2}"])
def test_parse_value_refuses(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not valid YAML|the tag !!int is not allowed|duplicate key"):
        parse_value(text)
