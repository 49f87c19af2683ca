"""What a profile asks of servers, against what they declare: names, handlers, options, over the whole product."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from loadlab.profile import LoadProfile, OptionSpec, ServerSpec, load_profile
from loadlab.profile.values import Count

from ..reading import find_mistakes, read_load_profile


@dataclass(frozen=True)
class Number:
    """An option that is a number."""

    at_most: int

    def read(self, value: object) -> int:
        return Count(1, self.at_most).read(value)


@dataclass(frozen=True)
class Word:
    """An option that is one of some words."""

    choices: tuple[str, ...]

    def read(self, value: object) -> str:
        if not isinstance(value, str) or value not in self.choices:
            raise ValueError(f"must be one of {', '.join(self.choices)}, not {value}")
        return value


@dataclass(frozen=True)
class Server:
    """A server as it describes itself."""

    handlers: tuple[str, ...] = ("hello", "cpu", "sleep")
    options: Mapping[str, OptionSpec] = field(default_factory=dict)


SERVERS: dict[str, ServerSpec] = {
    "thread": Server(),
    "select": Server(options={"processes": Number(64)}),
    "epoll": Server(options={"processes": Number(64), "trigger": Word(("level", "edge"))}),
    "threads": Server(options={"pool": Number(64)}),
    "workers": Server(options={"pool": Number(16)}),
    "nginx": Server(handlers=("hello",)),
}


def profile_text(target: str, sweep: str = "{}", load: str = "") -> str:
    return f"name: x\ntarget: {target}\nload: {{connections: 1, duration: 1s{load}}}\nsweep: {sweep}\n"


def load(tmp_path: Path, target: str, sweep: str = "{}", load: str = "") -> LoadProfile:
    return read_load_profile(tmp_path, profile_text(target, sweep, load), servers=SERVERS)


def mistakes(tmp_path: Path, target: str, sweep: str = "{}", mix: str = "") -> list[str]:
    return find_mistakes(tmp_path, profile_text(target, sweep, mix), servers=SERVERS)


def test_options_are_kept_as_they_are(tmp_path: Path) -> None:
    profile = load(tmp_path, "{server: epoll, processes: 4, trigger: edge}")
    assert dict(profile.target.options) == {"processes": 4, "trigger": "edge"}
    assert dict(load(tmp_path, "{server: threads, pool: 1_0}").target.options) == {"pool": 10}


def test_an_option_can_be_swept_set_before_or_not(tmp_path: Path) -> None:
    for target in ("{server: threads}", "{server: threads, pool: 3}"):
        assert load(tmp_path, target, "{target.pool: [1, 8]}").sweep == {"target.pool": (1, 8)}


def test_the_database_is_no_option(tmp_path: Path) -> None:
    profile = load(tmp_path, "{server: thread, database: 'postgresql://me@127.0.0.1/test'}")
    assert profile.target.database == "postgresql://me@127.0.0.1/test"
    assert dict(profile.target.options) == {}


@pytest.mark.parametrize(
    ("target", "sweep", "reported"),
    [
        (
            "{server: epoll, pool: 8}",
            "{}",
            "x.yaml:2:25: target.pool: epoll has no such option; its options are processes and",
        ),
        (
            "{server: epoll, triger: edge}",
            "{}",
            "x.yaml:2:25: target.triger: epoll has no such option; did you mean 'tr",
        ),
        (
            "{server: epoll, handlr: cpu}",
            "{}",
            "x.yaml:2:25: target.handlr: epoll has no such option; did you mean 'ha",
        ),
        ("{server: thread, pool: 8}", "{}", "x.yaml:2:26: target.pool: thread has no such option"),
        (
            "{server: threads, pool: 8}",
            "{target.server: [threads, select, epoll]}",
            "x.yaml:2:27: target.pool: select and epoll have no such option; all have processes",
        ),
        ("{server: epoll}", "{target.pool: [1]}", "x.yaml:4:9: sweep.target.pool: epoll has no such option; its optio"),
        ("{server: threads, pool: 0}", "{}", "x.yaml:2:33: target.pool: for threads: must be at least 1, not 0"),
        ("{server: threads, pool: yes}", "{}", "x.yaml:2:33: target.pool: for threads: must be a whole number such"),
        (
            "{server: threads}",
            "{target.server: [threads, workers], target.pool: [8, 32]}",
            "x.yaml:4:61: sweep.target.pool: for workers: must be at most 16, not 32",
        ),
        (
            "{server: epoll}",
            "{target.server: [select, epoll], target.processes: [0]}",
            "x.yaml:4:60: sweep.target.processes: for select and epoll: must be at least 1, not 0",
        ),
        (
            "{server: epoll, trigger: egde}",
            "{}",
            "x.yaml:2:34: target.trigger: for epoll: must be one of level, edge, not egde",
        ),
        (
            "{server: threads, pool: [1, 2]}",
            "{}",
            "x.yaml:2:33: target.pool: must be true or false, a whole number, or",
        ),
        (
            "{server: threads, pool: 1.5}",
            "{}",
            "x.yaml:2:33: target.pool: must be true or false, a whole number, or te",
        ),
        ("{server: threads}", "{target.pool: [1, [2]]}", "x.yaml:4:26: sweep.target.pool: must be a single value"),
        ("{server: threads}", "{target.pool: [4, 4]}", "x.yaml:4:26: sweep.target.pool: duplicate value"),
        ("{server: threads}", "{target.Pool: [4]}", "x.yaml:4:9: sweep.target.Pool: no such path in the profile"),
        ("{server: epoll, handler: helo}", "{}", "x.yaml:2:34: target.handler: epoll has no handler 'helo'; did you m"),
        (
            "{server: epoll}",
            "{target.server: [nginx, thread], target.handler: [hello, slep]}",
            "x.yaml:4:65: sweep.target.handler: none of nginx and thread has a handler 'slep'; did you mean 'sleep'?",
        ),
        ("{server: epoll, handler: 0x10}", "{}", "x.yaml:2:34: target.handler: must be the name of a handler, not '0"),
        ("{server: thread, database: 5}", "{}", "x.yaml:2:36: target.database: must be the address of a PostgreSQL se"),
    ],
)
def test_what_a_server_does_not_offer_is_reported_at_its_place(
    tmp_path: Path, target: str, sweep: str, reported: str
) -> None:
    (line,) = mistakes(tmp_path, target, sweep)
    assert line.startswith(reported)


def test_a_handler_that_one_of_the_servers_has_is_left_to_the_trial(tmp_path: Path) -> None:
    profile = load(tmp_path, "{server: epoll, handler: cpu}", "{target.server: [epoll, nginx]}")
    assert profile.target.handler == "cpu"


NO_DATA = "{{handler}} names a column, but there are no data; set load.data: {file: users.csv}"


@pytest.mark.parametrize(
    ("request_", "reported"),
    [
        ("{path: '/slep?ms=5'}", ["x.yaml:3:51: load.mix.path: epoll has no handler 'slep'; did you mean 'sleep'?"]),
        ("{path: /Sleep}", ["x.yaml:3:51: load.mix.path: epoll has no handler 'Sleep'; did you mean 'sleep'?"]),
        (
            "{path: /slep#x}",
            [
                "x.yaml:3:51: load.mix.path: '#x' is a fragment, which is never sent to a server; remove it, or write "
                "%23 for #"
            ],
        ),
        ("{path: /nothing, expect_status: 404}", []),
        ("{path: '/{{handler}}'}", [f"x.yaml:3:51: load.mix.path: {NO_DATA}"]),
        ("{path: /}", []),
        ("{path: '/sleep?ms=5'}", []),
    ],
)
def test_the_paths_of_a_mix_name_handlers(tmp_path: Path, request_: str, reported: list[str]) -> None:
    mix = f", mix: [{request_}]"
    if reported:
        assert mistakes(tmp_path, "{server: epoll}", mix=mix) == reported
    else:
        assert load(tmp_path, "{server: epoll}", load=mix).load.mix


def test_nothing_else_is_reported_of_a_server_that_is_not_known(tmp_path: Path) -> None:
    (line,) = mistakes(tmp_path, "{server: epol, pool: 8, handler: x}")
    assert line == "x.yaml:2:18: target.server: there is no bundled server 'epol'; did you mean 'epoll'?"


def test_a_server_that_the_sweep_replaces_need_not_have_the_option(tmp_path: Path) -> None:
    profile = load(tmp_path, "{server: epoll, pool: 4}", "{target.server: [threads, workers]}")
    assert dict(profile.target.options) == {"pool": 4}


def test_without_servers_options_are_not_checked(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_text("name: x\ntarget: {server: any, of-its-own: 5}\nload: {connections: 1, duration: 1s}\n")
    profile = load_profile(path).profile
    assert isinstance(profile, LoadProfile)
    assert dict(profile.target.options) == {"of-its-own": 5}
