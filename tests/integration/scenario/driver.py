"""One user of a scenario in this process, whose functions are those of a test."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from loadlab.kernel import Loop, run
from loadlab.kernel.sockets import Address, PlainTransport
from loadlab.kernel.tls import TlsClient
from loadlab.load.pacing import Gate
from loadlab.load.stamping import Stamping
from loadlab.recording.recorder import Metric, Snapshot
from loadlab.scenario.blocking import BlockingWatch
from loadlab.scenario.destinations import Destination, Destinations
from loadlab.scenario.driving import drive
from loadlab.scenario.pool import Pool
from loadlab.scenario.samples import Samples
from loadlab.scenario.threads import Threads
from loadlab.scenario.tracing import Tracer
from loadlab.scenario.transport import UserTransport
from loadlab.scenario.user import User
from loadlab.scenario.worker_state import WorkerState

T = TypeVar("T")

MS = 1_000_000


@dataclass(slots=True)
class Stage:
    """A user, and what its worker has."""

    loop: Loop
    user: User
    state: WorkerState
    transport: UserTransport

    def snapshot(self, name: str) -> Snapshot:
        """Return what was recorded of the requests of that name."""
        number = self.state.samples.labels.index(("request", name))
        return self.state.samples.recorders[number].take(0, 0, tuple(Metric))


def play(
    address: Address,
    function: Callable[[Stage], Awaitable[T]],
    timeout_ns: int = 20_000 * MS,
    tls: TlsClient | None = None,
    tracer: Tracer | None = None,
) -> T:
    """Return what `function` returns, which is driven as an iteration is."""

    async def main(loop: Loop) -> T:
        gate = Gate(loop)
        gate.open()
        threads = Threads(loop)
        port = address[1] if isinstance(address, tuple) else 80
        destinations = Destinations(loop, threads, Destination(address, tls, True), f"localhost:{port}", ())
        state = WorkerState(
            loop=loop,
            gate=gate,
            samples=Samples("iteration", frozenset(range(200, 400))),
            destinations=destinations,
            threads=threads,
            watch=BlockingWatch(),
            stamping=Stamping(),
            timeout_ns=timeout_ns,
            retry=True,
            tracer=tracer,
        )
        transport = UserTransport(state, Pool(loop, PlainTransport(loop), None))
        stage = Stage(loop, User(state, transport, 0, {}, 1), state, transport)

        async def call() -> T:
            return await function(stage)

        try:
            return await drive(call(), state.watch)
        finally:
            transport.abandon()
            threads.close()

    return run(main)
