"""What a target's file says of itself, and what its options take."""

import sys
from pathlib import Path

import pytest

from loadlab.capacity import Footprint
from loadlab.errors import LoadlabError
from loadlab.installation import install_extra
from loadlab.profile.values import OptionScalar
from loadlab.targets import Needs, Option, TargetDescription, catalog, find_target, why_missing

POOL = Option(default=8, about="threads", minimum=1, maximum=1024)
TRIGGER = Option(default="level", about="how", choices=("level", "edge"))
BLOCKING = Option(default=False, about="on purpose")
WITH_OPTION = 'TARGET = {{"name": "x", "about": "y", "handlers": [], "options": {{"o": {}}}}}'
WITH_NEEDS = 'TARGET = {{"name": "x", "about": "y", "handlers": [], "options": {{}}, "needs": {}}}'


def test_the_bundled_targets_are_found_sorted_by_name() -> None:
    names = list(catalog())
    assert {"epoll", "poll", "select"} <= set(names)
    assert names == sorted(names)


def test_a_target_is_read_without_running_it_and_a_module_without_one_is_passed_over(tmp_path: Path) -> None:
    text = 'TARGET = {"name": "x", "about": "y", "handlers": ["hello"], "options": {}}\nraise RuntimeError\n'
    (tmp_path / "x_loop.py").write_text(text)
    (tmp_path / "shared.py").write_text("raise RuntimeError\n")
    (description,) = catalog(tmp_path).values()
    assert (description.name, description.about, description.handlers) == ("x", "y", ("hello",))
    assert description.file == tmp_path / "x_loop.py"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("TARGET = {", "was never closed"),
        ("TARGET = make()", "malformed node"),
        ("TARGET = 3", "must be a mapping"),
        ('TARGET = {"name": "x"}', "about"),
        ('TARGET = {"name": "x", "about": "y", "handlers": 3, "options": {}}', "handlers"),
        (WITH_OPTION.format({"default": 1, "about": "z"}), "a number needs a minimum and a maximum"),
        (WITH_OPTION.format({"default": "a", "about": "z"}), "a word needs choices"),
        (WITH_OPTION.format({"default": "a", "about": "z", "choices": ["b", "c"]}), "must be one of b, c, not 'a'"),
        (WITH_OPTION.format({"default": 0, "about": "z", "minimum": 1, "maximum": 2}), "must be at least 1, not 0"),
        (WITH_OPTION.format({"default": 1, "about": "z", "least": 1}), "least"),
        (WITH_OPTION.format({"default": True, "about": "z", "counts": "threads"}), "only a number counts something"),
        (WITH_NEEDS.format({"install": "apt-get install y"}), "name either program and install, or module and extra"),
        (WITH_NEEDS.format({"module": "y", "install": "pip it"}), "name either program and install, or module and"),
        (WITH_NEEDS.format({"package": "y", "extra": "z"}), "or package and install"),
    ],
)
def test_a_broken_target_is_named_in_one_line(tmp_path: Path, text: str, why: str) -> None:
    file = tmp_path / "broken.py"
    file.write_text(text)
    with pytest.raises(LoadlabError) as caught:
        catalog(tmp_path)
    message = str(caught.value)
    assert str(file) in message
    assert why in message
    assert "\n" not in message


@pytest.mark.parametrize(("name", "hint"), [("epol", "did you mean 'epoll'?"), ("zzz", "there are: asyncio, callback")])
def test_an_unknown_name_gets_a_hint(name: str, hint: str) -> None:
    with pytest.raises(LoadlabError) as caught:
        find_target(name)
    assert hint in str(caught.value)


@pytest.mark.parametrize(
    ("option", "written", "value"),
    [(POOL, 1, 1), (POOL, "1k", 1000), (TRIGGER, "edge", "edge"), (BLOCKING, True, True)],
)
def test_an_option_reads_what_it_takes(option: Option, written: object, value: object) -> None:
    assert option.read(written) == value


@pytest.mark.parametrize(
    ("option", "written", "why"),
    [
        (POOL, 0, "must be at least 1, not 0"),
        (POOL, 1025, "must be at most 1,024, not 1025"),
        (POOL, True, "must be a whole number such as 500 or 20k, not true"),
        (TRIGGER, "egde", "must be one of level, edge, not 'egde'; did you mean 'edge'?"),
        (TRIGGER, 3, "must be one of level, edge, not 3"),
        (BLOCKING, "yes", "must be true or false, not 'yes'"),
        (BLOCKING, 1, "must be true or false, not 1"),
    ],
)
def test_an_option_says_what_it_takes_instead(option: Option, written: object, why: str) -> None:
    with pytest.raises(ValueError, match=r"^must be") as caught:
        option.read(written)
    assert str(caught.value) == why


