"""Every way in which a server can fail is an outcome of its own, and disturbs nobody else."""

import os
import resource
import socket
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from loadlab.kernel import Loop, run
from loadlab.load.active import ActiveLoad
from loadlab.load.exchange import Exchange
from loadlab.load.pacing import Gate
from loadlab.protocols import http1
from loadlab.recording.outcomes import Outcome
from loadlab.recording.recorder import Recorder

from . import scripts
from .driver import MS, exchange_with, running_load, served, wait_until
from .scripted_server import RESPONSE, Script, ScriptedServer

pytestmark = pytest.mark.timeout(90)


@pytest.fixture
def good_address() -> Iterator[tuple[str, int]]:
    with ScriptedServer(scripts.correct) as server:
        yield server.address


def outcomes_beside_a_good_server(bad: Exchange, good_address: tuple[str, int], expected: set[Outcome]) -> set[str]:
    """Run two users of `bad` beside two of a good server, until it failed four times and the good one served on."""

    async def main(loop: Loop) -> set[str]:
        async with running_load(loop, [bad, exchange_with(good_address)] * 2) as recorder:
            await wait_until(loop, lambda: sum(recorder.outcomes[outcome] for outcome in expected) >= 4)
            before = served(recorder)
            await wait_until(loop, lambda: served(recorder) >= before + 20)
        return {name for name, count in recorder.take(0, 0).outcomes.items() if count}

    return run(main)


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        (scripts.close_without_an_answer, {Outcome.CLOSED_EARLY}),
        (scripts.close_in_the_head, {Outcome.CLOSED_EARLY}),
        (scripts.close_in_the_body, {Outcome.CLOSED_EARLY}),
        (scripts.reset, {Outcome.RESET}),
        # Whether the request or the end of the connection comes first is for the kernel to say.
        (scripts.close_at_once, {Outcome.CLOSED_EARLY, Outcome.RESET}),
        (scripts.garbage, {Outcome.MALFORMED}),
        (scripts.speak_first, {Outcome.MALFORMED}),
        (scripts.endless_head, {Outcome.TOO_LARGE}),
        (scripts.endless_chunk_line, {Outcome.TOO_LARGE}),
        (scripts.busy, {Outcome.STATUS}),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_each_failure_has_its_outcome(
    script: Script, expected: set[Outcome], good_address: tuple[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http1, "MAX_BODY_BYTES", 16 << 20)  # a gigabyte of an endless line takes 6 s of CPU time
    with ScriptedServer(script) as server:
        outcomes = outcomes_beside_a_good_server(exchange_with(server.address), good_address, expected)
    assert outcomes - {"ok", "cut"} <= expected


@pytest.mark.parametrize(
    "script",
    [
        scripts.never_answer,
        scripts.stall_in_the_body,
        scripts.stall_in_a_body_until_close,
        scripts.interim_answers_only,
        scripts.endless_body,
    ],
    ids=lambda script: script.__name__,
)
def test_what_does_not_end_in_time_is_a_timeout(script: Script, good_address: tuple[str, int]) -> None:
    with ScriptedServer(script) as server:
        bad = exchange_with(server.address, timeout_ns=100 * MS)
        outcomes = outcomes_beside_a_good_server(bad, good_address, {Outcome.TIMEOUT})
    assert outcomes - {"ok", "cut"} == {"timeout"}


def test_a_request_that_timed_out_is_not_counted_as_answered() -> None:
    """Its body is complete when the connection ends; but it was we who ended it."""

    async def main(loop: Loop) -> int:
        async with running_load(loop, [exchange_with(server.address, timeout_ns=50 * MS)]) as recorder:
            await wait_until(loop, lambda: served(recorder) + recorder.outcomes[Outcome.TIMEOUT] >= 3)
            return served(recorder)
        raise AssertionError("a load ends without an error")

    with ScriptedServer(scripts.stall_in_a_body_until_close) as server:
        assert run(main) == 0


def test_an_answer_that_is_read_late_is_a_timeout_and_counts_once() -> None:
    """The loop is held up until the answers, which come after the timeout, lie in the sockets."""
    timeout_ns, users = 500 * MS, 200

    async def main(loop: Loop) -> dict[str, int]:
        recorder, gate = Recorder(), Gate(loop)
        exchange = exchange_with(listener.getsockname(), timeout_ns)
        load = ActiveLoad(loop, [exchange] * users, [recorder], gate)
        await load.open()
        peers = [listener.accept()[0] for _ in range(users)]
        async with loop.task_group() as group:
            group.start(load.run(), "load")
            await loop.yield_now()
            gate.open()
            await loop.yield_now()
            gate.close()
            assert load.in_flight == users
            time.sleep(timeout_ns * 1.2 / 1e9)
            for peer in peers:
                peer.send(RESPONSE)
            time.sleep(0.1)
            await wait_until(loop, lambda: load.in_flight == 0)
            group.cancel()
        for peer in peers:
            peer.close()
        return dict(recorder.take(0, 0).outcomes)

    with socket.create_server(("127.0.0.1", 0), backlog=users) as listener:
        assert run(main) == {"ok": 0, "timeout": users}


@pytest.mark.parametrize("users", [1, 600])
def test_overdue_requests_are_found_while_others_are_answered(users: int, good_address: tuple[str, int]) -> None:
    async def main(loop: Loop) -> None:
        bad = exchange_with(server.getsockname(), timeout_ns=100 * MS)
        good = replace(exchange_with(good_address), timeout_ns=100 * MS)
        async with running_load(loop, [bad] * users + [good]) as recorder:
            await wait_until(loop, lambda: recorder.outcomes[Outcome.TIMEOUT] >= 2 * users)

    with socket.create_server(("127.0.0.1", 0), backlog=4096) as server:  # accepts nothing, and answers nothing
        run(main)


def test_a_port_where_nobody_listens_refuses(good_address: tuple[str, int]) -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        bad = exchange_with(bound.getsockname())
        outcomes = outcomes_beside_a_good_server(bad, good_address, {Outcome.REFUSED})
    assert outcomes - {"ok", "cut"} == {"refused"}


@pytest.mark.parametrize("left", ["nothing", "file", "for datagrams"])
def test_a_unix_socket_where_nobody_listens_refuses(left: str, good_address: tuple[str, int], tmp_path: Path) -> None:
    path = tmp_path / "app.sock"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM if left == "for datagrams" else socket.SOCK_STREAM) as bound:
        if left != "nothing":
            bound.bind(str(path))
        bad = exchange_with(str(path))
        outcomes = outcomes_beside_a_good_server(bad, good_address, {Outcome.REFUSED})
    assert outcomes - {"ok", "cut"} == {"refused"}


