"""A profile file as a whole: what is accepted, and every mistake reported at its own line and column."""

from functools import partial
from pathlib import Path

import pytest

from loadlab.errors import LoadlabError, ProfileError
from loadlab.installation import bundled_directory
from loadlab.profile import LoadProfile, load_mapping, load_profile

from .example import GOOD, METRICS, SERVERS
from .reading import find_mistakes, read_load_profile

load = partial(read_load_profile, servers=SERVERS, metrics=METRICS)
mistakes = partial(find_mistakes, servers=SERVERS, metrics=METRICS)


def changed(old: str, new: str) -> str:
    assert old in GOOD
    return GOOD.replace(old, new)


def test_units_are_read_and_defaults_filled_in(tmp_path: Path) -> None:
    profile = load(tmp_path, GOOD)
    assert profile.load.idle == 19_000
    assert profile.load.duration_ns == 90_000_000_000
    assert (profile.load.warmup_ns, profile.load.timeout_ns) == (1_000_000_000, 5_000_000_000)
    assert (profile.load.workers, profile.placement, profile.repeat, profile.seed) == ("auto", "auto", 1, None)
    assert [(request.path, request.expect_status) for request in profile.requests] == [("/hello", ("2xx", "3xx"))]
    assert (profile.load.model, profile.load.stages, profile.probes) == ("closed", None, ("procfs", "sockets"))
    assert (profile.kind, profile.plotted_metric, dict(profile.target.options)) == ("load", "requests_per_second", {})


def test_every_key_can_be_set(tmp_path: Path) -> None:
    profile = load(
        tmp_path,
        GOOD,
        "load.workers=2",
        "load.path=/a?b=c",
        "load.expect_status=404",
        "load.warmup=0",
        "placement={target: [0], load: [1, 2]}",
        "about=two words",
    )
    assert (profile.load.workers, profile.load.path, profile.load.expect_status) == (2, "/a?b=c", 404)
    assert [(request.path, request.expect_status) for request in profile.requests] == [("/a?b=c", 404)]
    assert profile.model_dump()["placement"] == {"target": (0,), "load": (1, 2)}
    assert (profile.load.warmup_ns, profile.about) == (0, "two words")


def test_a_profile_dumped_as_json_is_the_same_profile(tmp_path: Path) -> None:
    profile = load(tmp_path, GOOD, "placement={target: [0], load: [1]}", "--seed=7")
    dumped = profile.model_dump(mode="json", by_alias=True)
    assert dumped["load"]["duration"] == "90s"
    assert LoadProfile.model_validate(dumped) == profile


def test_the_file_as_read_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_text(GOOD)
    loaded = load_profile(path)
    assert (loaded.text, loaded.path) == (GOOD, str(path))


@pytest.mark.parametrize("path", sorted(bundled_directory("profiles").glob("*.yaml")), ids=lambda path: path.stem)
def test_what_ships_is_good(path: Path) -> None:
    assert load_profile(path).profile.name == path.stem


