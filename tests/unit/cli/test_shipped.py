"""What ships, listed."""

import sys

import pytest

from loadlab.cli.shipped import list_targets
from loadlab.installation import install_extra


def test_a_server_that_cannot_run_here_says_what_installs_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "uvloop", None)
    list_targets(as_json=False)
    lines = {line.split()[0]: line for line in capsys.readouterr().out.splitlines()}
    assert lines["epoll"].endswith("[trigger: level] [read: event] [processes: 1]")
    missing = f"the Python module uvloop is not installed; {install_extra('servers')}"
    assert lines["uvloop"].endswith(f"[processes: 1] (cannot run here: {missing})")


def test_a_handler_that_a_server_lacks_here_says_what_installs_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "websockets", None)
    list_targets(as_json=False)
    lines = {line.split()[0]: line for line in capsys.readouterr().out.splitlines()}
    missing = f"the Python module websockets is not installed; {install_extra('websocket')}"
    assert lines["asyncio"].endswith(f"[processes: 1] (without echo here: {missing})")
    assert "without" not in lines["coroutine"]
