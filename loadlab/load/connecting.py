"""A connection for users that open one now and then: connected, encrypted and recorded."""

import socket
import time

from loadlab.kernel.loop import Loop
from loadlab.kernel.sockets import discard, wait_connected
from loadlab.kernel.tls import TlsTransport
from loadlab.load.exchange import Exchange
from loadlab.load.failures import connecting_failure
from loadlab.recording.recorder import Recorder


async def wait_connection(
    loop: Loop, exchange: Exchange, tls: TlsTransport | None, recorder: Recorder
) -> socket.socket | None:
    """Return a connection that is registered with the loop; None after counting the request as failed.

    Connection and TLS handshake have the exchange's timeout together.
    """
    begun_ns = time.monotonic_ns()
    sock, ready, failure = None, False, connecting_failure(TimeoutError())
    try:
        with loop.time_scope(exchange.timeout_ns):
            sock = await wait_connected(loop, exchange.address, exchange.source)
            connected_ns = time.monotonic_ns()
            recorder.connect.append(connected_ns - begun_ns)
            if tls is not None:
                await tls.wait_handshake(sock)
                recorder.handshake.append(time.monotonic_ns() - connected_ns)
            ready = True
    except OSError as error:
        failure = connecting_failure(error)
    finally:
        if sock is not None and not ready:
            discard(loop, sock)
    if ready:
        recorder.opened += 1
        return sock
    after_ns = time.monotonic_ns() - begun_ns
    recorder.fail_to_connect(failure.outcome, failure.reason, failure.errno, after_ns)
    recorder.outcomes[failure.outcome] += 1
    return None
