"""One user's iterations, one after the other, when its worker's gate and pacing allow them."""

import time
import types
from collections.abc import Generator
from typing import Final

from loadlab.kernel.tasks import Cancelled
from loadlab.load.pacing import Pacing
from loadlab.recording.outcomes import Outcome
from loadlab.scenario.driving import drive
from loadlab.scenario.script import Script, ScriptError
from loadlab.scenario.timing import Stopwatch, record_end
from loadlab.scenario.tracebacks import format_trace
from loadlab.scenario.transport import UserTransport
from loadlab.scenario.user import User
from loadlab.scenario.worker_state import WorkerState

HOPELESS: Final = 100
"""When so many iterations of a worker have ended, all of them with an error of the scenario's own, it is given up."""


class Iterations:
    """The iterations of one user. `under_way` is whether one has been begun and has not ended."""

    def __init__(
        self,
        state: WorkerState,
        script: Script,
        user: User,
        transport: UserTransport,
        pacing: Pacing | None,
        number: int,
    ) -> None:
        """`number` is that of the user in its worker, by which `pacing` knows it."""
        self._state = state
        self._script = script
        self._user = user
        self._transport = transport
        self._pacing = pacing
        self._number = number
        self.under_way = False

    async def run(self) -> None:
        """Run one iteration after the other until cancelled. Raises ScriptError if the scenario is hopeless."""
        state = self._state
        while True:
            due_ns = await self._wait_turn()
            self.under_way = True
            stopwatch = Stopwatch(state.gate)
            error = await self.iterate()
            service_ns = stopwatch.elapsed_ns()
            lateness_ns = 0 if self._pacing is None else stopwatch.begun_ns - due_ns
            outcome = record_end(state.samples.iteration, error, lateness_ns, service_ns)
            self.under_way = False
            state.iterations += 1
            state.script_errors += outcome is Outcome.SCRIPT_ERROR
            if state.iterations == state.script_errors == HOPELESS and error is not None:
                trace = format_trace(error)
                raise ScriptError(f"all of the first {HOPELESS} iterations failed, the last one with:\n{trace}")
            error = None
            await state.loop.yield_now()  # an iteration may never have waited for anything

    @types.coroutine
    def _wait_turn(self) -> Generator[None, None, int]:
        """Suspend until an iteration is due; return when that was."""
        pacing, now_ns = self._pacing, time.monotonic_ns()
        if pacing is not None:
            return pacing.take_due(now_ns) or (yield from pacing.wait_turn(self._number, now_ns))
        if self._state.gate.shut:
            yield from self._state.gate.wait()
        return time.monotonic_ns()

    async def iterate(self) -> BaseException | None:
        """Run one iteration, whatever the gate says; return the error that it ended with."""
        try:
            await drive(self._script.iteration(self._user), self._state.watch)
        except (Cancelled, ScriptError):
            raise
        except (Exception, SystemExit) as error:
            return error
        finally:
            self._transport.abandon()
        return None