@pytest.mark.parametrize(
    ("old", "new", "reported"),
    [
        ("connections: 16", "conections: 16", "x.yaml:5:3: load.conections: unknown key; did you mean 'connections'?"),
        (
            "connections: 16",
            "users: 16",
            "x.yaml:5:3: load.users: unknown key; did you mean 'connections'?",
        ),
        ("connections: 16", "rps: 16", "x.yaml:5:3: load.rps: unknown key; did you mean 'rate'?"),
        ("name: example", "nme: example", "x.yaml:1:1: nme: unknown key; did you mean 'name'?"),
        ("name: example", "name: a/b", "x.yaml:1:7: name: must be a name of at most 64 letters, digits, dots, dashes"),
        ("name: example", "name: a 件", "x.yaml:1:7: name: must be a name of at most 64 letters, digits, dots, dashes"),
        ("name: example", "name: -x", "x.yaml:1:7: name: must be a name of at most 64 letters, digits, dots, dashes"),
        ("name: example", "name: 5", "x.yaml:1:7: name: must be a name of at most 64"),
        ("name: example", "name: example\ntimeout: 1s", "x.yaml:2:1: timeout: unknown key; did you mean 'load.timeo"),
        ("name: example", "name: example\nabout: 5", "x.yaml:2:8: about: must be text, not 5; put it in quotes"),
        ("name: example", "name: example\non: 1", "x.yaml:2:1: on: unknown key"),
        ("server: epoll", "server: epol", "x.yaml:3:11: target.server: there is no bundled server 'epol'; did you"),
        (
            "server: epoll",
            "server: epoll\n  handler: [x]",
            "x.yaml:4:12: target.handler: must be the name of a handler",
        ),
        (
            "  server: epoll",
            "  handler: hello",
            "x.yaml:3:3: target: needs server (a bundled one), command (a program to",
        ),
        ("target:\n  server: epoll\n", "", "x.yaml:1:1: target: missing; this key is required"),
        ("target:\n  server: epoll\n", "target:\n", "x.yaml:2:8: target: must be a mapping with keys such as server, "),
        ("connections: 16", "connections: 0", "x.yaml:5:16: load.connections: must be at least 1, not 0"),
        ("connections: 16", "connections: 11M", "x.yaml:5:16: load.connections: must be at most 10,000,000, not '11M'"),
        ("connections: 16", "connections: many", "x.yaml:5:16: load.connections: must be a whole number such as 500 o"),
        ("connections: 16", "connections: 1.5", "x.yaml:5:16: load.connections: must be a whole number such as 500"),
        ("connections: 16", "connections: yes", "x.yaml:5:16: load.connections: must be a whole number such as 500"),
        ("idle: 19k", "idle: -1", "x.yaml:6:9: load.idle: must be at least 0, not -1"),
        ("duration: 1m30s", "duration: 10", "x.yaml:7:13: load.duration: '10' has no unit; write 10s or 10ms"),
        ("duration: 1m30s", "duration: 0", "x.yaml:7:13: load.duration: must be at least 1ms, not 0"),
        ("duration: 1m30s", "duration: [1s]", "x.yaml:7:13: load.duration: must be a duration such as 500ms or 10s"),
        ("duration: 1m30s", "duration: 2s\n  warmup: 2h", "x.yaml:8:11: load.warmup: must be at most 1h, not '2h'"),
        ("idle: 19k", "workers: some", "x.yaml:6:12: load.workers: must be auto or a whole number, not 'some'"),
        ("idle: 19k", "workers: 0", "x.yaml:6:12: load.workers: must be at least 1, not 0"),
        ("idle: 19k", "path: hello", "x.yaml:6:9: load.path: must be a request path that starts with /"),
        ("idle: 19k", "expect_status: 20", "x.yaml:6:18: load.expect_status: must be at least 100, not 20"),
        (
            "name: example",
            "name: example\nload.idle: 5",
            "x.yaml:2:1: load.idle: unknown key; write idle in the section",
        ),
        ("idle: 19k", "idle: 1\n  idle: 2", "x.yaml:7:3: load.idle: duplicate key; it was first given in line 6"),
        ("sweep:", "repeat: 0\nsweep:", "x.yaml:8:9: repeat: must be at least 1, not 0"),
        ("sweep:", "seed: -1\nsweep:", "x.yaml:8:7: seed: must be at least 0, not -1"),
        ("sweep:", "placement: near\nsweep:", "x.yaml:8:12: placement: must be auto, none, or cores such as {target: "),
        ("sweep:", "placement: {target: [0]}\nsweep:", "x.yaml:8:1: placement.load: missing; this key is required"),
        ("sweep:", "placement: {target: [], load: [1]}\nsweep:", "x.yaml:8:21: placement.target: must not be empty"),
        ("sweep:", "placement: {target: [0, x], load: [1]}\nsweep:", "x.yaml:8:25: placement.target: must be a whole "),
        ("sweep:", "placement: {target: [x], load: [1]}\nsweep:", "x.yaml:8:22: placement.target: must be a whole num"),
        ("sweep:", "placement: {target: 0, load: [1]}\nsweep:", "x.yaml:8:21: placement.target: must be a list, not 0"),
        ("[0, 1k]", "[0, abc]", "x.yaml:10:18: sweep.load.idle: must be a whole number such as 500 or 20k, not 'abc'"),
        ("[0, 1k]", "[0, -1]", "x.yaml:10:18: sweep.load.idle: must be at least 0, not -1"),
        ("[0, 1k]", "[0, [1]]", "x.yaml:10:18: sweep.load.idle: must be a single value, not a list"),
        ("[0, 1k]", "[0, ]\n  load.duration: [~]", "x.yaml:11:19: sweep.load.duration: must be a single value"),
        ("[0, 1k]", "[1000, 1k]", "x.yaml:10:21: sweep.load.idle: duplicate value, the same as 1000"),
        ("[0, 1k]", "[]", "x.yaml:10:14: sweep.load.idle: has no values; list at least one"),
        ("[0, 1k]", "7", "x.yaml:10:14: sweep.load.idle: must be a list of values, not 7"),
        ("load.idle: [", "load.idel: [", "x.yaml:10:3: sweep.load.idel: no such path in the profile; did you mean 'l"),
        ("load.idle: [0, 1k]", "repeat: [1]", "x.yaml:10:3: sweep.repeat: cannot be swept; only settings of tar"),
        ("load.idle: [0, 1k]", "plot.x: [a]", "x.yaml:10:3: sweep.plot.x: cannot be swept"),
        ("[select, epoll]", "[selct]", "x.yaml:9:19: sweep.target.server: there is no bundled server 'selct'; did"),
        ("{x: load.idle,", "{x: load.idel,", "x.yaml:11:11: plot.x: 'load.idel' is not a path of the profile; did you"),
        ("series:", "serie:", "x.yaml:11:22: plot.serie: unknown key; did you mean 'series'?"),
        ('["response_ns.p99 <= 50ms"]', "[5]", "x.yaml:12:10: expect: must be an expectation such as"),
        ("p99 <= 50ms", "p99 <= 50", "x.yaml:12:10: expect: '50' has no unit; write 50s or 50ms"),
        ("p99 <= 50ms", "p99 is 50ms", "x.yaml:12:10: expect: 'response_ns.p99 is 50ms' is not an expectation"),
        ("response_ns.p99 <=", "respons_ns.p99 <=", "x.yaml:12:10: expect: there is no metric 'respons_ns.p99'; did"),
    ],
)
def test_a_mistake_is_reported_at_its_place(tmp_path: Path, old: str, new: str, reported: str) -> None:
    assert any(line.startswith(reported) for line in mistakes(tmp_path, changed(old, new)))


