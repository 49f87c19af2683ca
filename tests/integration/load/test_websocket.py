"""Users over WebSockets, and servers that behave as they should, as they like, or not at all."""

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import pytest

from loadlab.kernel import Loop, run
from loadlab.kernel.sockets import Address
from loadlab.load.active import ActiveLoad
from loadlab.load.exchange import Exchange
from loadlab.load.pacing import Agenda, Gate, Pacing, ThinkTime
from loadlab.load.requests import RequestKind, take_turns
from loadlab.load.stamping import Stamping
from loadlab.protocols.answers import AnswerEnd
from loadlab.protocols.openings import Upgrade
from loadlab.protocols.upgrade import accept_for, upgrade_request
from loadlab.protocols.websocket_frames import encode_message
from loadlab.recording.outcomes import Outcome
from loadlab.recording.recorder import Recorder, Snapshot

from . import websocket_scripts as scripts
from .driver import MS, open_gate, running_load, served, wait_until
from .scripted_server import Peer, Script, ScriptedServer

pytestmark = pytest.mark.timeout(90)

KEY = bytes(range(16))
PATIENT_NS = 30_000 * MS


def exchange_with(
    address: Address,
    timeout_ns: int = PATIENT_NS,
    ends: tuple[AnswerEnd, ...] = (AnswerEnd(),),
    subprotocols: tuple[str, ...] = (),
) -> Exchange:
    message = encode_message(b"hello", True, b"\x01\x02\x03\x04")
    kinds = [RequestKind([message], frozenset({0}), method="MESSAGE", end=end) for end in ends]
    opening = Upgrade(upgrade_request("/chat", "x", {}, subprotocols, KEY), accept_for(KEY), subprotocols)
    turns = take_turns(kinds, 0, Stamping())
    return Exchange(address, None, timeout_ns, kinds, turns, opening=opening, protocol="websocket")


def failed(recorder: Recorder) -> int:
    return sum(recorder.outcomes.values()) + sum(recorder.connects.values())


class Played(NamedTuple):
    """What was recorded of the users of a server, and how many connections it accepted."""

    recorded: Snapshot
    accepted: int

    @property
    def outcomes(self) -> dict[str, int]:
        return {name: count for name, count in self.recorded.outcomes.items() if count}

    @property
    def reasons(self) -> list[str]:
        return [sample.reason for sample in self.recorded.samples]


def play(
    script: Script, until: Callable[[Recorder], bool], exchange: Callable[[Address], Exchange] = exchange_with
) -> Played:
    """Let two users speak with a server that plays `script` until enough has come of it."""

    async def main(loop: Loop) -> Snapshot:
        async with running_load(loop, [exchange(server.address)] * 2) as recorder:
            await wait_until(loop, lambda: until(recorder))
        return recorder.take(0, 0)

    with ScriptedServer(script) as server:
        return Played(run(main), server.accepted)


