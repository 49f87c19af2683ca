"""What is printed of each trial as it ends, and what stands below on a terminal meanwhile."""

import io
from collections.abc import Sequence
from pathlib import Path

import pytest
from rich.console import Console

from loadlab.cli.progress import LiveLines, RunProgress, TimeLeft
from loadlab.experiment.context import SoFar
from loadlab.profile import LoadProfile, Trial, plan_trials
from loadlab.recording.histogram import Histogram
from loadlab.results.trial import TrialState

from ...scenario_runs import write_shop
from ...trials import make_trial

NOBODY = "nothing listens at 127.0.0.1:9; start the server first"


def trials_of(**more: object) -> list[Trial]:
    profile = {
        "name": "x",
        "target": {"server": "epoll"},
        "load": {"connections": 1, "duration": "8s", "warmup": "500ms"},
        "sweep": {"load.idle": [0, 1000, 5000]},
    }
    return sorted(plan_trials(LoadProfile.model_validate(profile | more), seed=1), key=lambda trial: trial.id)


@pytest.fixture(autouse=True)
def printed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    lines: list[str] = []
    monkeypatch.setattr("loadlab.cli.progress.notify", lines.append)
    return lines


def end_three(states: Sequence[TrialState], reason: str, known: tuple[str, ...] = (), terminal: bool = False) -> None:
    """Have three trials end, those that are not done for the same reason."""
    console = Console(file=io.StringIO(), force_terminal=terminal)
    progress = RunProgress(console, trials_of(), known=known)
    for idle, state in zip((0, 1000, 5000), states, strict=True):
        why = None if state == "done" else reason
        ended = make_trial(factors={"load.idle": idle}, state=state, reason=why)
        progress.trial_ended(ended.model_copy(update={"requests_per_second": 12_300.0 if why is None else None}))


@pytest.mark.parametrize("terminal", [False, True])
def test_each_trial_is_reported_and_each_reason_once(printed: list[str], terminal: bool) -> None:
    end_three(("done", "failed", "failed"), "the server ended", terminal=terminal)
    assert printed == [
        "1/3 idle 0: valid, 12.3k req/s",
        "2/3 idle 1k: failed: the server ended",
        "3/3 idle 5k: failed",
    ]


def test_a_reason_that_the_user_knows_is_not_repeated(printed: list[str]) -> None:
    end_three(("not possible",) * 3, NOBODY, known=(NOBODY,))
    assert printed == [f"{number}/3 idle {idle}: not possible" for number, idle in ((1, "0"), (2, "1k"), (3, "5k"))]


def test_a_microbenchmark_has_its_cost(printed: list[str]) -> None:
    progress = RunProgress(Console(file=io.StringIO()), trials_of())
    progress.trial_ended(make_trial("suspect", cost_ns=1234.0))
    assert printed == ["1/3 the only trial: suspect, 1.23 µs"]


def test_a_scenario_has_its_iterations_beside_requests(printed: list[str], tmp_path: Path) -> None:
    [trial] = write_shop(tmp_path).read_document().trials
    RunProgress(Console(file=io.StringIO()), trials_of()).trial_ended(trial)
    assert printed == ["1/3 the only trial: suspect, 500 iterations/s, 2k req/s"]


def drawn(view: LiveLines | RunProgress, width: int) -> list[str]:
    console = Console(width=width, color_system=None)
    with console.capture() as capture:
        console.print(view.view() if isinstance(view, RunProgress) else view)
    return [line.rstrip() for line in capture.get().splitlines()]


@pytest.mark.parametrize("width", [30, 50, 80, 200])
@pytest.mark.parametrize("fraction", [None, 0.0, 0.5, 1.0])
def test_two_lines_fit_every_width(width: int, fraction: float | None) -> None:
    view = LiveLines(
        "113/225 server epoll-processes, idle 19k, pool 16", "1:02:03 left", "measuring", fraction, "12.3k req/s"
    )
    first, second = drawn(view, width)
    assert first.endswith("1:02:03 left")
    assert first.startswith("113/225 server")
    assert second.startswith("measuring")
    assert second.endswith("12.3k req/s")
    assert max(len(first), len(second)) <= width