def test_a_backlog_that_is_full_is_a_connect_timeout(good_address: tuple[str, int]) -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener, socket.socket() as first:
        first.connect(listener.getsockname())  # it fills the backlog: nobody accepts
        bad = exchange_with(listener.getsockname(), timeout_ns=100 * MS)
        outcomes = outcomes_beside_a_good_server(bad, good_address, {Outcome.CONNECT_TIMEOUT})
    assert outcomes - {"ok", "cut"} == {"connect_timeout"}


def test_a_source_without_ports_has_its_outcome(good_address: tuple[str, int]) -> None:
    elsewhere = replace(exchange_with(good_address), source="192.0.2.1")  # a documentation address: nobody has it
    outcomes = outcomes_beside_a_good_server(elsewhere, good_address, {Outcome.NO_LOCAL_PORT})
    assert outcomes - {"ok", "cut"} == {"no_local_port"}


def test_running_out_of_descriptors_has_its_outcome_and_is_overcome() -> None:
    Recorder()  # numpy opens the last of its modules for the first histogram

    async def main(loop: Loop) -> None:
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        next_descriptor = os.dup(listener.fileno())
        os.close(next_descriptor)
        resource.setrlimit(resource.RLIMIT_NOFILE, (next_descriptor, hard))
        try:
            async with running_load(loop, [exchange_with(listener.getsockname())] * 2) as recorder:
                await wait_until(loop, lambda: recorder.outcomes[Outcome.NO_FILE_DESCRIPTOR] >= 4)
                resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
                await wait_until(loop, lambda: accepts_one(listener))
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))

    with socket.create_server(("127.0.0.1", 0)) as listener:
        run(main)


def test_a_server_that_comes_up_late_is_found() -> None:
    async def main(loop: Loop) -> None:
        with socket.socket() as late:
            late.bind(("127.0.0.1", 0))
            async with running_load(loop, [exchange_with(late.getsockname())]) as recorder:
                await wait_until(loop, lambda: recorder.outcomes[Outcome.REFUSED] >= 2)
                late.listen()
                await wait_until(loop, lambda: accepts_one(late))

    run(main)


def accepts_one(listener: socket.socket) -> bool:
    """Whether a connection has come; it is closed at once."""
    listener.setblocking(False)
    try:
        accepted, _ = listener.accept()
    except BlockingIOError:
        return False
    accepted.close()
    return True
