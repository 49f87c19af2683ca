"""The JSON Schema an editor gets: it must agree with what the loader accepts."""

import re
from typing import Any

import pytest

from loadlab.profile import Profile, profile_json_schema
from loadlab.profile.paths import sweepable_paths


def properties(section: str) -> dict[str, Any]:
    found: dict[str, Any] = profile_json_schema()["$defs"][section]["properties"]
    return found


def test_every_key_is_described() -> None:
    schema = profile_json_schema()
    for section in [schema, *schema["$defs"].values()]:
        for key, value in section["properties"].items():
            described = schema["$defs"][value["$ref"].rpartition("/")[2]] if "$ref" in value else value
            assert described.get("description"), key


def test_keys_are_as_in_yaml() -> None:
    assert set(properties("Load")) >= {"duration", "warmup", "timeout"}
    assert set(profile_json_schema()["properties"]["sweep"]["propertyNames"]["enum"]) == set(sweepable_paths())


@pytest.mark.parametrize("key", ["warmup", "timeout", "idle", "workers", "expect_status"])
def test_a_default_is_what_the_loader_takes(key: str) -> None:
    default = properties("Load")[key]["default"]
    load = {"connections": 1, "duration": "1s"}
    data = {"name": "x", "target": {"server": "epoll"}}
    assert Profile.model_validate({**data, "load": {**load, key: default}}) == Profile.model_validate(
        {**data, "load": load}
    )


@pytest.mark.parametrize("text", ["500ms", "1m30s", "1.5 s", "10µs"])
def test_a_duration_matches_its_pattern(text: str) -> None:
    assert re.search(properties("Load")["duration"]["pattern"], text)


@pytest.mark.parametrize("text", ["10", "fast", "1 day", ""])
def test_what_is_no_duration_does_not(text: str) -> None:
    assert not re.search(properties("Load")["duration"]["pattern"], text)
