"""Upkeep of idle connections: what comes on them is read, and answered if need be, without an object for each.

They are in an epoll set of their own, which is itself watched by the loop, as one descriptor (epoll(7)). So the loop
has nothing for a single connection, and ten thousand pings that come at once are one of its events. What this takes:

- In the kernel, 200 bytes for each connection: an `epitem` of 128 and an `eppoll_entry` of 72 (slabinfo(5), measured
  with 9,000). Hence connections on which nothing is expected are in no set.
- In this process, nothing while a connection is between two frames. In the middle of one it has an entry in a
  dictionary, and so it has while its peer does not take the answer to a ping.

The set is edge-triggered: a level-triggered one would be polled once more after each batch, only to report nothing, and
as pings mostly come one by one, that would be once for each. Each connection is read once in a turn, so that none that
sends without end keeps the others waiting; one that may have more to read has its next turn with the next batch. With
9,000 pings a second in six processes a ping takes 7.6 us of CPU time (benchmarks/idle_websockets.py).

What is only dropped is read into one buffer, as it came. With TLS it is not even decrypted: that would take what
OpenSSL has of a connection, tens of kilobytes for each.
"""

import os
import select
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from loadlab.kernel.loop import Loop
from loadlab.kernel.tls import TlsTransport
from loadlab.protocols.websocket_frames import Partial, encode_close, replies_to

# Connections attended to before other tasks have their turn: 2 ms or so.
_ATTENDED_AT_ONCE: Final = 256
_DROPPED_AT_ONCE: Final = 64 * 1024
_READ_AT_ONCE: Final = 16 * 1024
_READING: Final = select.EPOLLIN | select.EPOLLRDHUP | select.EPOLLET
_WRITING: Final = select.EPOLLOUT | select.EPOLLET
_ENDS: Final = select.EPOLLRDHUP | select.EPOLLHUP | select.EPOLLERR


class Upkeep:
    """Reads what comes on the connections that it takes. `on_end` is called to close one that has ended.

    If it `answers`, they are WebSockets, and pings and close frames are answered. Once a close frame was received, or
    sent by `start_closing`, `on_closing` is called, and the end of the connection left to the peer (RFC 6455, 7.1.1).
    If it does not, what comes is dropped. `pings` have been answered, and `received_bytes` have come: the encrypted
    ones, where what comes over TLS is dropped.
    """

    def __init__(
        self, loop: Loop, answers: bool, on_closing: Callable[[int], None], on_end: Callable[[int], None]
    ) -> None:
        self.pings = 0
        self.received_bytes = 0
        self._loop = loop
        self.answers = answers
        self._on_closing = on_closing
        self._on_end = on_end
        self._epoll = select.epoll()
        self._loop.register(self._epoll.fileno(), for_sending=False)
        self._dropped = [bytearray(_DROPPED_AT_ONCE)]
        self._sessions: dict[int, TlsTransport] = {}
        # By descriptor; few have an entry.
        self._unread: dict[int, bool] = {}  # that may have more to read; whether the peer has ended the connection
        self._partial: dict[int, Partial] = {}  # of a frame that has not come whole
        self._unsent: dict[int, bytes] = {}
        self._muted: set[int] = set()  # those that are sent nothing more; what comes on them is dropped

    def take(self, fd: int, session: TlsTransport | None = None, came: bytes = b"") -> None:
        """Take a connection, on which `came` has come already. Raises OSError as epoll_ctl(2) does."""
        self._epoll.register(fd, _READING)
        self.received_bytes += len(came)
        if self.answers:
            if session is not None:
                self._sessions[fd] = session
            if came:
                self._answer(fd, came)

    def start_closing(self, fd: int) -> None:
        """Send a close frame on a connection, if the peer takes it at once."""
        if fd not in self._muted and fd not in self._unsent:
            with suppress(OSError):
                self._write(fd, encode_close())
        self._muted.add(fd)
        self._on_closing(fd)

    def forget(self, fd: int) -> None:
        """Forget a connection that is about to be closed, which takes it out of epoll's set."""
        self._muted.discard(fd)
        for state in (self._sessions, self._unread, self._partial, self._unsent):
            state.pop(fd, None)

    async def run(self) -> None:
        """Attend to all connections until cancelled."""
        while True:
            if self.attend_nowait():
                await self._loop.yield_now()
            else:
                await self._loop.wait_event(self._epoll.fileno())

    def attend_nowait(self) -> bool:
        """Attend to connections on which something has come; return whether there may be more to do at once."""
        unread, self._unread = self._unread, {}
        for fd, ended in unread.items():
            self._attend(fd, ended)
        events = self._epoll.poll(0, _ATTENDED_AT_ONCE)
        for fd, event in events:
            self._attend(fd, event & _ENDS != 0)
        return len(events) == _ATTENDED_AT_ONCE or bool(self._unread)

    def close(self) -> None:
        """Close the epoll set, once no connection is in it any more; may be repeated."""
        if not self._epoll.closed:
            self._loop.unregister(self._epoll.fileno())
            self._epoll.close()

    def _attend(self, fd: int, ended: bool) -> None:
        try:
            if fd in self._unsent:
                self._send_rest(fd)
            elif self.answers and fd not in self._muted:
                self._read(fd, ended)
            else:
                self._drop(fd, ended)
        except BlockingIOError:
            return
        except OSError:
            self._on_end(fd)

    def _read(self, fd: int, ended: bool) -> None:
        session = self._sessions.get(fd)
        data = os.read(fd, _READ_AT_ONCE) if session is None else session.read(fd, _READ_AT_ONCE)
        if not data:
            self._on_end(fd)
            return
        # How much TLS has received is not known: it has no more when it says so.
        if ended or len(data) == _READ_AT_ONCE or session is not None:
            self._unread[fd] = ended
        self.received_bytes += len(data)
        self._answer(fd, data)

    def _drop(self, fd: int, ended: bool) -> None:
        dropped_bytes = os.readv(fd, self._dropped)
        if not dropped_bytes:
            self._on_end(fd)
            return
        if ended or dropped_bytes == _DROPPED_AT_ONCE:
            self._unread[fd] = ended
        if fd not in self._muted:
            self.received_bytes += dropped_bytes

    def _answer(self, fd: int, data: bytes) -> None:
        """Send what answers `data`, if anything; count the pings in it."""
        reply, pings, partial, closed = replies_to(data, self._partial.pop(fd, b""))
        if partial:
            self._partial[fd] = partial
        if reply and self._write(fd, reply):
            self.pings += pings
        if closed:
            self._muted.add(fd)
            self._on_closing(fd)

    def _write(self, fd: int, reply: bytes) -> bool:
        """Send `reply`, and return whether it will get there.

        What the peer does not take at once is sent when it does; until then nothing is read from it. Over TLS the rest
        of a record would have to go first, which nobody here waits for: such a peer, which has let its receive buffer
        fill up, is sent nothing more.
        """
        session = self._sessions.get(fd)
        try:
            sent_bytes = os.write(fd, reply) if session is None else session.write(fd, reply)
        except BlockingIOError:
            sent_bytes = 0
        if sent_bytes == len(reply):
            return True
        if session is not None:
            self._muted.add(fd)
            return False
        self._unsent[fd] = reply[sent_bytes:]
        self._epoll.modify(fd, _WRITING)
        return True

    def _send_rest(self, fd: int) -> None:
        rest = self._unsent[fd]
        sent_bytes = os.write(fd, rest)
        if sent_bytes < len(rest):
            self._unsent[fd] = rest[sent_bytes:]
            return
        del self._unsent[fd]
        self._epoll.modify(fd, _READING)  # reports what has come meanwhile
