"""Whatever a file or the command line holds: a profile, or a list of mistakes, and never anything else."""

import contextlib
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from loadlab.errors import ProfileError
from loadlab.profile import load_profile, plan_trials
from loadlab.profile.paths import put
from loadlab.profile.schema import KINDS

from .example import GOOD, METRICS, SERVERS


def junk() -> st.SearchStrategy[object]:
    keys = st.sampled_from(
        ["name", "server", "load", "connections", "idle", "duration", "workers", "path", "mix", "for", "from", "to"]
    )
    paths = st.sampled_from(
        ["load.idle", "load.path", "target.server", "target.pool", "load.mix", "placement", "repeat", "load.rate"]
    )
    scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.dates() | st.text(max_size=5)
    written = st.sampled_from(["1s", "20k", "auto", "epoll", "slow", "/", "failures == 0", "-1", "0"])
    return st.recursive(
        scalars | written,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys | paths | st.text(max_size=3), inner),
        max_leaves=10,
    )


OTHER_KINDS = (
    "{name: waits, kind: wait-cost, wait: {method: poll, descriptors: 10}, sweep: {wait.descriptors: [10, 1k]}}",
    "{name: switches, kind: switch-cost, switch: {unit: call, count: 1}, expect: [failures == 0]}",
)
ANY_PATH = st.sampled_from(
    [
        *((key,) for model in KINDS.values() for key in model.model_fields),
        *((section, key) for section in ("target", "load", "wait") for key in ("pool", "mix", "idle_kind", "active")),
        *(("sweep", path) for path in ("load.senders", "target.server", "target.pool", "wait.active", "switch.unit")),
        ("plot", "y"),
        *(("load", key) for key in ("slow_connections", "rate", "duration", "think")),
        *(("sweep", f"load.{key}") for key in ("rate", "duration", "think")),
    ]
)


RAMP = GOOD.replace("duration: 1m30s", "rate: [{for: 5s, from: 0, to: 20k}, {for: 1s, from: 5}]\n  arrivals: poisson")


@given(st.sampled_from([GOOD, RAMP, *OTHER_KINDS]), st.dictionaries(ANY_PATH, junk(), max_size=4))
def test_whatever_the_file_holds_it_is_a_profile_or_a_list_of_mistakes(
    tmp_path_factory: pytest.TempPathFactory, good: str, changes: dict[tuple[str, ...], object]
) -> None:
    data = yaml.safe_load(good)
    for keys, value in changes.items():
        with contextlib.suppress(KeyError):  # a change before it took the section away
            put(data, keys, value)
    path = tmp_path_factory.getbasetemp() / "junk.yaml"
    path.write_text(yaml.safe_dump(data))
    try:
        profile = load_profile(path, servers=SERVERS, metrics=METRICS).profile
    except ProfileError as error:
        reported = error.mistakes
    else:
        reported = []
        assert type(profile).model_validate(profile.model_dump(mode="json", by_alias=True)) == profile
        assert plan_trials(profile, seed=1)
    assert all(line.startswith(str(path)) for line in reported)


def mistakes_in(path: Path, overrides: list[str]) -> list[str]:
    try:
        load_profile(path, overrides, servers=SERVERS, metrics=METRICS)
    except ProfileError as error:
        return error.mistakes
    return []


PIECES = st.sampled_from(
    ["load", ".", "idle", "=", "[", "]", "{", "}", "1", "k", "a: b", "'", '"', "*x", "!y", "~", "-"]
)


@given(st.lists(st.lists(PIECES | st.characters(exclude_categories=["Cs"]), max_size=6).map("".join), max_size=3))
def test_whatever_is_set_it_is_a_profile_or_a_list_of_mistakes(
    tmp_path_factory: pytest.TempPathFactory, overrides: list[str]
) -> None:
    path = tmp_path_factory.getbasetemp() / "set.yaml"
    path.write_text(GOOD)
    assert all(line.startswith(("--", str(path))) for line in mistakes_in(path, overrides))


@given(st.integers(0, len(GOOD)), st.integers(0, 8), st.lists(PIECES | st.characters(), max_size=4).map("".join))
def test_whatever_stands_in_the_text_it_is_a_profile_or_a_list_of_mistakes(
    tmp_path_factory: pytest.TempPathFactory, start: int, removed: int, put_in: str
) -> None:
    path = tmp_path_factory.getbasetemp() / "text.yaml"
    path.write_bytes((GOOD[:start] + put_in + GOOD[start + removed :]).encode("utf-8", "surrogatepass"))
    assert all(line.startswith(f"{path}:") for line in mistakes_in(path, []))