@pytest.mark.parametrize(
    ("name", "options", "footprint"),
    [
        ("epoll", {"trigger": "edge"}, Footprint()),
        ("epoll", {"processes": "1k"}, Footprint(listeners=1_000)),
        ("nginx", {"processes": 4}, Footprint(listeners=4)),
        ("node", {}, Footprint()),
        ("epoll-threads", {}, Footprint(pool_threads=8)),
        ("epoll-processes", {"pool": 20}, Footprint(pool_processes=20)),
        ("thread", {}, Footprint(per_connection="thread")),
        ("fork", {}, Footprint(per_connection="process")),
    ],
)
def test_a_server_says_which_processes_and_threads_it_runs(
    name: str, options: dict[str, OptionScalar], footprint: Footprint
) -> None:
    assert find_target(name).footprint(options) == footprint


@pytest.mark.parametrize(
    ("needs", "why"),
    [
        (None, None),
        (Needs(program="sh", install="apt-get install dash"), None),
        (Needs(program="no-such-program", install="make it"), "no-such-program is not installed; make it"),
        (Needs(module="json", extra="servers"), None),
        (
            Needs(package="no-such-package", install="npm install it"),
            "the Node.js package no-such-package is not installed; npm install it",
        ),
        (
            Needs(module="no_such", extra="servers"),
            f"the Python module no_such is not installed; {install_extra('servers')}",
        ),
    ],
)
def test_what_is_missing_is_reported_with_the_command_that_installs_it(needs: Needs | None, why: str | None) -> None:
    description = TargetDescription(
        name="x", about="y", handlers=("hello",), options={}, file=Path("x.py"), needs=needs
    )
    assert why_missing(description) == why


def test_a_program_beyond_the_path_of_ordinary_users_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    needs = Needs(program="ldconfig", install="it belongs to the C library")  # in /usr/sbin or /sbin on any Linux
    description = TargetDescription(
        name="x", about="y", handlers=("hello",), options={}, file=Path("x.py"), needs=needs
    )
    assert why_missing(description) is None


def test_a_postgresql_database_needs_its_client_whatever_the_target(monkeypatch: pytest.MonkeyPatch) -> None:
    description = TargetDescription(name="x", about="y", handlers=("database",), options={}, file=Path("x.py"))
    monkeypatch.setitem(sys.modules, "psycopg", None)
    assert why_missing(description) is None
    assert why_missing(description, "host=db") == (
        f"the Python module psycopg is not installed; {install_extra('servers')}"
    )


@pytest.fixture
def with_handler_needs() -> TargetDescription:
    """A target of which one handler needs a package of Node.js's."""
    needs = Needs(package="made-up-package", install="npm install made-up-package")
    return TargetDescription(
        name="x", about="y", handlers=("hello", "echo"), options={}, file=Path("x.py"), handler_needs={"echo": needs}
    )


def test_what_a_handler_needs_is_missing_only_where_that_is_asked_for(with_handler_needs: TargetDescription) -> None:
    assert why_missing(with_handler_needs, handlers=["hello"]) is None
    assert why_missing(with_handler_needs, handlers=["hello", "echo"]) == (
        "the Node.js package made-up-package is not installed; npm install made-up-package"
    )


@pytest.mark.parametrize("place", ["node_modules", "above/node_modules", "named"])
def test_a_package_is_found_where_node_finds_it(
    with_handler_needs: TargetDescription, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, place: str
) -> None:
    here = tmp_path / "above" / "here" if place.startswith("above") else tmp_path
    package = tmp_path / place / "made-up-package"
    for folder in (here, package):
        folder.mkdir(parents=True, exist_ok=True)
    monkeypatch.chdir(here)
    monkeypatch.setenv("NODE_PATH", f"/elsewhere:{tmp_path / 'named'}")
    assert why_missing(with_handler_needs, handlers=["echo"]) is not None
    (package / "package.json").write_text("{}")
    assert why_missing(with_handler_needs, handlers=["echo"]) is None


def test_the_websockets_of_bundled_servers_say_what_they_need() -> None:
    needed = {name: each.handler_needs["echo"] for name, each in catalog().items() if "echo" in each.handler_needs}
    assert {name: needs.what for name, needs in needed.items()} == {
        "asyncio": "the Python module websockets",
        "node": "the Node.js package ws",
        "uvloop": "the Python module websockets",
    }
