"""What a run shows while it goes on: each trial as it ends; on a terminal also what is going on, and the time left."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import TracebackType
from typing import Final, Self

from rich.console import Console, ConsoleOptions, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from loadlab.cli.terminal import notify
from loadlab.experiment.context import SoFar, Unobserved
from loadlab.experiment.rounds import ROUND
from loadlab.profile.schema import LoadProfile
from loadlab.profile.sweep import Trial
from loadlab.results.trial import Scalar, TrialResult
from loadlab.results.vocabulary import ITERATIONS_OF_A_SCENARIO, REQUESTS, vocabulary_for, vocabulary_of
from loadlab.units import format_count, format_duration_ns

# Each refresh takes half a millisecond of a core that the client may be using.
_REFRESHES_PER_SECOND: Final = 4
_BAR_COLUMNS: Final = 20
# How the phases begin that open a pass under a profiler; those of the pass itself follow.
_PASSES: Final = ("tracing", "profiling")

# Until trials have been timed: starting and stopping processes, a profiler, and a microbenchmark.
_TRIAL_SECONDS: Final = 1.5
_PASS_SECONDS: Final = 2.5
_MICROBENCHMARK_SECONDS: Final = 1.5
_SLICE_SECONDS: Final = 0.03  # beside what is measured
_OPENED_PER_SECOND: Final = 20_000
_COUNTED_SECONDS: Final = 10.0  # for a number of requests


class RunProgress(Unobserved):
    """An observer that prints a line for each trial that ends; on a terminal two live lines stand below.

    Why a trial was not done is printed once for each reason; `known` are those that the user has read already.
    """

    def __init__(
        self,
        console: Console,
        trials: list[Trial],
        known: Iterable[str] = (),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._known = set(known)
        self._trials = trials
        self._begun = self._finished = 0
        self._time_left = TimeLeft(trials, clock)
        self._title = f"{len(trials)} trials" if len(trials) != 1 else "one trial"
        self._phase = ""
        self._fraction: float | None = None
        self._rate = ""
        self._words = REQUESTS
        self._pass = ""
        self._live = Live(
            console=console, refresh_per_second=_REFRESHES_PER_SECOND, transient=True, get_renderable=self.view
        )
        self._is_live = console.is_terminal

    def __enter__(self) -> Self:
        if self._is_live:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._is_live:
            self._live.stop()

    def trial_begins(self, trial: Trial) -> None:
        """Show the trial's number and factors."""
        self._time_left.begin(trial)
        if isinstance(trial.profile, LoadProfile):
            self._words = vocabulary_for(trial.profile.load.protocol)
        self._begun = max(self._begun, self._finished) + 1
        self._pass = ""
        self._title = f"{self._begun}/{len(self._trials)} {format_factors(trial.factors)}"

    def phase(self, name: str, fraction: float | None) -> None:
        """Show what the trial is doing; before the first one, that the client is being calibrated, by a trial too."""
        if not self._time_left.has_begun and not name.startswith("calibrating"):
            return
        if name.startswith(_PASSES):
            self._pass = name
        elif name == "closing":
            self._pass = ""
        elif name.startswith(ROUND):
            self._title = f"{self._begun - self._finished} trials in turn"
            self._time_left.measure_in_turn()
        elif self._pass:
            name = f"{self._pass}: {name}"
        if name != self._phase:
            self._rate = ""
        self._phase, self._fraction = name, fraction

    def so_far(self, measured: SoFar) -> None:
        """Show the rate of the last interval, with a scenario that of its iterations too."""
        self._rate = f"{format_count(measured.requests_per_second)} {self._words.rate}"
        if measured.iterations_per_second is not None:
            iterations = f"{format_count(measured.iterations_per_second)} {ITERATIONS_OF_A_SCENARIO.rate}"
            self._rate = f"{iterations}, {self._rate}"

    def trial_ended(self, result: TrialResult) -> None:
        """Print what came of the trial."""
        self._finished += 1
        self._time_left.end(result.state == "done")
        outcome = _describe(result)
        if (reason := self._news(result)) is not None:
            outcome += f": {reason}"
        notify(f"{self._finished}/{len(self._trials)} {format_factors(result.factors)}: {outcome}")

    def view(self) -> "LiveLines":
        """Return the live lines as they are now."""
        return LiveLines(self._title, self._time_left.text(), self._phase, self._fraction, self._rate)

    def _news(self, result: TrialResult) -> str | None:
        """Return why the trial was not done, None if it was, or if that has been printed."""
        if result.reason is None or result.reason in self._known:
            return None
        self._known.add(result.reason)
        return result.reason


class PhaseProgress(Unobserved):
    """An observer of trials that are not reported one by one: what goes on, on a terminal, and nothing elsewhere."""

    def __init__(self, console: Console) -> None:
        self._status = console.status("", spinner="dots")

    def __enter__(self) -> Self:
        self._status.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._status.stop()

    def phase(self, name: str, fraction: float | None) -> None:
        """Show the phases that are not the same in each trial."""
        if name.startswith("calibrating"):
            self._status.update(name)


