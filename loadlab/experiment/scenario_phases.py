"""What of a scenario is outside of every window: setup before its users exist, on_stop and teardown behind them.

Setup and teardown are called once for a rig, each in a process of its own; each user takes its leave in its worker.
"""

import time
from contextlib import suppress
from typing import Final, Literal

from loadlab.errors import ScenarioError, TrialFailed
from loadlab.experiment.context import RunContext
from loadlab.experiment.ends import Ends
from loadlab.experiment.parts import NOTHING_SHARED, preparing_part
from loadlab.fleet.messages import Left, Message, Prepared, Ready
from loadlab.profile.scenario import ScenarioName, read_scenario
from loadlab.profile.schema import LoadProfile

_LONGEST_SETUP_SECONDS: Final = 600.0
_LEAVING_SECONDS: Final = 5.0  # beside the timeout of a request that may be under way


class ScenarioPhases:
    """The phases of one rig's scenario; without a scenario, or where it has no function for it, nothing happens.

    `shared` is what setup returned, as JSON. Each phase raises ScenarioError where it fails, and TrialFailed where a
    process or the target has ended.
    """

    def __init__(self, profile: LoadProfile, seed: int, context: RunContext, ends: Ends, workers: int) -> None:
        self.shared = NOTHING_SHARED
        self._profile = profile
        self._seed = seed
        self._context = context
        self._ends = ends
        self._workers = workers
        self._has: frozenset[str] = frozenset()
        if profile.load.scenario is not None:
            name = ScenarioName.parse(profile.load.scenario)
            self._has = read_scenario(name.file, name.function).has

    def set_up(self) -> None:
        """Call setup. Raises what the context's `check` raises, too."""
        if "setup" in self._has:
            self._prepare("setup", self._ends, _LONGEST_SETUP_SECONDS)

    def wait_ready(self) -> None:
        """Wait until the load workers are ready, however long the users of a scenario take to start."""
        if "on_start" in self._has:
            self._await("on_start of all users", Ready, self._workers, self._ends, _LONGEST_SETUP_SECONDS)
            return
        ready = set[str]()
        for event in self._ends.listen_while(
            lambda: len(ready) < self._workers,
            self._profile.load.timeout_ns / 1e9,
            lambda: {*self._ends.fleet.worker_names()} - ready,
        ):
            if isinstance(event.message, Ready):
                ready.add(event.sender)

    def take_leave(self) -> None:
        """Have all users take their leave (on_stop), for some seconds; what goes wrong is kept with what they print."""
        if "on_stop" not in self._has:
            return
        self._context.observer.phase("on_stop", None)
        problems: list[str] = []
        with suppress(TrialFailed, KeyboardInterrupt):
            try:
                self._ends.fleet.leave()
                left = self._await("on_stop", Left, self._workers, self._ends, self._leaving_seconds)
                problems = [problem for message in left if isinstance(message, Left) for problem in message.problems]
            except ScenarioError as error:
                problems = [str(error)]
        self._ends.fleet.keep_problems("on_stop", problems)

    def tear_down(self, in_order: bool) -> None:
        """Call teardown: `in_order` after all was measured, otherwise within a few seconds and whatever comes of it.

        Ctrl-C does not keep it from being called; a second one does.
        """
        if "teardown" not in self._has:
            return
        # Without a server behind it that has ended the target may still be asked.
        side, fleet = self._ends.side, self._ends.fleet
        ends = Ends(side, fleet, self._context.check_insistent, side.target.poll_exit)
        seconds = self._leaving_seconds if in_order else _LEAVING_SECONDS
        try:
            ends.fleet.end_workers()
            self._prepare("teardown", ends, seconds)
        except (TrialFailed, KeyboardInterrupt):
            pass  # there is nothing left to be torn down, or nobody who waits for it
        except ScenarioError:
            if in_order:
                raise

    @property
    def _leaving_seconds(self) -> float:
        return _LEAVING_SECONDS + self._profile.load.timeout_ns / 1e9

    def _prepare(self, phase: Literal["setup", "teardown"], ends: Ends, seconds: float) -> None:
        self._context.observer.phase(phase, None)
        target = self._ends.target
        part = preparing_part(self._profile, target.address, target.authority, self._seed, phase, self.shared)
        ends.fleet.prepare(part)
        try:
            (message,) = self._await(phase, Prepared, 1, ends, seconds)
        except ScenarioError as error:
            raise ScenarioError(f"{phase} failed:\n{error}") from None
        finally:
            ends.fleet.end_preparing()
        assert isinstance(message, Prepared)
        if phase == "setup":
            self.shared = message.shared

    def _await(self, what: str, kind: type[Message], count: int, ends: Ends, seconds: float) -> list[Message]:
        """Return so many messages of a kind. Raises ScenarioError where they have not come after some time."""
        found: list[Message] = []
        deadline_ns = time.monotonic_ns() + round(seconds * 1e9)
        for event in ends.listen_until(deadline_ns, lambda: len(found) == count):
            if isinstance(event.message, kind):
                found.append(event.message)
        if len(found) < count:
            raise ScenarioError(f"{what} did not come to an end within {seconds:.0f} s")
        return found
