"""Which of its handlers a server says that it has."""

import pytest

from .server_modules import load_module

handlers = load_module("handlers")

TARGET = {
    "handlers": ["hello", "upstream", "echo", "events", "tcp-echo"],
    "handler_needs": {"echo": {"module": "json", "extra": "x"}, "events": {"package": "y", "install": "z"}},
}


def test_what_lies_behind_a_handler_decides_whether_it_is_there() -> None:
    assert handlers.available(TARGET, tcp_echo=False) == ["hello", "echo", "events"]
    missing = TARGET | {"handler_needs": {"echo": {"module": "no_such_module", "extra": "x"}}}
    assert handlers.available(missing, tcp_echo=False) == ["hello", "events"]


def test_an_upstream_server_brings_its_handler(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handlers.ENVIRONMENT, "upstream", ("127.0.0.1", 80))
    assert handlers.available(TARGET, tcp_echo=False) == ["hello", "upstream", "echo", "events"]


def test_a_server_that_sends_back_every_byte_does_nothing_else() -> None:
    assert handlers.available(TARGET, tcp_echo=True) == ["tcp-echo"]