class LiveLines:
    """Which trial and the time left; below, what it does and how fast. Each is drawn for the terminal's width then."""

    def __init__(self, title: str, left: str, phase: str, fraction: float | None = None, rate: str = "") -> None:
        self._title = title
        self._left = left
        self._phase = phase
        self._fraction = fraction
        self._rate = rate

    def __rich_console__(self, _console: Console, options: ConsoleOptions) -> Iterator[RenderableType]:
        width = options.max_width
        yield _line(_cut(self._title, width - len(self._left) - 1, "bold"), Text(self._left, style="dim"))
        bar_columns = min(_BAR_COLUMNS, width - len(self._phase) - len(self._rate) - 2)
        parts: list[RenderableType] = [Text(self._rate, style="green")] if self._rate else []
        if self._fraction is not None and bar_columns > 0:
            parts.insert(0, ProgressBar(1.0, self._fraction, width=bar_columns))
        yield _line(_cut(self._phase, width - len(self._rate) - 1), *parts)


class TimeLeft:
    """How long the trials will still take: as planned, stretched by how long what has ended has taken.

    Trials that are measured in turn are set up one after the other; then they are measured together.
    """

    def __init__(self, trials: Iterable[Trial], clock: Callable[[], float]) -> None:
        self._clock = clock
        self._planned_left = sum(_planned_seconds(trial) + _seconds_in_turn(trial) for trial in trials)
        self._in_turn = 0.0  # what is planned for those that have been set up
        self._measures_in_turn = False
        self._planned_done = 0.0
        self._took = 0.0
        self._current = 0.0
        self._current_began: float | None = None
        self.has_begun = False  # whether any trial has

    def begin(self, trial: Trial) -> None:
        """Note that a trial begins; one before that has not ended stands, to be measured in turn."""
        self.end()
        self._measures_in_turn = False
        self._in_turn += _seconds_in_turn(trial)
        self._current = _planned_seconds(trial)
        self._current_began = self._clock()
        self.has_begun = True

    def measure_in_turn(self) -> None:
        """Note that the trials that have been set up are being measured."""
        if not self._measures_in_turn:
            self.end()
            self._measures_in_turn = True
            self._current, self._in_turn = self._in_turn, 0.0
            self._current_began = self._clock()

    def end(self, done: bool = True) -> None:
        """Note that it has ended; one that was not done says nothing about how long others take."""
        if self._current_began is not None:
            if done:
                self._took += self._clock() - self._current_began
                self._planned_done += self._current
            self._planned_left -= self._current
            self._current_began = None

    def text(self) -> str:
        """Return it, such as `1:05 left`."""
        stretch = self._took / self._planned_done if self._planned_done else 1.0
        left = self._planned_left * stretch
        if self._current_began is not None:
            # A trial that takes longer than planned leaves to the others what they need.
            left -= min(self._clock() - self._current_began, self._current * stretch)
        seconds = max(0, round(left))
        hours, minutes = divmod(seconds // 60, 60)
        clock = f"{hours}:{minutes:02d}:{seconds % 60:02d}" if hours else f"{minutes}:{seconds % 60:02d}"
        return f"{clock} left"


def format_factors(factors: Mapping[str, Scalar]) -> str:
    """Return the swept settings of a trial in a few words, such as `server epoll, idle 19k`."""
    if not factors:
        return "the only trial"
    return ", ".join(f"{path.rpartition('.')[2]} {_format_value(value)}" for path, value in factors.items())


def _line(*parts: RenderableType) -> Table:
    line = Table.grid(padding=(0, 1))
    line.add_row(*parts)
    return line


def _cut(text: str, columns: int, style: str = "") -> Text:
    cut = Text(text, style=style, no_wrap=True)
    cut.truncate(columns, overflow="ellipsis")
    return cut


def _planned_seconds(trial: Trial) -> float:
    profile = trial.profile
    if not isinstance(profile, LoadProfile):
        return _MICROBENCHMARK_SECONDS
    load = profile.load
    if profile.in_rounds:
        return _TRIAL_SECONDS + load.idle / _OPENED_PER_SECOND + load.warmup_ns / 1e9
    measured = load.duration_ns / 1e9 if load.request_count is None else _COUNTED_SECONDS
    window = load.warmup_ns / 1e9 + measured
    # Of repeats only the first is watched by profilers, each in a window of its own.
    profilers = (profile.syscalls_tracer is not None) + ("cpu" in profile.probes) if trial.repeat == 1 else 0
    return _TRIAL_SECONDS + load.idle / _OPENED_PER_SECOND + window + profilers * (window + _PASS_SECONDS)


def _seconds_in_turn(trial: Trial) -> float:
    """Return how long a trial is measured in turn with others; 0 for one that is not."""
    profile = trial.profile
    if not isinstance(profile, LoadProfile) or not profile.in_rounds:
        return 0.0
    load = profile.load
    measured = load.duration_ns / 1e9 if load.request_count is None else _COUNTED_SECONDS
    return profile.rounds * (measured + _SLICE_SECONDS)


def _describe(result: TrialResult) -> str:
    if result.state != "done":
        return result.state
    verdict = result.verdict.state
    if result.requests_per_second is not None:
        rate = f"{format_count(result.requests_per_second)} {vocabulary_of([result]).rate}"
        if result.iterations is not None and result.iterations.requests_per_second is not None:
            iterations = f"{format_count(result.iterations.requests_per_second)} {ITERATIONS_OF_A_SCENARIO.rate}"
            rate = f"{iterations}, {rate}"
        return f"{verdict}, {rate}"
    return verdict if result.cost_ns is None else f"{verdict}, {format_duration_ns(result.cost_ns)}"


def _format_value(value: Scalar) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return format_count(value) if isinstance(value, int) else str(value)
