"""Python's values as YAML: read back, they are what they were."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadlab.profile.source import parse_value
from loadlab.profile.writing import format_value

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
SCALARS = st.none() | st.booleans() | st.integers(-(2**60), 2**60) | TEXTS
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3), max_leaves=8)


@given(VALUES)
def test_values_are_read_back_as_they_were(value: object) -> None:
    assert parse_value(format_value(value)) == value


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("20k", "20k"),
        ("/items?page=1", "/items?page=1"),
        (["/items?page=1"], "['/items?page=1']"),
        ("20", "'20'"),
        (range(3), "[0, 1, 2]"),
        (Path("users.csv"), "users.csv"),
        (np.int64(7), "7"),
        (np.float64(0.5), "0.5"),
        (0.00001, "0.00001"),
        ({"file": "users.csv", "rows": [1, "a:b"]}, "{file: users.csv, rows: [1, 'a:b']}"),
        ({}, "{}"),
    ],
)
def test_what_is_written(value: object, written: str) -> None:
    assert format_value(value) == written


@pytest.mark.parametrize("value", [{1, 2}, b"bytes", float("nan"), [object]])
def test_what_no_profile_can_hold(value: object) -> None:
    with pytest.raises(ValueError, match="is neither text nor a number"):
        format_value(value)