def test_what_is_required_is_so_even_where_it_is_swept(tmp_path: Path) -> None:
    (line,) = mistakes(tmp_path, changed("  connections: 16\n", ""), "sweep.load.connections=[1]")
    assert line == "x.yaml:4:1: load.connections: missing; this key is required, even where a sweep replaces its value"
    lines = mistakes(tmp_path, changed("target:\n  server: epoll\n", ""))
    assert lines == ["x.yaml:1:1: target: missing; this key is required, even where a sweep replaces its value"]


def test_one_mistake_is_one_line(tmp_path: Path) -> None:
    for old, new in [
        ("idle: 19k", "idle: !!int x"),
        ("[0, 1k]", "[0, x]"),
        ("server: epoll", "server: epoll\n  x: 1"),
        ("sweep:", "placement: {target: [x], load: [1]}\nsweep:"),
    ]:
        assert len(mistakes(tmp_path, changed(old, new))) == 1


def test_every_mistake_is_reported_in_the_order_of_the_file(tmp_path: Path) -> None:
    text = changed("connections: 16", "conections: 16").replace("1m30s", "long").replace("select,", "selct,")
    reported = mistakes(tmp_path, text, "load.idle=x", "--repeat=none")
    assert [line.split(": ")[0] for line in reported] == [
        "x.yaml:4:1",
        "x.yaml:5:3",
        "x.yaml:7:13",
        "x.yaml:9:19",
        "--set load.idle=x",
        "--repeat=none",
    ]


