"""What a run shows while it goes on: which trial, how far, requests a second now, time left."""

import time
from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import Final, Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from loadlab.cli.terminal import tell
from loadlab.profile.schema import LoadProfile
from loadlab.profile.sweep import Trial
from loadlab.results.model import Scalar, TrialResult
from loadlab.units import format_count

# Each refresh costs this process a few milliseconds of a core that the load may be using.
_REFRESHES_PER_SECOND: Final = 4
# Starting and stopping the processes of a trial, until measured.
_GUESSED_OVERHEAD_SECONDS: Final = 1.5


class RunProgress:
    """An observer that draws one live line on a terminal, and elsewhere prints one line for each trial.

    Why a trial was not done is told on both, and each reason once; `told` are those that the user knows already.
    """

    def __init__(self, console: Console, trials: list[Trial], told: Iterable[str] = ()) -> None:
        self._console = console
        self._told = set(told)
        self._trials = trials
        self._finished = 0
        self._began = time.monotonic()
        self._progress = Progress(
            TextColumn("{task.fields[trial]}", style="bold", markup=False),
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=20),
            TextColumn("{task.fields[rate]}", style="green"),
            TextColumn("{task.fields[left]}", style="dim"),
            console=console,
            refresh_per_second=_REFRESHES_PER_SECOND,
            transient=True,
            disable=not console.is_terminal,
        )
        self._task = self._progress.add_task("", trial="", rate="", left="", total=1.0)

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def trial_begins(self, trial: Trial) -> None:
        """Show the trial's number and factors."""
        title = f"{trial.id}/{len(self._trials):03d} {format_factors(trial.factors)}"
        self._progress.update(self._task, trial=title, rate="", left=self._left(), completed=0)

    def phase(self, name: str, fraction: float | None) -> None:
        """Show what the trial is doing."""
        self._progress.update(self._task, description=name, completed=fraction or 0.0, left=self._left())

    def rate(self, requests_per_second: float) -> None:
        """Show the rate of the last interval."""
        self._progress.update(self._task, rate=f"{format_count(requests_per_second)} req/s")

    def trial_ended(self, result: TrialResult) -> None:
        """Count the trial, and tell of it where there is something to tell."""
        self._finished += 1
        outcome = result.state if result.reason is not None else _describe_done(result)
        if (reason := self._news(result)) is not None:
            outcome += f": {reason}"
        elif self._console.is_terminal:
            return
        tell(f"{self._finished}/{len(self._trials)} {format_factors(result.factors)}: {outcome}")

    def _news(self, result: TrialResult) -> str | None:
        """Return why the trial was not done, None if it was, or if that has been told."""
        if result.reason is None or result.reason in self._told:
            return None
        self._told.add(result.reason)
        return result.reason

    def _left(self) -> str:
        if self._finished:
            each = (time.monotonic() - self._began) / self._finished
        else:
            profile = self._trials[0].profile
            window_ns = profile.load.warmup_ns + profile.load.duration_ns if isinstance(profile, LoadProfile) else 0
            each = window_ns / 1e9 + _GUESSED_OVERHEAD_SECONDS
        ends = self._began + each * len(self._trials)
        seconds = max(0, round(ends - time.monotonic()))
        return f"{seconds // 60}:{seconds % 60:02d} left"


class PhaseProgress:
    """An observer of trials that are not told of one by one: what goes on, on a terminal, and nothing elsewhere."""

    def __init__(self, console: Console) -> None:
        self._status = console.status("", spinner="dots")

    def __enter__(self) -> Self:
        self._status.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._status.stop()

    def trial_begins(self, trial: Trial) -> None:
        """Show nothing."""

    def phase(self, name: str, fraction: float | None) -> None:
        """Show the phases that are not the same in each trial."""
        if name.startswith("calibrating"):
            self._status.update(name)

    def rate(self, requests_per_second: float) -> None:
        """Show nothing."""

    def trial_ended(self, result: TrialResult) -> None:
        """Show nothing."""


def format_factors(factors: Mapping[str, Scalar]) -> str:
    """Return the swept settings of a trial in a few words, such as `server epoll, idle 19k`."""
    if not factors:
        return "the only trial"
    return ", ".join(f"{path.rpartition('.')[2]} {_format_value(value)}" for path, value in factors.items())


def _describe_done(result: TrialResult) -> str:
    rate = "" if result.requests_per_second is None else f" {format_count(result.requests_per_second)} req/s"
    return f"{result.state}, {result.verdict.state}{rate}"


def _format_value(value: Scalar) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return format_count(value) if isinstance(value, int) else str(value)
