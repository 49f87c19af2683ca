"""A load worker process that runs a scenario, `python -m loadlab.fleet.scenario_worker`.

It executes the user's file, makes its users and waits for its plan as any load worker; or it calls `setup` or
`teardown`, or runs a single iteration that is shown. What the file prints does not mix with the messages.
"""

import gc
import io
import os
import sys
from typing import Final

from loadlab.fleet.channel import Channel
from loadlab.fleet.crew import Crew, carry_out
from loadlab.fleet.messages import (
    Blocking,
    CheckCount,
    KindLabel,
    Leave,
    Left,
    LoadPart,
    Plan,
    Prepared,
    Ready,
    ScenarioFailed,
    ScenarioPart,
    Traced,
)
from loadlab.kernel import Loop, run
from loadlab.scenario.blocking import BlockingWatch
from loadlab.scenario.load import Place, ScenarioLoad
from loadlab.scenario.samples import Check
from loadlab.scenario.script import ScriptError
from loadlab.scenario.sources import UserLine
from loadlab.scenario.tracing import Tracer

_STDOUT: Final = 1
_STDERR: Final = 2
# Without cycles the net number of new objects hardly grows, so that nearly nothing is ever collected; by default all
# that thousands of users have in flight was looked through again and again, for up to 0.1 s.
_GC_THRESHOLDS: Final = (50_000, 10, 5)


async def work(loop: Loop) -> None:
    """Serve one LoadPart with a scenario; end when the coordinator does."""
    channel = Channel(loop, messages_fd=take_output())
    part = await channel.receive()
    if not isinstance(part, LoadPart) or part.scenario is None:
        return
    watch = BlockingWatch(on_stuck=lambda line: give_up(channel, line))
    watch.start()
    try:
        match part.scenario.phase:
            case "load":
                await carry_load(loop, channel, ScenarioCrew(loop, part, part.scenario, watch))
            case "trace":
                await show_iteration(loop, channel, part, part.scenario, watch)
            case "setup" | "teardown" as name:
                crew = ScenarioCrew(loop, part, part.scenario, watch)
                channel.send(Prepared(await crew.load.call_shared(name)))
    except* ScriptError as errors:
        channel.send(ScenarioFailed(str(_first(errors))))
    await channel.drain()


async def carry_load(loop: Loop, channel: Channel, crew: "ScenarioCrew") -> None:
    """Open the users' connections, and let them iterate in the windows to come."""
    await crew.load.open()
    # What exists is frozen. httpx and scenarios do make cycles, so they are still looked for among what comes.
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_GC_THRESHOLDS)
    async with loop.task_group() as group:
        crew.start(group)
        channel.send(Ready())
        while (message := await channel.receive()) is not None:
            match message:
                case Plan():
                    group.start(carry_out(loop, channel, crew, message), "windows")
                case Leave():
                    channel.send(Left(await crew.load.leave()))
        leave_at_once()


async def show_iteration(
    loop: Loop, channel: Channel, part: LoadPart, scenario: ScenarioPart, watch: BlockingWatch
) -> None:
    """Run one iteration of one user, with all that belongs to it, and report what it does as it happens."""
    tracer = Tracer(lambda event: channel.send(Traced(event)))
    sys.stdout = PrintedText(tracer)
    crew = ScenarioCrew(loop, part, scenario, watch, tracer)
    crew.gate.open()
    await crew.load.show_iteration()
    channel.send(Left())


class ScenarioCrew(Crew):
    """The users of a scenario. Kinds are found while it runs; the first is the whole iteration."""

    load: ScenarioLoad

    def __init__(
        self, loop: Loop, part: LoadPart, scenario: ScenarioPart, watch: BlockingWatch, tracer: Tracer | None = None
    ) -> None:
        endpoint = part.endpoint
        super().__init__(loop, part, sum(users for _, users in endpoint.sources))
        place = Place(
            share=part.share,
            shares=part.shares,
            seed=part.seed,
            address=endpoint.address,
            tls=self.tls,
            sources=endpoint.sources,
            timeout_ns=part.timeout_ns,
            retry=part.retry,
            keeps=not part.per_request,
        )
        self.load = ScenarioLoad(loop, scenario, place, self.gate, self.stamping, watch, self.pacing, tracer)
        self.recorders = self.load.samples.recorders

    def cut(self) -> list[int]:
        """Return of which kinds is what the end of the window finds under way: requests and iterations."""
        return [*self.kinds_in_flight(), *[0] * self.load.iterations_under_way]

    def never_sent(self, dropped: int) -> list[int]:
        """Return of which kinds that is what was due, so many times, and was not begun: iterations."""
        return [0] * dropped

    def answered(self) -> int:
        """Return how many requests were answered as expected and have not been taken yet."""
        return self.load.samples.answered()

    def labels(self) -> list[KindLabel]:
        """Return the names of the kinds that were found so far."""
        return [KindLabel(level, name) for level, name in self.load.samples.labels]

    def checks(self) -> list[CheckCount]:
        """Return what was checked since the last call."""
        checks = self.load.samples.checks
        counts = [CheckCount(name, check.passed, check.failed) for name, check in checks.items()]
        checks.update((name, Check()) for name in checks)
        return counts

    def blocking(self) -> list[Blocking]:
        """Return the lines that held this worker up since the last call."""
        return [Blocking(each.where, each.code, each.times, each.longest_ns) for each in self.load.watch.take()]


class PrintedText(io.TextIOBase):
    """Standard output of a scenario whose only iteration is shown."""

    def __init__(self, tracer: Tracer) -> None:
        self._tracer = tracer

    def write(self, text: str) -> int:
        """Report what was printed."""
        self._tracer.printed(text)
        return len(text)


def take_output() -> int:
    """Return a descriptor for messages in place of standard output; what a scenario prints goes to standard error."""
    messages_fd = os.dup(_STDOUT)
    os.dup2(_STDERR, _STDOUT)
    sys.stdout = sys.stderr
    return messages_fd


def give_up(channel: Channel, line: UserLine) -> None:
    """End this process in the middle of a line of the scenario that does not come to an end, and say so."""
    reason = f"{line.where} does not come to an end, and no other user has its turn meanwhile"
    channel.send(ScenarioFailed(f"{line.where}\n    {line.code}\n{reason}"))
    leave_at_once()


def leave_at_once() -> None:
    """End this process without unwinding the scenario, whose own clean-up may wait for what never comes."""
    sys.stderr.flush()
    os._exit(0)


def _first(errors: BaseExceptionGroup[ScriptError]) -> BaseException:
    """Return the first of the errors in a group."""
    first: BaseException = errors
    while isinstance(first, BaseExceptionGroup):
        first = first.exceptions[0]
    return first


if __name__ == "__main__":
    run(work)
