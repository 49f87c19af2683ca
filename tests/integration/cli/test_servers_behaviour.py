"""What a server does that shows in its figures, found by how its responses and connections behave."""

from collections.abc import Sequence
from typing import Any

import pytest

from .foreign_servers import two_pieces_serving
from .program import ANY_VERDICT, Program

PROFILE = """\
name: behaviour
target: {address: 127.0.0.1:1}
load: {connections: 4, warmup: 300ms, duration: 1s}
"""


def measure(
    program: Program, *options: str, settings: Sequence[str] = ()
) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    """Return the trial against a server of such options, and its findings by code."""
    with two_pieces_serving(*options) as server:
        ended = program.measure(PROFILE, "--set", f"target.address={server.address}", *settings, ANY_VERDICT)
    assert ended.code == 0, ended.stderr
    (trial,) = program.document()["trials"]
    return trial, {finding["code"]: finding for finding in trial["verdict"]["findings"]}


def test_responses_that_wait_for_the_clients_ack_are_found(program: Program) -> None:
    trial, findings = measure(program)
    assert findings["delayed_ack"]["severity"] == "note"
    assert 40_000_000 < trial["service_ns"]["p50"] < 52_000_000


@pytest.mark.parametrize("options", [("nodelay",), ("close",)])
def test_without_nagles_algorithm_or_where_the_connection_ends_nothing_waits(
    program: Program, options: tuple[str, ...]
) -> None:
    trial, findings = measure(program, *options)
    assert "delayed_ack" not in findings
    assert trial["service_ns"]["p50"] < 40_000_000


def test_a_server_that_closes_each_connection_is_found(program: Program) -> None:
    trial, findings = measure(program, "close")
    assert findings["each_request_connects"]["severity"] == "note"
    assert trial["connects"]["opened"] >= 0.9 * trial["requests"]


def test_a_profile_that_asks_for_a_connection_per_request_gets_no_finding_for_it(program: Program) -> None:
    _trial, findings = measure(program, "nodelay", settings=("--set", "load.connection=per-request"))
    assert "each_request_connects" not in findings
