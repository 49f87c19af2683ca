"""The JSON Schema an editor gets: it must agree with what the loader accepts."""

import re
from typing import Any

import pytest

from loadlab.profile import LoadProfile, WaitCostProfile, profile_json_schema
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


@pytest.mark.parametrize(
    ("kind", "chosen"),
    [
        ("load", "LoadProfile"),
        ("wait-cost", "WaitCostProfile"),
        ("switch-cost", "SwitchCostProfile"),
        (None, "LoadProf"),
    ],
)
def test_the_kind_chooses_what_else_there_may_be(kind: str | None, chosen: str) -> None:
    branch = profile_json_schema()
    assert kind in [None, *branch["properties"]["kind"]["enum"]]
    while "if" in branch:
        branch = branch["then"] if branch["if"]["properties"]["kind"]["const"] == kind else branch["else"]
    assert branch["$ref"].startswith(f"#/$defs/{chosen}")


def test_what_a_kind_needs_is_required() -> None:
    definitions = profile_json_schema()["$defs"]
    assert definitions["LoadProfile"]["required"] == ["name", "target", "load"]
    assert definitions["WaitCostProfile"]["required"] == ["name", "kind", "wait"]
    assert definitions["SwitchCostProfile"]["required"] == ["name", "kind", "switch"]


def test_a_target_may_have_options_and_nothing_else_may() -> None:
    definitions = profile_json_schema()["$defs"]
    open_sections = [name for name, section in definitions.items() if section["additionalProperties"]]
    assert open_sections == ["Target"]
    assert definitions["Target"]["additionalProperties"] == {"type": ["boolean", "integer", "string"]}


def test_keys_are_as_in_yaml() -> None:
    assert set(properties("Load")) >= {"duration", "warmup", "timeout"}
    assert set(properties("Load")) >= {"pace", "idle_pace"}


def test_the_duration_is_required_unless_stages_say_it() -> None:
    load = profile_json_schema()["$defs"]["Load"]
    assert load["required"] == ["connections"]
    assert load["if"] == {"properties": {"rate": {"type": "array"}}, "required": ["rate"]}
    assert load["else"] == {"anyOf": [{"required": ["duration"]}, {"required": ["request_count"]}]}
    assert "then" not in load
    assert "default" not in load["properties"]["duration"]


def test_a_rate_is_a_number_or_stages() -> None:
    number, text, stages, null = properties("Load")["rate"]["anyOf"]
    assert (number["minimum"], number["maximum"]) == (1, 10_000_000)
    assert re.search(text["pattern"], "20k")
    assert (stages["items"], stages["minItems"]) == ({"$ref": "#/$defs/RateStage"}, 1)
    assert null == {"type": "null"}
    assert profile_json_schema()["$defs"]["RateStage"]["required"] == ["for", "from"]
    assert "default" not in properties("RateStage")["to"]


def test_probes_are_named_once_each() -> None:
    probes = properties("LoadProfile")["probes"]
    tracers = ["syscalls:bpftrace", "syscalls:perf", "syscalls:strace"]
    everything, listed = probes["anyOf"]
    assert everything == {"enum": ["all", *listed["items"]["enum"]]}
    assert listed["items"]["enum"] == ["procfs", "sockets", "syscalls", *tracers, "cpu"]
    assert (probes["default"], listed["uniqueItems"]) == (["procfs", "sockets"], True)


def test_a_sweep_knows_its_paths() -> None:
    paths, options, *entries = properties("LoadProfile")["sweep"]["propertyNames"]["anyOf"]
    assert set(paths["enum"]) == set(sweepable_paths(LoadProfile)) >= {"load.idle", "target.server", "placement"}
    assert "load.rate" in paths["enum"]
    assert not {"load.mix", "probes"} & set(paths["enum"])
    assert re.search(options["pattern"], "target.disk-threads")
    assert not re.search(options["pattern"], "load.pool")
    assert any(re.search(entry["pattern"], "load.request.headers.Accept-Encoding") for entry in entries)
    waits = properties("WaitCostProfile")["sweep"]["propertyNames"]["enum"]
    assert set(waits) == set(sweepable_paths(WaitCostProfile)) >= {"wait.method", "wait.descriptors"}
    assert not any(path.startswith(("target", "load")) for path in waits)


@pytest.mark.parametrize(
    "key",
    [
        "warmup",
        "timeout",
        "idle",
        "workers",
        "expect_status",
        "senders",
        "slow_connections",
        "pace",
        "idle_kind",
        "idle_pace",
        "rate",
        "arrivals",
        "spin",
        "think",
        "think_times",
    ],
)
def test_a_default_is_what_the_loader_takes(key: str) -> None:
    default = properties("Load")[key]["default"]
    load = {"connections": 1, "duration": "1s"}
    data = {"name": "x", "target": {"server": "epoll"}}
    assert LoadProfile.model_validate({**data, "load": {**load, key: default}}) == LoadProfile.model_validate(
        {**data, "load": load}
    )


@pytest.mark.parametrize("text", ["500ms", "1m30s", "1.5 s", "10µs"])
def test_a_duration_matches_its_pattern(text: str) -> None:
    assert re.search(properties("Load")["duration"]["pattern"], text)


@pytest.mark.parametrize("text", ["10", "fast", "1 day", ""])
def test_what_is_no_duration_does_not(text: str) -> None:
    assert not re.search(properties("Load")["duration"]["pattern"], text)


@pytest.mark.parametrize(("text", "fits"), [("20k", True), ("1_000", True), ("010", False), ("1e3", False)])
def test_a_count_matches_its_pattern_if_it_can_be_read(text: str, fits: bool) -> None:
    pattern = next(each["pattern"] for each in properties("Load")["idle"]["anyOf"] if "pattern" in each)
    assert bool(re.search(pattern, text)) is fits


@pytest.mark.parametrize(
    ("path", "fits"),
    [
        ("/", True),
        ("/straße?q=1", True),
        ("/a#b", False),
        ("/a b", True),
        ("{{path}}", True),
        ("/a\tb", False),
        ("a", False),
    ],
)
def test_a_request_path_matches_its_pattern_if_it_can_be_sent(path: str, fits: bool) -> None:
    pattern = properties("MixedRequest")["path"]["pattern"]
    assert bool(re.search(pattern, path)) is fits
