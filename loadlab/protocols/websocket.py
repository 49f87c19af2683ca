"""The client side of an open WebSocket without I/O: bytes in, answers and what is to be replied out (RFC 6455).

A user sends a message and awaits so many messages, or one that matches. What else the server says, unasked or behind an
answer, is counted and dropped; pings are answered, and count for nothing.

Where a frame ends is found here. A message that comes whole, in one frame and one piece, is read here as well, in less
than a microsecond; so are pings. All else is wsproto's: fragments, frames in pieces, a close, and whatever violates the
protocol, which it names. It takes ten times as long, and kilobytes; so a connection has an object of wsproto's only
from a frame that needs one to the end of its message.
"""

import re
from typing import Final, cast

from wsproto.frame_protocol import Frame, FrameProtocol, Opcode, ParseFailed

from loadlab.protocols.answers import AnswerReader, MalformedResponse, ResponseCutShort, ResponseHead, ResponseTooLarge
from loadlab.protocols.close_codes import explain_close
from loadlab.protocols.websocket_frames import (
    CLOSE,
    LONGEST_CONTROL_PAYLOAD,
    MASKED,
    TOO_BIG,
    TWO_BYTES,
    WHOLE_BINARY,
    WHOLE_PING,
    WHOLE_PONG,
    WHOLE_TEXT,
    encode_close,
    encode_pong,
    find_extent,
    header_bytes,
)

MAX_MESSAGE_BYTES: Final = 64 << 20

_BUFFER_BYTES: Final = 64 * 1024
_SHOWN_BYTES: Final = 256
_LONG_FRAME: Final = 4 + TWO_BYTES  # the shortest frame whose header has more than two bytes

_ANSWERED: Final = ResponseHead(0, keep_alive=True)
_ANSWERED_AND_CLOSED: Final = ResponseHead(0, keep_alive=False)
_ANSWERED_BEFORE_NONSENSE: Final = ResponseHead(0, keep_alive=False, surplus=True)


class WebSocketAnswers:
    """What answers a message: so many `messages`, or as many that match the regular expression `matches`.

    It is searched in the text of a message, or in the bytes of a binary one as if they were Latin-1. `unasked` counts
    messages that are no part of an answer, `pings` those that were answered.
    """

    __slots__ = ("buffer", "farewell", "head", "is_one_message", "message", "messages", "pattern", "pings",
                 "unasked")  # fmt: skip

    speaks_unasked = True
    needs_sent = False

    def __init__(self, messages: int = 1, matches: str | None = None) -> None:
        self.messages = messages
        self.pattern = None if matches is None else re.compile(matches)
        self.is_one_message = messages == 1 and matches is None
        self.message: bytes | None = None
        self.head = _ANSWERED
        self.buffer = memoryview(bytearray(_BUFFER_BYTES))
        self.unasked = self.pings = 0
        self.farewell = encode_close()

    def new_reader(self) -> AnswerReader:
        """Return the reader of a new connection."""
        return WebSocketReader(self)

    def take_over(self, reader: AnswerReader) -> AnswerReader:
        """Return the reader of the next answer, of this kind, on the connection that `reader` has read so far."""
        assert isinstance(reader, WebSocketReader)
        reader.answers = self
        return reader


