"""Whatever a file or the command line holds: a profile, or a list of mistakes, and never anything else."""

import contextlib
from pathlib import Path

import pytest
import yaml
from hypothesis import assume, given
from hypothesis import strategies as st

from loadlab.errors import ProfileError
from loadlab.profile import LoadProfile, load_profile, plan_trials
from loadlab.profile.masking import mask_data
from loadlab.profile.paths import put
from loadlab.profile.schema import KINDS
from loadlab.profile.source import resolve_plain

from .example import GOOD, METRICS, SERVERS


def junk() -> st.SearchStrategy[object]:
    sections = ["name", "server", "load", "connections", "idle", "duration", "workers", "mix", "for", "from", "to"]
    requests = ["path", "method", "headers", "json", "body", "file", "expect", "status", "header", "token", "Cookie"]
    keys = st.sampled_from([*sections, *requests])
    paths = st.sampled_from(
        ["load.idle", "load.path", "target.server", "target.pool", "load.mix", "placement", "repeat", "load.rate"]
    )
    scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.dates() | st.text(max_size=5)
    written = st.sampled_from(
        ["1s", "20k", "auto", "epoll", "slow", "/", "failures == 0", "-1", "0", "/{{id}}", "{{", "2xx", "A", "a: ***"]
    )
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
        *(("load", key) for key in ("request", "data", "path", "connection", "expect_status")),
        *(("load", "request", key) for key in ("path", "headers", "json", "body", "file", "expect", "method")),
        ("load", "request", "headers", "Authorization"),
        ("load", "request", "expect", "status"),
        ("load", "data", "file"),
        *(("sweep", f"load.request.{key}") for key in ("body", "headers.X-Key", "headers", "file", "json")),
        *(("target", key) for key in ("command", "env", "token")),
        ("allow_remote",),
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
        dumped = profile.model_dump(mode="json", by_alias=True)
        assert type(profile).model_validate(dumped) == profile
        assert type(profile).model_validate(mask_data(dumped))
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


SCALARS = (
    st.text(st.sampled_from("0123456789_.+-eExobkM:~ "), min_size=1, max_size=6)
    | st.sampled_from(["yes", "no", "on", "off", "true", "false", "null", ".inf", ".nan", "2:30", "1e3", "0x10", "010"])
    | st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=4)
)
COUNTED = "load.slow_connections"  # not swept in GOOD


def outcome(path: Path, text: str, *overrides: str) -> object:
    """Return the values of the trials at COUNTED, or why there are none, without the places."""
    path.write_text(text)
    try:
        profile = load_profile(path, overrides, servers=SERVERS, metrics=METRICS).profile
    except ProfileError as error:
        return {line.rpartition(f"{COUNTED}: ")[2] if COUNTED in line else "unreadable" for line in error.mistakes}
    planned = [trial.profile for trial in plan_trials(profile, seed=1)]
    return {each.load.slow_connections for each in planned if isinstance(each, LoadProfile)}


def is_one_plain_scalar(text: str) -> bool:
    """Return whether PyYAML finds the same text without quotes in a block, in brackets and alone."""
    if not text.isprintable() or "=" in text:
        return False
    try:
        tokens = [list(yaml.scan(written)) for written in (f"a: {text}\n", f"[{text}]", text)]
    except yaml.YAMLError:
        return False
    scalars = [[token for token in each if isinstance(token, yaml.ScalarToken)] for each in tokens]
    return all(each and each[-1].plain and each[-1].value == text for each in scalars)


@given(SCALARS)
def test_a_value_means_the_same_in_the_file_in_a_sweep_and_on_the_command_line(
    tmp_path_factory: pytest.TempPathFactory, scalar: str
) -> None:
    assume(is_one_plain_scalar(scalar))
    path = tmp_path_factory.getbasetemp() / "scalar.yaml"
    set_in_file = outcome(path, GOOD.replace("  idle: 19k", f"  idle: 19k\n  slow_connections: {scalar}"))
    assert outcome(path, GOOD, f"{COUNTED}={scalar}") == set_in_file
    if scalar not in ("~", "null", "Null", "NULL"):  # a value to choose the default, and none that a sweep could have
        swept = outcome(path, GOOD.replace("sweep:", f"sweep:\n  {COUNTED}: [{scalar}]"))
        assert swept == set_in_file
        assert outcome(path, GOOD, f"{COUNTED}=[{scalar}]") == swept


@given(SCALARS)
def test_a_number_in_quotes_is_read_as_without_them(tmp_path_factory: pytest.TempPathFactory, scalar: str) -> None:
    assume(is_one_plain_scalar(scalar) and isinstance(resolve_plain(scalar), str | int | float))
    assume(not isinstance(resolve_plain(scalar), bool))
    path = tmp_path_factory.getbasetemp() / "quoted.yaml"
    plain, quoted = (
        outcome(path, GOOD.replace("  idle: 19k", f"  idle: 19k\n  slow_connections: {text}"))
        for text in (scalar, f"'{scalar.replace(chr(39), 2 * chr(39))}'")
    )
    assert without_quotes(plain) == without_quotes(quoted)


def without_quotes(found: object) -> object:
    """Return mistakes without the value in them, which is shown as it was written."""
    return {str(each).partition(", not ")[0] for each in found} if isinstance(found, set) else found
