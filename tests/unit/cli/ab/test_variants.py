"""What is compared: two URLs with one load, or one profile with different settings; anything else is one sentence."""

from pathlib import Path
from typing import Any

import pytest

from loadlab.cli.ab.options import VariantOptions
from loadlab.cli.ab.variants import Variants, make_variants
from loadlab.cli.hit.options import LoadOptions
from loadlab.errors import LoadlabError, ProfileError

PROFILE = """\
name: mine
target: {server: epoll}
load: {connections: 8, duration: 2s, idle: 0}
sweep: {load.idle: [0, 100]}
"""


@pytest.fixture
def profile(tmp_path: Path) -> str:
    path = tmp_path / "mine.yaml"
    path.write_text(PROFILE)
    return str(path)


def variants_of(*subjects: str, load: dict[str, Any] | None = None, **options: Any) -> Variants:  # noqa: ANN401
    return make_variants(VariantOptions(subjects, **options), LoadOptions(**(load or {})))


def test_two_urls_are_loaded_alike() -> None:
    sides = variants_of("localhost:8000/a", "http://localhost:8001/b", load={"connections": "64", "rate": "5k"})
    assert [side.label for side in (sides.a, sides.b)] == ["http://localhost:8000/a", "http://localhost:8001/b"]
    assert [side.profile.target.address for side in (sides.a, sides.b)] == ["localhost:8000", "localhost:8001"]
    assert [side.profile.requests[0].path for side in (sides.a, sides.b)] == ["/a", "/b"]
    assert {(side.profile.load.connections, side.profile.load.rate) for side in (sides.a, sides.b)} == {(64, 5000)}
    assert sides.a.profile.name == "ab-localhost-8000"
    assert sides.a.profile.about == "http://localhost:8000/a against http://localhost:8001/b"


def test_one_server_may_be_compared_with_itself() -> None:
    sides = variants_of("http://localhost:8000/", "http://localhost:8000/")
    assert sides.a.label == sides.b.label == "http://localhost:8000/"


def test_each_side_may_have_a_unix_socket_of_its_own() -> None:
    sides = variants_of("http://x/", "http://x/", unix_sockets=("/tmp/a.sock", "/tmp/b.sock"))
    assert [side.profile.target.address for side in (sides.a, sides.b)] == ["unix:/tmp/a.sock", "unix:/tmp/b.sock"]
    assert [side.label for side in (sides.a, sides.b)] == ["http://x/ on /tmp/a.sock", "http://x/ on /tmp/b.sock"]
    both = variants_of("http://x/a", "http://x/b", unix_sockets=("/tmp/a.sock",))
    assert both.b.profile.target.address == "unix:/tmp/a.sock"


def test_credentials_are_in_no_label() -> None:
    sides = variants_of("http://me:secret@localhost/?token=abcdefgh", "http://localhost:1/")
    assert "secret" not in sides.a.label + sides.a.profile.about
    assert "abcdefgh" not in sides.a.label + sides.a.profile.about


def test_a_profile_has_settings_for_each_side_and_for_both(profile: str) -> None:
    sides = variants_of(
        profile, a=("target.server=epoll",), b=("target.server=poll", "load.think=1ms"),
        settings=("load.idle=100",), load={"connections": "4", "probes": "procfs,syscalls"},
    )  # fmt: skip
    assert [side.label for side in (sides.a, sides.b)] == ["target.server=epoll", "target.server=poll, load.think=1ms"]
    assert [side.profile.target.server for side in (sides.a, sides.b)] == ["epoll", "poll"]
    for side in (sides.a, sides.b):
        assert (side.profile.load.idle, side.profile.load.connections) == (100, 4)
        assert (side.profile.probes, dict(side.profile.sweep)) == (("procfs", "syscalls"), {})
    about = "target.server=epoll against target.server=poll, load.think=1ms"
    assert (sides.a.profile.name, sides.a.profile.about) == ("mine", about)
    assert (sides.a.profile.load.think_ns, sides.b.profile.load.think_ns) == (0, 1_000_000)


def test_a_side_without_settings_is_the_profile_itself(profile: str) -> None:
    sides = variants_of(profile, b=("target.server=poll",), settings=("load.idle=0",))
    assert (sides.a.label, sides.a.profile.target.server) == ("as in the profile", "epoll")


@pytest.mark.parametrize(
    ("subjects", "options", "mistake"),
    [
        (["http://a/"], {}, "http://a/ is compared with nothing; name two URLs, or a profile with --a and --b"),
        (["a", "b", "c"], {}, "ab compares two servers, not 3; name two URLs"),
        (["one.yaml", "two.yaml"], {}, "one.yaml is a profile, and two profiles differ in more than"),
        (["http://a/"], {"a": ("load.idle=0",)}, "http://a/: --a and --b change settings of a profile"),
        (["http://a/", "http://b/"], {"settings": ("load.idle=0",)}, "--a, --b and --set change settings of a profile"),
        (["http://a/", "http://b/"], {"unix_sockets": ("1", "2", "3")}, "--unix-socket: name one for both servers"),
        (["selct-vs-epoll"], {"a": ("load.idle=0",)}, "neither a file nor a profile that ships; did you mean"),
        (["wait-cost"], {"a": ("wait.calls=100",)}, "wait-cost measures no server (its kind is wait-cost)"),
    ],
)
def test_what_cannot_be_compared_is_refused_in_one_sentence(
    subjects: list[str], options: dict[str, Any], mistake: str
) -> None:
    with pytest.raises(LoadlabError) as raised:
        variants_of(*subjects, **options)
    assert mistake in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("options", "load", "mistake"),
    [
        ({"a": ("target.server=poll",)}, {}, "sweeps load.idle over 2 values; ab compares at one of them: choose it "),
        ({"a": ("load.idle=[1, 2]",)}, {}, "sweeps load.idle over 2 values"),
        ({"a": ("load.idle=0",)}, {"headers": ("A: b",)}, "-H is for URLs; --set, --a and --b change any setting"),
        ({"a": ("load.idle=0",), "unix_sockets": ("x",)}, {}, "--unix-socket is for URLs"),
        ({"a": ("load.idle=0", "load.request_count=5")}, {}, "sends a number of requests (load.request_count)"),
        (
            {
                "settings": ("load.idle=0", "load.duration=1s", "load.rate=[{from: 1, to: 9, for: 1s}]"),
                "a": ("target.server=poll",),
            },
            {},
            "changes the rate as it goes on (load.rate)",
        ),
    ],
)
def test_a_profile_that_is_no_single_steady_trial_is_refused(
    profile: str, options: dict[str, Any], load: dict[str, Any], mistake: str
) -> None:
    with pytest.raises(LoadlabError) as raised:
        variants_of(profile, load=load, **options)
    assert mistake in str(raised.value)


def test_mistakes_of_both_sides_are_reported_each_once(profile: str) -> None:
    with pytest.raises(ProfileError) as raised:
        variants_of(profile, a=("target.sever=poll",), b=("load.idel=0",), settings=("load.idle=x",))
    assert [line.partition(": ")[0] for line in raised.value.mistakes] == [
        "--set load.idle=x",
        "--a target.sever=poll",
        "--b load.idel=0",
    ]
    assert "did you mean 'server'?" in raised.value.mistakes[1]
    with pytest.raises(ProfileError) as raised:
        variants_of("http://a/", "http://b/", load={"connections": "many"})
    assert len(raised.value.mistakes) == 1
