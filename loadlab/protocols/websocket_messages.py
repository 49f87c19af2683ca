"""What a server says over a WebSocket, message by message, for a client that looks into them, without I/O (RFC 6455).

The load itself only asks when an answer is complete (`websocket`). A scenario reads its messages: text as str, binary
ones as bytes. wsproto does the framing, and names what violates the protocol.
"""

from collections import deque
from typing import Final, NamedTuple, cast

from wsproto.frame_protocol import Frame, FrameProtocol, Opcode, ParseFailed

from loadlab.protocols.answers import MalformedResponse, ResponseTooLarge
from loadlab.protocols.websocket import MAX_MESSAGE_BYTES
from loadlab.protocols.websocket_frames import CLOSE, TOO_BIG, encode_close, encode_pong, find_extent

Message = str | bytes

_OPCODE_BITS: Final = 0xF
_DATA: Final = (Opcode.TEXT, Opcode.BINARY)


class Close(NamedTuple):
    """The code and the reason with which a WebSocket was closed."""

    code: int
    reason: str


class WebSocketMessages:
    """Reads what comes on one connection.

    `messages` are those that are complete and were not taken yet, and `reply` is what is to be sent to the server now;
    who sends it sets it to b"". `close` is what the server closed the WebSocket with; nothing is read behind it.
    """

    __slots__ = ("_frames", "_header", "_message_bytes", "_missing_bytes", "_pieces", "close", "messages", "reply")

    def __init__(self) -> None:
        self._frames = FrameProtocol(client=True, extensions=[])
        self._header = b""  # the beginning of a frame whose header is incomplete
        self._missing_bytes = 0  # of the frame that is being read
        self._message_bytes = 0  # of the message that is being read, as far as announced
        self._pieces: list[Message] = []
        self.messages: deque[Message] = deque()
        self.reply = b""
        self.close: Close | None = None

    def feed(self, data: bytes) -> None:
        """Take bytes, split anywhere. Raises MalformedResponse or ResponseTooLarge: nothing can be read any more."""
        position = min(self._missing_bytes, len(data))
        self._missing_bytes -= position
        self._read(data[:position])
        data, self._header = self._header + data, b""
        while position < len(data) and self.close is None:
            extent = find_extent(data, position)
            if extent is None:
                self._header = data[position:]
                return
            if data[position] & _OPCODE_BITS < CLOSE:
                self._message_bytes += extent.end - extent.payload
            if self._message_bytes > MAX_MESSAGE_BYTES:
                self.reply += encode_close(TOO_BIG)
                raise ResponseTooLarge(f"a message of more than {MAX_MESSAGE_BYTES >> 20} MiB")
            end = min(extent.end, len(data))
            self._missing_bytes = extent.end - end
            self._read(data[position:end])
            position = end

    def _read(self, data: bytes) -> None:
        """Have wsproto read a piece of one frame."""
        self._frames.receive_bytes(data)
        try:
            for frame in self._frames.received_frames():
                self._take(frame)
        except ParseFailed as error:
            self.reply += encode_close(error.code)
            raise MalformedResponse(f"invalid WebSocket frame: {error}") from None

    def _take(self, frame: Frame) -> None:
        """Take a frame, or of a data frame as much as has come."""
        if frame.opcode is Opcode.CLOSE:
            code, reason = cast(tuple[int, str], frame.payload)
            self.close = Close(int(code), reason)
            self.reply += encode_close(code)
        elif frame.opcode is Opcode.PING:
            self.reply += encode_pong(bytes(cast(bytes, frame.payload)))
        elif frame.opcode in _DATA:
            payload = frame.payload
            self._pieces.append(payload if isinstance(payload, str) else bytes(cast(bytes, payload)))
            if frame.message_finished:
                self.messages.append(_join(self._pieces))
                self._pieces, self._message_bytes = [], 0


def _join(pieces: list[Message]) -> Message:
    """Return a message, whose pieces are all text or all bytes."""
    if len(pieces) == 1:
        return pieces[0]
    return "".join(cast(list[str], pieces)) if isinstance(pieces[0], str) else b"".join(cast(list[bytes], pieces))