@pytest.mark.parametrize(
    ("script", "outcome", "reason"),
    [
        (scripts.reset, Outcome.RESET, "reset by peer"),
        (scripts.end_without_a_close_frame, Outcome.CLOSED_EARLY, "without closing the WebSocket"),
        (scripts.close_without_code, Outcome.CLOSED_EARLY, "closed the WebSocket without a code"),
        (scripts.internal_error, Outcome.CLOSED_EARLY, "code 1011 (internal error): out of memory"),
        (scripts.masked, Outcome.MALFORMED, "masked"),
        (scripts.reserved_bit, Outcome.MALFORMED, "Reserved bit"),
        (scripts.reserved_opcode, Outcome.MALFORMED, "Invalid opcode 0x3"),
        (scripts.invalid_utf8, Outcome.MALFORMED, "utf-8"),
        (scripts.too_long, Outcome.TOO_LARGE, "64 MiB"),
        (scripts.absurdly_long, Outcome.TOO_LARGE, "64 MiB"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_bad_answer_is_an_outcome_with_its_reason(script: Script, outcome: Outcome, reason: str) -> None:
    played = play(script, lambda recorder: recorder.outcomes[outcome] >= 4)
    assert set(played.outcomes) <= {outcome, "cut"}
    assert played.reasons
    assert all(reason in each for each in played.reasons)
    assert set(played.recorded.connects) == {Outcome.OK}


@pytest.mark.parametrize(("script", "code"), [(scripts.close_without_code, 1005), (scripts.internal_error, 1011)])
def test_the_code_of_a_close_is_counted(script: Script, code: int) -> None:
    played = play(script, lambda recorder: recorder.outcomes[Outcome.CLOSED_EARLY] >= 4)
    assert played.recorded.statuses == {str(code): played.outcomes["closed_early"]}


@pytest.mark.parametrize("script", [scripts.half_a_frame, scripts.unfinished_message], ids=["frame", "message"])
def test_half_an_answer_and_then_silence_is_a_timeout(script: Script) -> None:
    def impatient(address: Address) -> Exchange:
        return exchange_with(address, timeout_ns=100 * MS)

    played = play(script, lambda recorder: recorder.outcomes[Outcome.TIMEOUT] >= 4, impatient)
    assert set(played.outcomes) <= {"timeout", "cut"}


@pytest.mark.parametrize(
    ("script", "outcome", "reason", "status"),
    [
        (scripts.not_found, Outcome.STATUS, "refused with status 404", 404),
        (scripts.unauthorized, Outcome.STATUS, "refused with status 401", 401),
        (scripts.plain_page, Outcome.STATUS, "refused with status 200", 200),
        (scripts.accept_wrongly, Outcome.MALFORMED, "Sec-WebSocket-Accept", None),
        (scripts.compress, Outcome.MALFORMED, "permessage-deflate", None),
        (scripts.another_subprotocol, Outcome.MALFORMED, "mqtt", None),
        (scripts.speak_ssh, Outcome.MALFORMED, "HTTP/1", None),
        (scripts.end_in_the_handshake, Outcome.CLOSED_EARLY, "before its answer was complete", None),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_handshake_that_fails_is_a_failed_connect(
    script: Script, outcome: Outcome, reason: str, status: int | None
) -> None:
    played = play(script, lambda recorder: recorder.connects[outcome] >= 4)
    assert set(played.recorded.connects) == {outcome}
    assert set(played.outcomes) <= {outcome, "cut"}
    assert all(reason in each for each in played.reasons)
    assert set(played.recorded.statuses) == ({str(status)} if status else set())


def test_a_subprotocol_that_nobody_speaks_is_a_failed_connect() -> None:
    def asking(address: Address) -> Exchange:
        return exchange_with(address, subprotocols=("chat.v2",))

    played = play(scripts.echo, lambda recorder: recorder.connects[Outcome.MALFORMED] >= 2, asking)
    assert "no subprotocol; offered: chat.v2" in played.reasons[0]


def test_a_handshake_that_is_not_answered_is_a_timeout() -> None:
    def impatient(address: Address) -> Exchange:
        return exchange_with(address, timeout_ns=50 * MS)

    played = play(scripts.say_nothing, lambda recorder: recorder.connects[Outcome.CONNECT_TIMEOUT] >= 2, impatient)
    assert "opening handshake" in played.reasons[0]


@pytest.mark.parametrize("script", [scripts.echo, scripts.piecemeal], ids=["whole", "in pieces, pings between"])
def test_answers_are_round_trips(script: Script) -> None:
    played = play(script, lambda recorder: served(recorder) >= 20)
    assert set(played.outcomes) <= {"ok", "cut"}
    assert not played.reasons
    assert played.accepted == 2


def test_what_nobody_asked_for_is_counted_and_answers_nothing() -> None:
    async def main(loop: Loop) -> Counter[str]:
        recorder, load = Recorder(), None
        load = ActiveLoad(loop, [exchange_with(server.address)] * 2, [recorder], open_gate(loop))
        await load.open()
        async with loop.task_group() as group:
            group.start(load.run(), "load")
            await wait_until(loop, lambda: served(recorder) >= 20)
            load.count_unasked()
            group.cancel()
        return Counter(answers=served(recorder), unasked=recorder.unasked)

    with ScriptedServer(scripts.greet_and_chatter) as server:
        counts = run(main)
    # Each answer has one message behind it in the same segment, or two; each connection began with another one.
    assert counts["answers"] <= counts["unasked"] <= 3 * counts["answers"] + 2


def test_kinds_of_messages_have_answers_of_their_own_on_the_same_connections() -> None:
    async def main(loop: Loop) -> list[int]:
        recorders = [Recorder(), Recorder()]
        ends = (AnswerEnd(messages=3), AnswerEnd(matches="^mo"))
        load = ActiveLoad(loop, [exchange_with(server.address, ends=ends)] * 2, recorders, open_gate(loop))
        await load.open()
        async with loop.task_group() as group:
            group.start(load.run(), "load")
            await wait_until(loop, lambda: all(served(recorder) >= 20 for recorder in recorders))
            group.cancel()
        return [sum(recorder.outcomes.values()) for recorder in recorders]

    with ScriptedServer(scripts.greet_and_chatter) as server:
        failures = run(main)
    assert failures == [0, 0]
    assert server.accepted == 2


def test_a_close_behind_the_answer_costs_no_request() -> None:
    played = play(scripts.away_behind_the_answer, lambda recorder: served(recorder) >= 10)
    assert set(played.outcomes) <= {"ok", "cut"}
    assert played.accepted >= 10
    assert not played.reasons


def test_an_answer_counts_though_its_connection_is_reset_behind_it() -> None:
    played = play(scripts.answer_close_and_reset, lambda recorder: served(recorder) >= 100)
    assert set(played.outcomes) <= {"ok", "cut"}


def test_the_rest_of_an_unasked_message_is_no_answer_whatever_it_looks_like() -> None:
    async def main(loop: Loop) -> Counter[str]:
        recorder = Recorder()
        load = ActiveLoad(loop, [exchange_with(server.address)] * 2, [recorder], open_gate(loop))
        await load.open()
        async with loop.task_group() as group:
            group.start(load.run(), "load")
            await wait_until(loop, lambda: served(recorder) >= 20)
            load.count_unasked()
            group.cancel()
        return Counter(answers=served(recorder), unasked=recorder.unasked, failures=sum(recorder.outcomes.values()))

    with ScriptedServer(scripts.disguise_what_is_unasked) as server:
        counts = run(main)
    assert counts["failures"] == 0
    assert counts["answers"] - 6 <= counts["unasked"] <= counts["answers"]


def test_a_close_is_answered_once() -> None:
    received: list[bytes] = []

    def note(peer: Peer) -> None:
        if scripts.handshake(peer) and scripts.Conversation(peer).receive_message():
            peer.send(scripts.HELLO + scripts.frame(0x88, b"\x03\xe9"))
            pieces = b""
            while piece := peer.sock.recv(65_536):
                pieces += piece
            received.append(pieces)

    play(note, lambda recorder: served(recorder) >= 10)
    # The header of a masked frame with two bytes, its mask, and the code.
    assert {len(each) for each in received[:8]} == {2 + 4 + 2}


def test_with_a_connection_for_each_message_each_is_closed_in_good_order() -> None:
    codes: list[int | None] = []

    def note(peer: Peer) -> None:
        if scripts.handshake(peer):
            conversation = scripts.Conversation(peer)
            while conversation.receive_message():
                peer.send(scripts.HELLO)
            codes.append(conversation.close_code)

    def each_its_own(address: Address) -> Exchange:
        return replace(exchange_with(address), per_request=True)

    played = play(note, lambda recorder: served(recorder) >= 10, each_its_own)
    assert played.accepted >= 10
    assert codes[:8] == [1000] * 8
    assert not played.reasons


PAUSE_NS = 2_000 * MS


@pytest.mark.parametrize("silence", ["thinks", "waits for the next window", "has nothing due"])
def test_a_server_that_drops_the_silent_keeps_those_who_wait(silence: str) -> None:
    async def main(loop: Loop) -> tuple[Snapshot, int]:
        recorder, gate = Recorder(), Gate(loop)
        agenda = Agenda(loop, 3, spin_ns=50_000)
        pacing: Pacing | None = None
        if silence == "thinks":
            pacing = ThinkTime(loop, gate, PAUSE_NS, "constant", seed=0)
        elif silence == "has nothing due":
            pacing = agenda
        load = ActiveLoad(loop, [exchange_with(server.address)] * 3, [recorder], gate, pacing)
        await load.open()
        gate.open()
        async with loop.task_group() as group:
            group.start(load.run(), "load")
            if pacing is agenda:
                loop.pacer = agenda
                agenda.begin(iter([time.monotonic_ns() + at * PAUSE_NS for at in (0, 0, 0, 1, 1, 1)]))
            else:
                await wait_until(loop, lambda: served(recorder) >= 3)
            if silence == "waits for the next window":
                gate.close()
                await loop.sleep(PAUSE_NS)
                gate.open()
            await wait_until(loop, lambda: served(recorder) >= 6)
            load.count_unasked()
            group.cancel()
        return recorder.take(0, 0), server.accepted

    with ScriptedServer(scripts.drop_the_silent) as server:
        snapshot, accepted = run(main)
    assert accepted == 3
    assert snapshot.pings >= 6
    assert not snapshot.samples
