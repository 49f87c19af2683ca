"""Paths of requests: kept as they are written, sent in ASCII, and refused where no client would send them."""

from pathlib import Path
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadlab.profile.http_values import RequestTarget, path_as_sent

from .reading import find_mistakes, read_load_profile

TEXT = "name: x\ntarget: {server: epoll}\nload:\n  connections: 4\n  duration: 1s\n"


@pytest.mark.parametrize(
    ("path", "sent"),
    [
        ("/", "/"),
        ("/items?page=2&q=a+b", "/items?page=2&q=a+b"),
        ("/a%20b/100%", "/a%20b/100%25"),
        ("/%e4%2", "/%e4%252"),
        ("/a b\xa0c", "/a%20b%C2%A0c"),
        ("/ä", "/%C3%A4"),
        ("/straße/事?q=é", "/stra%C3%9Fe/%E4%BA%8B?q=%C3%A9"),
        ("/👩\u200d🚀", "/%F0%9F%91%A9%E2%80%8D%F0%9F%9A%80"),
        ("//host/%23", "//host/%23"),
        ("/\"<>\\^`{|}'[]", "/%22%3C%3E%5C%5E%60%7B%7C%7D'[]"),
    ],
)
def test_a_path_is_sent_in_ascii(path: str, sent: str) -> None:
    assert RequestTarget().read(path) == path
    assert path_as_sent(path) == sent


@pytest.mark.parametrize(
    ("path", "reported"),
    [
        ("hello", "must be a request path that starts with /, such as /health, not 'hello'"),
        ("''", "must be a request path that starts with /, such as /health, not ''"),
        ("5", "must be a request path that starts with /, such as /health, not 5; put it in quotes if it is meant as"),
        (
            "http://localhost/a",
            "must be a request path that starts with /, such as /health, not 'http://localhost/a'; the server is",
        ),
        ("/page#top", "'#top' is a fragment, which is never sent to a server; remove it, or write %23 for #"),
        ("/#", "'#' is a fragment, which is never sent to a server; remove it, or write %23 for #"),
        ('"/a\\tb"', r"'/a\tb' contains the character U+0009; write %09"),
        ('"/a\\r\\nX: y"', r"'/a\r\nX: y' contains the character U+000D; write %0D"),
        ('"/\\e[31m"', r"'/\x1b[31m' contains the character U+001B; write %1B"),
        ('"/\\x85"', r"'/\x85' contains the character U+0085; write %C2%85"),
    ],
)
def test_a_path_that_cannot_be_sent_is_a_mistake_wherever_it_stands(tmp_path: Path, path: str, reported: str) -> None:
    (line,) = find_mistakes(tmp_path, f"{TEXT}  path: {path}\n")
    assert line.startswith(f"x.yaml:6:9: load.path: {reported}")
    (line,) = find_mistakes(tmp_path, f"{TEXT}  mix:\n    - path: {path}\n")
    assert line.startswith(f"x.yaml:7:13: load.mix.path: {reported}")
    (line,) = find_mistakes(tmp_path, f"{TEXT}sweep:\n  load.path: [/a, {path}]\n")
    assert line.startswith(f"x.yaml:7:19: sweep.load.path: {reported}")
    (line,) = find_mistakes(tmp_path, TEXT, f"load.path={path}")
    assert line.startswith("--set load.path=")
    assert f": load.path: {reported}" in line


def test_a_trial_is_selected_by_the_path_as_it_is_written(tmp_path: Path) -> None:
    text = f"{TEXT}sweep: {{load.path: [/ä, /b]}}\nexpect: [{{expect: errors == 0, where: {{load.path: /ä}}}}]\n"
    assert read_load_profile(tmp_path, text).sweep == {"load.path": ("/ä", "/b")}


@given(st.text(st.characters(exclude_categories=["Cc", "Cs"], exclude_characters="#{")))
def test_what_is_sent_is_printable_ascii_and_names_the_same_path(path: str) -> None:
    sent = path_as_sent(RequestTarget().read(f"/{path}"))
    assert sent.isascii()
    assert all(33 <= ord(character) <= 126 for character in sent)
    assert unquote(sent) == unquote(f"/{path}")
    assert path_as_sent(sent) == sent


@given(st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from("#/ \t%"), max_size=6))
def test_any_text_is_kept_as_a_path_or_refused(text: str) -> None:
    try:
        kept = RequestTarget().read(text)
    except ValueError:
        return
    assert kept == text
    assert text.startswith("/")
    assert not any(character in "#\t" for character in text)
