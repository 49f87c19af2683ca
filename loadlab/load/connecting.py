"""A connection for users that open one now and then: connected, encrypted and recorded."""

import socket
import time

from loadlab.kernel.loop import Loop
from loadlab.kernel.sockets import Address, discard, wait_connected
from loadlab.kernel.tls import TlsTransport
from loadlab.load.exchange import Exchange
from loadlab.load.failures import Failure, connecting_failure
from loadlab.recording.recorder import Recorder


async def wait_connection(
    loop: Loop, exchange: Exchange, tls: TlsTransport | None, recorder: Recorder
) -> socket.socket | None:
    """Return a connection that is registered with the loop; None after counting the request as failed.

    Connection and TLS handshake have the exchange's timeout together.
    """
    made = await try_connection(loop, exchange.address, exchange.source, exchange.timeout_ns, tls, recorder)
    if isinstance(made, Failure):
        recorder.outcomes[made.outcome] += 1
        return None
    return made


async def try_connection(
    loop: Loop, address: Address, source: str | None, timeout_ns: int, tls: TlsTransport | None, recorder: Recorder
) -> socket.socket | Failure:
    """Return a connection to `address` that is registered with the loop, or why there is none; count the attempt.

    It leaves from the local address `source`, if that is not None.
    """
    begun_ns = time.monotonic_ns()
    sock, ready, failure = None, False, connecting_failure(TimeoutError())
    try:
        with loop.time_scope(timeout_ns):
            sock = await wait_connected(loop, address, source)
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
    if ready and sock is not None:
        recorder.opened += 1
        return sock
    after_ns = time.monotonic_ns() - begun_ns
    recorder.fail_to_connect(failure.outcome, failure.reason, failure.errno, after_ns)
    return failure