def test_of_very_many_mistakes_the_first_are_shown(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_text(GOOD + "".join(f"key{number}: 1\n" for number in range(500)))
    with pytest.raises(ProfileError) as caught:
        load_profile(path)
    lines = str(caught.value).splitlines()
    assert (len(caught.value.mistakes), len(lines), lines[-1]) == (500, 31, "and 470 more mistakes")


def test_too_many_trials_are_refused(tmp_path: Path) -> None:
    many = ", ".join(str(number) for number in range(200))
    text = changed("[0, 1k]", f"[{many}]").replace("sweep:", f"repeat: 100\nsweep:\n  load.connections: [{many[3:]}]")
    (reported,) = (line for line in mistakes(tmp_path, text) if "trials" in line)
    assert reported.startswith("x.yaml:9:1: sweep: makes ")
    assert reported.endswith(" trials; the limit is 10,000")


def test_a_sweep_of_astronomical_size_is_refused_in_one_line(tmp_path: Path) -> None:
    values = "[1, 2, 3, 4, 5, 6, 7, 8, 9]"
    sweep = "".join(f"  target.option{number}: {values}\n" for number in range(2000))
    lines = mistakes(tmp_path, GOOD[: GOOD.index("  target.server: [")] + sweep)
    assert any(line.endswith("makes over 1,000,000,000 trials; the limit is 10,000") for line in lines)


def test_an_override_replaces_a_sweep_or_sets_a_value(tmp_path: Path) -> None:
    profile = load(tmp_path, GOOD, "load.idle=[5, 2k]", "target.server=poll", "load.duration=3s", "--repeat=4")
    assert profile.sweep == {"target.server": ("poll",), "load.idle": (5, "2k")}
    assert (profile.load.idle, profile.load.duration_ns, profile.repeat) == (19_000, 3_000_000_000, 4)


def test_an_override_can_add_a_sweep(tmp_path: Path) -> None:
    text = GOOD[: GOOD.index("sweep:")]
    assert load(tmp_path, text, "sweep.load.idle=[1, 2]").sweep == {"load.idle": (1, 2)}


@pytest.mark.parametrize(
    ("override", "sweep"),
    [
        ("load.workers=[1, 2]", {"load.workers": (1, 2)}),
        ("load.rate=[1k, 5k]", {"load.rate": ("1k", "5k")}),
        ("target.server=[poll]", {"target.server": ("poll",)}),
        ("placement=[auto, none]", {"placement": ("auto", "none")}),
    ],
)
def test_a_list_sweeps_a_path_that_was_not_swept(tmp_path: Path, override: str, sweep: dict[str, object]) -> None:
    text = GOOD[: GOOD.index("sweep:")]
    profile = load(tmp_path, text, override)
    assert profile.sweep == sweep
    assert (profile.target.server, profile.load.connections) == ("epoll", 16)


@pytest.mark.parametrize(
    ("override", "section", "key"),
    [
        ("load.rate=[{for: 90s, from: 1k}]", "load", "rate"),
        ("load.mix=[{path: /hello}]", "load", "mix"),
        ("probes=[cpu]", None, "probes"),
        ("expect=[failures == 0]", None, "expect"),
    ],
)
def test_a_list_that_is_a_value_of_its_own_is_set(tmp_path: Path, override: str, section: str | None, key: str) -> None:
    profile = load(tmp_path, GOOD, override)
    assert profile.sweep == {"target.server": ("select", "epoll"), "load.idle": (0, "1k")}
    dumped = profile.model_dump(mode="json")
    assert isinstance((dumped[section] if section else dumped)[key], list)


def test_a_list_in_the_load_itself_is_sent_to_the_sweep(tmp_path: Path) -> None:
    (line,) = mistakes(tmp_path, changed("connections: 16", "connections: [16, 64]"))
    assert line.endswith("500 or 20k, not a list; list the values of a setting in the sweep")
    (line,) = mistakes(tmp_path, changed("sweep:", "placement: [0, 1]\nsweep:"))
    assert line.endswith("or cores such as {target: [0], load: [1]}, not a list")


@pytest.mark.parametrize(
    ("probes", "read"),
    [("syscalls", ("syscalls",)), ("syscalls:perf", ("syscalls:perf",)), ("[syscalls, cpu]", ("syscalls", "cpu"))],
)
def test_a_single_probe_needs_no_list(tmp_path: Path, probes: str, read: tuple[str, ...]) -> None:
    assert load(tmp_path, GOOD, f"probes={probes}").probes == read


def test_the_plotted_metric_may_have_its_short_name(tmp_path: Path) -> None:
    profile = load(tmp_path, GOOD, "plot.y=p99")
    assert profile.plotted_metric == "response_ns.p99"


def test_an_override_mends_a_mistake_of_the_file(tmp_path: Path) -> None:
    assert load(tmp_path, changed("duration: 1m30s", "duration: long"), "load.duration=1s").load.duration_ns == 10**9


@pytest.mark.parametrize(
    ("override", "reported"),
    [
        ("load.idle", "--set load.idle: write it as PATH=VALUE, such as load.idle=20k"),
        ("=3", "--set =3: write it as PATH=VALUE"),
        ("load.idle=abc", "--set load.idle=abc: sweep.load.idle: must be a whole number such as 500 or 20k, not 'abc'"),
        ("load.idle=[]", "--set load.idle=[]: sweep.load.idle: has no values"),
        ("load.warmup=1", "--set load.warmup=1: load.warmup: '1' has no unit"),
        ("load.warmup=[1s, 2]", "--set load.warmup=[1s, 2]: sweep.load.warmup: '2' has no unit"),
        ("repeat=[1, 2]", "--set repeat=[1, 2]: repeat: must be a whole number such as 3, not a list"),
        ("load.wramup=1s", "--set load.wramup=1s: load.wramup: unknown key; did you mean 'warmup'?"),
        ("name.first=x", "--set name.first=x: name is not a section of the profile, so it has no keys"),
        ("plot.x=nothing", "--set plot.x=nothing: plot.x: 'nothing' is not a path of the profile"),
        ("new.part=1", "--set new.part=1: new: unknown key"),
        (
            "name=[a",
            "--set name=[a: '[a' is not valid YAML; put text in quotes that the shell leaves: '\"...\"'",
        ),
        ("load.idle=" + "1" * 5000, "--set load.idle=" + "1" * 81 + "...: too long a value; the limit is 4,000"),
        ("--repeat=0", "--repeat=0: repeat: must be at least 1, not 0"),
        ("--seed=x", "--seed=x: seed: must be a whole number such as 42, not 'x'"),
        ("--a load.wramup=1s", "--a load.wramup=1s: load.wramup: unknown key; did you mean 'warmup'?"),
        ("--b load.idle", "--b load.idle: write it as PATH=VALUE, such as load.idle=20k"),
        ("--b target.env.TOKEN=[x]", "--b target.env.TOKEN=***: "),
    ],
)
def test_a_mistake_in_an_override_is_reported_as_the_user_typed_it(
    tmp_path: Path, override: str, reported: str
) -> None:
    (line,) = mistakes(tmp_path, GOOD, override)
    assert line.startswith(reported)


def test_without_a_catalog_names_are_not_checked(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_text(changed("server: epoll", "server: nginx"))
    profile = load_profile(path).profile
    assert isinstance(profile, LoadProfile)
    assert profile.target.server == "nginx"


@pytest.mark.parametrize(
    ("text", "reported"),
    [
        ("010", "must be a whole number such as 500 or 20k, not '010'; write 10, or 8 if octal is meant"),
        ("2:30", "must be a whole number such as 500 or 20k, not '2:30'"),
        ("0x10", "must be a whole number such as 500 or 20k, not '0x10'; write 16"),
        ("0b1", "must be a whole number such as 500 or 20k, not '0b1'; write 1"),
        ("1e3", "must be a whole number such as 500 or 20k, not '1e3'; write 1000"),
        ("+5", "must be a whole number such as 500 or 20k, not '+5'; write 5"),
        (".5", "must be a whole number such as 500 or 20k, not '.5'"),
        (".inf", "must be a whole number such as 500 or 20k, not '.inf'"),
        (".nan", "must be a whole number such as 500 or 20k, not '.nan'"),
        ("on", "must be a whole number such as 500 or 20k, not 'on'"),
        ("-1k", "must be at least 0, not '-1k'"),
    ],
)
def test_a_number_in_another_notation_is_a_mistake_wherever_it_stands(tmp_path: Path, text: str, reported: str) -> None:
    assert mistakes(tmp_path, changed("idle: 19k", f"idle: {text}")) == [f"x.yaml:6:9: load.idle: {reported}"]
    assert mistakes(tmp_path, changed("idle: 19k", f"idle: '{text}'")) == [f"x.yaml:6:9: load.idle: {reported}"]
    swept = changed("[0, 1k]", f"[0, {text}]")
    assert mistakes(tmp_path, swept) == [f"x.yaml:10:18: sweep.load.idle: {reported}"]
    for override in (f"load.idle={text}", f"load.idle=[0, {text}]"):
        assert mistakes(tmp_path, GOOD, override) == [f"--set {override}: sweep.load.idle: {reported}"]
    not_swept = f"load.slow_connections={text}"
    assert mistakes(tmp_path, GOOD, not_swept) == [f"--set {not_swept}: load.slow_connections: {reported}"]


def test_underscores_and_fractions_of_zero_are_plain_numbers(tmp_path: Path) -> None:
    for text in ("1_000", "1000", "1k", "1.0k", "1000.0", "'1_000'", "'1000.0'"):
        assert load(tmp_path, changed("idle: 19k", f"idle: {text}")).load.idle == 1000


def test_only_true_and_false_are_truth_values(tmp_path: Path) -> None:
    for text in ("yes", "no", "on", "off"):
        assert load(tmp_path, changed("name: example", f"name: {text}\nabout: {text}")).name == text
    (line,) = mistakes(tmp_path, changed("name: example", "name: true"))
    assert line.endswith("put it in quotes if it is meant as text")


def test_every_number_of_a_flow_mapping_has_its_own_column(tmp_path: Path) -> None:
    text = "name: x\ntarget: {server: epoll}\nload: {connections: 0100, rate: 2:30, warmup: 2:30, duration: 0300ms}\n"
    assert mistakes(tmp_path, text) == [
        "x.yaml:3:21: load.connections: must be a whole number such as 500 or 20k, not '0100'; write 100, or 64 if "
        "octal is meant",
        "x.yaml:3:33: load.rate: must be a whole number such as 500 or 20k, not '2:30'",
        "x.yaml:3:47: load.warmup: '2:30' has no unit; write 2m30s or 2h30m",
    ]


def test_a_profile_may_be_a_mapping(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "users.csv").write_text("name\nada\n")
    load = {"connections": "1k", "path": "/{{name}}", "duration": "2s", "data": {"file": Path("users.csv")}}
    made = {"name": "made", "target": {"address": "localhost:8080"}, "load": load}
    loaded = load_mapping(made, ["settings load.idle=[0, 20]"])
    assert isinstance(loaded.profile, LoadProfile)
    assert loaded.profile.load.connections == 1000
    assert loaded.profile.load.data
    assert loaded.profile.load.data.file == str(tmp_path / "users.csv")
    assert loaded.profile.sweep == {"load.idle": (0, 20)}
    (tmp_path / "profile.yaml").write_text(loaded.text)
    assert load_profile(tmp_path / "profile.yaml", ["load.idle=[0, 20]"]).profile == loaded.profile


@pytest.mark.parametrize(
    ("load", "setting", "mistakes"),
    [
        ({"conections": 3}, "load.idle=1", ["profile: load.conections: unknown key"]),
        ({"duration": {1}}, "load.idle=1", ["profile: a set ({1}) is neither"]),
        ({"duration": 2**80}, "load.idle=1", ["profile: load.duration: "]),
        ({}, "load.idel=5", ["settings load.idel=5: load.idel: unknown key"]),
        ({}, "load.request={headers: {Authorization: secret}, x: 1}", ["settings load.request="]),
    ],
)
def test_mistakes_in_a_mapping_and_in_settings_say_where(
    load: dict[str, object], setting: str, mistakes: list[str]
) -> None:
    made = {"name": "made", "target": {"server": "epoll"}, "load": {"connections": 1, "duration": "1s", **load}}
    with pytest.raises(ProfileError) as caught:
        load_mapping(made, [f"settings {setting}"])
    assert len(caught.value.mistakes) >= len(mistakes)
    for mistake, begins in zip(caught.value.mistakes, mistakes, strict=False):
        assert mistake.startswith(begins)
    assert "secret" not in str(caught.value)


def test_hosts_of_the_command_line_are_allowed_beside_those_of_the_profile(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    target = "target: {address: staging.test:80}\nload: {connections: 1, duration: 1s}\n"
    path.write_text(f"name: x\n{target}allow_remote: [staging.test]\n")
    profile = load_profile(path).allowing(["STAGING.test", "[2001:DB8::7]", "other.test"]).profile
    assert isinstance(profile, LoadProfile)
    assert profile.allow_remote == ("staging.test", "2001:db8::7", "other.test")
    with pytest.raises(LoadlabError, match=r"--allow-remote must be the name or IP address .*; leave out the port"):
        load_profile(path).allowing(["other.test:80"])
