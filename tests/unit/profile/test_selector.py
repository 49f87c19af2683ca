"""What `where` demands at a path, against the values that trials have there."""

import pytest

from loadlab.profile.expect import Selector, Wanted, read_wanted


@pytest.mark.parametrize(
    ("wanted", "meant", "not_meant"),
    [
        ("epoll", ["epoll"], ["epoll-threads", 1, None]),
        (1000, [1000, 1000.0, "1k"], [1001, "1001", "epoll"]),
        ("1k", [1000], [1]),
        ("1m30s", ["90s", "90000ms"], ["91s"]),
        (True, [True, "true"], [False, "yes"]),
        (("select", "poll"), ["select", "poll"], ["epoll"]),
        ("> 1000", [1001, "2k"], [1000, "auto"]),
        ("<= 5s", ["5s", "300ms"], ["6s"]),
        ("!= epoll", ["poll", 5], ["epoll"]),
        ("== 1k", [1000], [999]),
        (("< 10", ">= 1k"), [5, 1000], [10, 999]),
    ],
)
def test_matches(wanted: Wanted, meant: list[object], not_meant: list[object]) -> None:
    selector = Selector(wanted)
    assert [selector.matches(value) for value in meant] == [True] * len(meant)
    assert [selector.matches(value) for value in not_meant] == [False] * len(not_meant)


@pytest.mark.parametrize(
    ("wanted", "text"),
    [
        ("epoll", "is epoll"),
        (1000, "is 1000"),
        (False, "is false"),
        (("select", "poll"), "is select or poll"),
        (" > 1000", "> 1000"),
    ],
)
def test_as_text_it_follows_its_path(wanted: Wanted, text: str) -> None:
    assert str(Selector(wanted)) == text


@pytest.mark.parametrize(
    ("written", "mistake"),
    [
        (None, 'must be a value, a list of values or a comparison such as "> 1000", not an empty value'),
        ({"a": 1}, "must be a value, a list of values or a comparison"),
        ([["a"]], "must be a value, a list of values or a comparison"),
        ([], "has no values; list at least one"),
        ("> many", "'> many' does not compare with a number"),
        (["<= epoll"], "'<= epoll' does not compare with a number"),
    ],
)
def test_refuses(written: object, mistake: str) -> None:
    with pytest.raises(ValueError, match=mistake):
        read_wanted(written)


def test_reads() -> None:
    assert read_wanted([1, "!= epoll"]) == (1, "!= epoll")
    assert read_wanted("> 1k") == "> 1k"
