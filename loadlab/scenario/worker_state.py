"""What all users of a scenario in one worker share."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from loadlab.kernel.loop import Loop
from loadlab.load.pacing import Gate
from loadlab.load.stamping import Stamping
from loadlab.recording.recorder import Recorder
from loadlab.scenario.blocking import BlockingWatch
from loadlab.scenario.client import UrlCache
from loadlab.scenario.destinations import Destinations
from loadlab.scenario.samples import Samples
from loadlab.scenario.threads import Threads
from loadlab.scenario.tracing import Tracer

if TYPE_CHECKING:
    from loadlab.scenario.exchange import Exchange


@dataclass(slots=True)
class WorkerState:
    """Its loop and gate, where requests go, what is recorded, and who looks on.

    `shared` is what `setup` returned. `under_way` has when each request was begun that waits for its server, and
    `unrecorded` takes what does not count: the requests of `setup`, `on_start` and the like. Requests are sent again,
    with `retry`, where the server had ended the connection. A `tracer` is there for a single iteration that is shown.
    """

    loop: Loop
    gate: Gate
    samples: Samples
    destinations: Destinations
    threads: Threads
    watch: BlockingWatch
    stamping: Stamping
    timeout_ns: int
    retry: bool
    shared: Any = None
    tracer: Tracer | None = None
    unrecorded: Recorder = field(default_factory=Recorder)
    under_way: dict["Exchange", int] = field(default_factory=dict)
    urls: UrlCache = field(default_factory=dict)
    requests: int = 0  # that were sent
    iterations: int = 0  # that have ended
    script_errors: int = 0  # of these
