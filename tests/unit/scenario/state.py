"""What the users of a worker share, for tests without a network; a user of it."""

from collections.abc import Mapping

from loadlab.kernel import Loop
from loadlab.kernel.sockets import PlainTransport
from loadlab.load.pacing import Gate
from loadlab.load.stamping import Stamping
from loadlab.recording.recorder import Metric, Snapshot
from loadlab.scenario.blocking import BlockingWatch
from loadlab.scenario.destinations import Destination, Destinations
from loadlab.scenario.pool import Pool
from loadlab.scenario.samples import Samples
from loadlab.scenario.threads import Threads
from loadlab.scenario.transport import UserTransport
from loadlab.scenario.user import User
from loadlab.scenario.worker_state import WorkerState

AUTHORITY = "127.0.0.1:8000"


def state_of(loop: Loop, is_open: bool = True, shared: object = None) -> WorkerState:
    """Return the state of a worker with its gate open."""
    threads = Threads(loop)
    target = Destination(("127.0.0.1", 8000), None, is_target=True)
    state = WorkerState(
        loop=loop,
        gate=Gate(loop),
        samples=Samples("checkout", frozenset(range(200, 400))),
        destinations=Destinations(loop, threads, target, AUTHORITY, []),
        threads=threads,
        watch=BlockingWatch(waited=lambda: 0),
        stamping=Stamping(),
        timeout_ns=1_000_000_000,
        retry=True,
        shared=shared,
    )
    if is_open:
        state.gate.open()
    return state


def transport_of(state: WorkerState) -> UserTransport:
    """Return the transport of a user who has no connection."""
    return UserTransport(state, Pool(state.loop, PlainTransport(state.loop), None))


def user_of(state: WorkerState, number: int = 0, data: Mapping[str, str] | None = None, seed: int = 1) -> User:
    """Return a user of a worker."""
    return User(state, transport_of(state), number, data or {}, seed)


def taken(state: WorkerState) -> dict[tuple[str, str], Snapshot]:
    """Return what was recorded since the last call, by level and name."""
    kinds = zip(state.samples.labels, state.samples.recorders, strict=True)
    return {label: recorder.take(0, 1, tuple(Metric)) for label, recorder in kinds}