class WebSocketReader:
    """Reads what comes on one connection."""

    __slots__ = ("_began_unasked", "_frames", "_header", "_message_bytes", "_missing_bytes", "_missing_messages",
                 "_pieces", "_shown", "_within_message", "answers", "reply")  # fmt: skip

    sent = b""  # an answer need not repeat what was sent

    def __init__(self, answers: WebSocketAnswers) -> None:
        self.answers = answers
        self.reply = b""
        self._missing_messages = 0  # of the answer that is due; 0 if none is
        self._header = b""  # the beginning of a frame whose header is incomplete
        self._frames: FrameProtocol | None = None  # what reads a message that does not come whole
        self._missing_bytes = 0  # of the frame that it reads
        self._within_message = False  # whether it waits for more of a message, behind that frame
        self._message_bytes = 0  # of that message, as far as announced
        self._pieces: list[str | bytes] = []  # of that message, if it may have to match
        self._began_unasked = False  # whether what is under way began before there was a request to be answered
        self._shown = b""

    @property
    def begun(self) -> bool:
        """Whether a part of an answer has come."""
        return self._frames is not None or self._header != b"" or 0 < self._missing_messages < self.answers.messages

    def has_body(self, piece: bytes | memoryview) -> bool:
        """Return True: a message has no head that would be timed by itself."""
        return True

    @property
    def received(self) -> bytes:
        """The beginning of an incomplete answer, or of the piece with which the protocol was violated."""
        return self._shown

    def feed(self, data: bytes | memoryview) -> ResponseHead | None:
        """Take bytes, split anywhere; return the answer that they complete, or None while it is incomplete.

        What comes behind it in the same piece is dropped. If that ends the connection, the answer says so. Raises
        ResponseCutShort if the server closes the WebSocket, MalformedResponse, or ResponseTooLarge.
        """
        # A whole message in one frame and one piece, while nothing is under way: 0.4 us, where `_feed` takes 4.
        data = bytes(data)
        if self._frames is None and not self._header and data:
            size, first = len(data), data[0]
            if size < _LONG_FRAME:
                begin = 2 if size > 1 and data[1] == size - 2 < TWO_BYTES else 0
            else:
                begin = 4 if data[1] == TWO_BYTES and data[2] << 8 | data[3] == size - 4 else 0
            if begin and (first == WHOLE_BINARY or (first == WHOLE_TEXT and _is_text(data[begin:]))):
                answers = self.answers
                if not answers.is_one_message:
                    return self._feed_message(data, begin)
                answers.message, self._shown = data, b""
                self._missing_messages = 0
                return _ANSWERED
        return self._feed(data)

    def feed_end(self) -> ResponseHead:
        """Raise ResponseCutShort: the end of the stream completes no answer."""
        if self._is_between_frames:
            raise ResponseCutShort("the server ended the connection without closing the WebSocket")
        raise ResponseCutShort("the connection ended in the middle of a WebSocket message")

    def overhear(self, data: bytes) -> None:
        """Take bytes that came while no answer was due. Raises as `feed` does, also for the end of the stream."""
        if not data:
            self.feed_end()
        self._missing_messages = 0
        try:
            self._take(data)
        except (MalformedResponse, ResponseTooLarge):
            self._shown = data[:_SHOWN_BYTES]
            raise
        self._began_unasked = not self._is_between_frames

    @property
    def _is_between_frames(self) -> bool:
        return self._frames is None and not self._header

    def _feed_message(self, data: bytes, begin: int) -> ResponseHead | None:
        """Take a whole message, whose payload begins there."""
        answers = self.answers
        self._missing_messages = self._missing_messages or answers.messages
        self._finish_message([data[begin:].decode() if data[0] == WHOLE_TEXT else data[begin:]])
        if self._missing_messages:
            self._shown = data[:_SHOWN_BYTES]
            return None
        self._shown = b""
        if answers.messages == 1:
            answers.message = data
        return _ANSWERED

    def _feed(self, data: bytes) -> ResponseHead | None:
        answers, counted = self.answers, (self.answers.pings, self.answers.unasked)
        at_begin = self._is_between_frames and self._missing_messages in (0, answers.messages)
        self._missing_messages = self._missing_messages or answers.messages
        if at_begin:
            self._shown = data[:_SHOWN_BYTES]
        try:
            self._take(data)
        except ResponseCutShort:
            if self._missing_messages:
                raise
            return _ANSWERED_AND_CLOSED
        except (MalformedResponse, ResponseTooLarge):
            if self._missing_messages:
                self._shown = data[:_SHOWN_BYTES]
                raise
            return _ANSWERED_BEFORE_NONSENSE
        if self._missing_messages:
            return None
        self._began_unasked = not self._is_between_frames
        self._shown = b""
        if at_begin and self._is_between_frames and counted == (answers.pings, answers.unasked):
            answers.message = data
        return _ANSWERED

    def _take(self, data: bytes) -> None:
        """Take one frame after the other, and keep what is incomplete of the last."""
        position = min(self._missing_bytes, len(data))
        if position:
            self._missing_bytes -= position
            self._take_piece(data[:position])
        data, self._header = self._header + data, b""
        while position < len(data):
            extent = find_extent(data, position)
            if extent is None:
                self._header = data[position:]
                return
            end = min(extent.end, len(data))
            payload_bytes = extent.end - extent.payload
            first, second = data[position], data[position + 1]
            is_whole, is_data = end == extent.end and second < MASKED, first & 0xF < CLOSE
            if is_data and self._message_bytes + payload_bytes > MAX_MESSAGE_BYTES:
                self.reply += encode_close(TOO_BIG)
                raise ResponseTooLarge(f"a message of more than {MAX_MESSAGE_BYTES >> 20} MiB")
            if is_whole and first == WHOLE_PING and second <= LONGEST_CONTROL_PAYLOAD:
                self._answer_ping(data[extent.payload : end])
            elif is_whole and first == WHOLE_PONG and second <= LONGEST_CONTROL_PAYLOAD:
                pass
            elif (
                is_whole
                and self._frames is None
                and extent.payload - position == header_bytes(payload_bytes)
                and (first == WHOLE_BINARY or (first == WHOLE_TEXT and _is_text(data[extent.payload : end])))
            ):
                payload = data[extent.payload : end]
                self._finish_message([payload.decode() if first == WHOLE_TEXT and self.answers.pattern else payload])
            else:
                self._frames = self._frames or FrameProtocol(client=True, extensions=[])
                self._message_bytes += payload_bytes if is_data else 0
                self._missing_bytes = extent.end - end
                self._take_piece(data[position:end])
            if self._frames is None:
                self._began_unasked = False
            position = end

    def _take_piece(self, data: bytes) -> None:
        """Have wsproto read a piece of one frame."""
        frames = self._frames
        assert frames is not None
        frames.receive_bytes(data)
        try:
            for frame in frames.received_frames():
                self._take_frame(frame)
        except ParseFailed as error:
            self.reply += encode_close(error.code)
            raise MalformedResponse(f"invalid WebSocket frame: {error}") from None
        if not self._missing_bytes and not self._within_message:
            self._frames, self._began_unasked = None, False

    def _take_frame(self, frame: Frame) -> None:
        """Take a frame, or of a data frame as much as has come."""
        if frame.opcode is Opcode.CLOSE:
            code, reason = cast(tuple[int, str], frame.payload)
            self.reply += encode_close(code)
            raise ResponseCutShort(explain_close(code, reason), code)
        if frame.opcode is Opcode.PING:
            self._answer_ping(cast(bytes, frame.payload))
        if frame.opcode not in (Opcode.TEXT, Opcode.BINARY):
            return
        self._within_message = not frame.message_finished
        if self.answers.pattern is not None:
            self._pieces.append(cast(str | bytes, frame.payload))
        if frame.message_finished:
            pieces, self._pieces, self._message_bytes = self._pieces, [], 0
            self._finish_message(pieces)

    def _finish_message(self, pieces: list[str | bytes]) -> None:
        """Take a message as a part of the answer that is due, or as one that nobody has asked for."""
        pattern = self.answers.pattern
        if not self._missing_messages or self._began_unasked or (pattern and not pattern.search(_join(pieces))):
            self.answers.unasked += 1
        else:
            self._missing_messages -= 1
        self._began_unasked = False

    def _answer_ping(self, payload: bytes) -> None:
        self.reply += encode_pong(payload)
        self.answers.pings += 1


def _is_text(payload: bytes) -> bool:
    """Return whether it is UTF-8, as a text message has to be."""
    if payload.isascii():
        return True
    try:
        payload.decode()
    except UnicodeDecodeError:
        return False
    return True


def _join(pieces: list[str | bytes]) -> str:
    """Return a message as text, whose pieces are all text or all bytes."""
    return "".join(piece if isinstance(piece, str) else piece.decode("latin-1") for piece in pieces)