def test_a_long_phase_gives_up_its_end_and_the_bar_before_the_rate() -> None:
    view = LiveLines(
        "1/1 the only trial", "0:10 left", "tracing with bpftrace: opening connections: 19,000", 0.5, "9 req/s"
    )
    _, second = drawn(view, 40)
    assert second == "tracing with bpftrace: opening \N{HORIZONTAL ELLIPSIS} 9 req/s"


def test_phases_of_a_pass_carry_its_name_until_the_next_trial() -> None:
    trials = trials_of()
    progress = RunProgress(Console(file=io.StringIO(), force_terminal=True), trials, clock=lambda: 0.0)
    progress.phase("warming up", None)
    assert drawn(progress, 80)[1] == ""
    progress.phase("calibrating at 4,000 req/s", None)
    progress.phase("warming up", None)
    assert drawn(progress, 80)[1] == "calibrating at 4,000 req/s"
    progress.trial_begins(trials[0])
    progress.phase("measuring", 0.5)
    progress.so_far(SoFar(9000.0, 4_500, 0, Histogram()))
    assert drawn(progress, 80)[1].endswith("9k req/s")
    progress.so_far(SoFar(9000.0, 4_500, 0, Histogram(), iterations_per_second=1_800.0))
    assert drawn(progress, 80)[1].endswith("1.8k iterations/s, 9k req/s")
    progress.phase("tracing with perf", None)
    progress.phase("warming up", None)
    assert drawn(progress, 80)[1] == "tracing with perf: warming up"
    progress.phase("tracing with perf", 0.1)
    assert drawn(progress, 80)[1].startswith("tracing with perf \N{BOX DRAWINGS HEAVY HORIZONTAL}")
    progress.phase("closing", None)
    assert drawn(progress, 80)[1] == "closing"
    progress.trial_begins(trials[1])
    progress.phase("warming up", None)
    assert drawn(progress, 80)[1] == "warming up"


class Clock:
    seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def test_the_time_left_counts_the_passes_under_profilers() -> None:
    clock = Clock()
    plain, probed = TimeLeft(trials_of(), clock), TimeLeft(trials_of(probes="all"), clock)
    assert plain.text() == "0:30 left"
    assert probed.text() == "1:36 left"
    # Of repeats only the first is watched.
    assert TimeLeft(trials_of(probes="all", repeat=2), clock).text() == "2:07 left"


def test_a_trial_that_is_not_possible_does_not_make_the_others_quicker() -> None:
    clock = Clock()
    first, *_ = trials = trials_of()
    left = TimeLeft(trials, clock)
    left.begin(first)
    left.end(done=False)
    assert left.text() == "0:20 left"


def test_the_time_left_follows_how_long_trials_take() -> None:
    clock = Clock()
    trials = trials_of(sweep={"load.duration": ["8s", "18s"]})
    *short, long = sorted(trials, key=lambda trial: trial.factors["load.duration"] != "8s")
    left = TimeLeft(trials, clock)
    for trial in short:
        left.begin(trial)
        clock.seconds += 20.0  # twice as long as planned
        left.end()
    left.begin(long)
    assert left.text() == "0:40 left"
    clock.seconds += 10.0
    assert left.text() == "0:30 left"
    clock.seconds += 100.0
    assert left.text() == "0:00 left"


def test_trials_in_turn_are_set_up_one_after_the_other_and_then_measured_together() -> None:
    clock = Clock()
    trials = trials_of(sweep={"load.idle": [0, 20_000]}, rounds=100)
    left = TimeLeft(trials, clock)
    planned = left.text()
    for trial in trials:
        left.begin(trial)
        clock.seconds += 2.5
    left.measure_in_turn()
    measuring = left.text()
    assert planned != measuring
    clock.seconds += 60.0
    left.measure_in_turn()
    assert left.text() != measuring
    clock.seconds += 10_000.0
    for _ in trials:
        left.end()
    assert left.text() == "0:00 left"
