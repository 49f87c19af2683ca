"""What the fleet says to each other comes out as it went in, however the pipe cuts it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadlab.fleet.messages import (
    Alive,
    ClosedPacing,
    CountAlive,
    Drained,
    Endpoint,
    Finished,
    IdlePart,
    LineBuffer,
    LoadPart,
    MalformedMessage,
    Message,
    Opened,
    OpenedSoFar,
    OpenPacing,
    Plan,
    PlannedWindow,
    Ready,
    Recorded,
    SlowSending,
    WeightedRequest,
    decode_message,
    encode_message,
)
from loadlab.recording.recorder import Recorder

MESSAGES: list[Message] = [
    LoadPart(
        share=1,
        shares=2,
        endpoint=Endpoint(("127.0.0.1", 80), [("127.1.0.1", 8), (None, 7)]),
        requests=[WeightedRequest(["GET /\xe4 HTTP/1.1\r\n\r\n".encode("latin-1")], [200, 201], 9, "POST")],
        seed=1,
        pacing=ClosedPacing(think_ns=3, think_times="exponential"),
        slow=SlowSending(all=False, connections=2, pace_ns=3),
        timeout_ns=5,
    ),
    LoadPart(
        share=0,
        shares=1,
        endpoint=Endpoint(("127.0.0.1", 80), [(None, 7)]),
        requests=[WeightedRequest([b"GET / HTTP/1.1\r\n\r\n"], [200])],
        seed=0,
        pacing=OpenPacing(ramps=[(10**9, 0.0, 1e3)], arrivals="poisson", spin_ns=10_000),
        slow=SlowSending(all=True, connections=0, pace_ns=1),
        timeout_ns=10**9,
        stamped_every=1,
    ),
    IdlePart(
        Endpoint(("::1", 8080), [(None, 10_000), ("127.1.0.2", 9_000)]),
        b"GET / HTTP/1.1\r\n\r\n",
        512,
        10**9,
        "silent",
        10**9,
    ),
    Plan([PlannedWindow(1_700_000_000_000_000_001, 0, 10**9, 250_000_000)]),
    CountAlive(),
    Ready(),
    Recorded([Recorder().take(0, 10**9).to_bytes(), bytes(range(256))]),
    Finished(cut=[3, 1], dropped=[70_000, 0], rest=[b"", Recorder().take(0, 10**9).to_bytes()], carried_over=2),
    Drained(),
    OpenedSoFar(512),
    Opened(19_000, 1.25, 96.0, None),
    Opened(3, 0.5, 0.0, 'Too many open files: "\n"'),
    Alive(18_999),
]


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: type(message).__name__)
def test_a_message_comes_back_as_it_was_sent(message: Message) -> None:
    line = encode_message(message)
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    assert decode_message(line.rstrip(b"\n")) == message


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"hello",
        b"[]",
        b"[1]",
        b"1",
        b"null",
        b'"Ready"',
        b"{}",
        b'{"type": "Ready"',
        b'{"type": "Unheard"}',
        b'{"type": null}',
        b'{"type": []}',
        b'{"type": "Alive"}',
        b'{"type": "Alive", "alive": 1, "more": 2}',
        b"\xff\xfe",
        b"\0",
        b"Traceback (most recent call last):",
    ],
)
def test_a_line_of_something_else_is_malformed(line: bytes) -> None:
    with pytest.raises(MalformedMessage):
        decode_message(line)


@given(line=st.binary())
def test_random_bytes_are_malformed(line: bytes) -> None:
    with pytest.raises(MalformedMessage):
        decode_message(line)


def test_lines_are_cut_at_every_split() -> None:
    stream = b"one\n\ntwo\nrest"
    for cut in range(len(stream) + 1):
        lines = LineBuffer()
        assert lines.feed(stream[:cut]) + lines.feed(stream[cut:]) == [b"one", b"", b"two"]
        assert lines.feed(b"!\n") == [b"rest!"]


def test_messages_survive_a_pipe_that_brings_single_bytes() -> None:
    lines = LineBuffer()
    stream = b"".join(map(encode_message, MESSAGES))
    received = [decode_message(line) for byte in stream for line in lines.feed(bytes([byte]))]
    assert list(map(type, received)) == list(map(type, MESSAGES))
