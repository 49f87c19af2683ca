"""What is told of each trial as it ends, on a terminal and elsewhere."""

import io

import pytest
from rich.console import Console

from loadlab.cli.progress import RunProgress
from loadlab.profile import LoadProfile, plan_trials
from loadlab.results.model import TrialResult, TrialState, Verdict

NOBODY = "nobody listens at 127.0.0.1:9; start the server first"
SWEPT = LoadProfile.model_validate(
    {
        "name": "x",
        "target": {"server": "epoll"},
        "load": {"connections": 1, "duration": "1s"},
        "sweep": {"load.idle": [0, 1000, 5000]},
    }
)


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    lines: list[str] = []
    monkeypatch.setattr("loadlab.cli.progress.tell", lines.append)
    return lines


def end_three(states: tuple[TrialState, ...], reason: str, known: tuple[str, ...] = (), terminal: bool = False) -> None:
    """Have three trials end, those that are not done for the same reason."""
    console = Console(file=io.StringIO(), force_terminal=terminal)
    progress = RunProgress(console, plan_trials(SWEPT, seed=1), told=known)
    for idle, state in zip((0, 1000, 5000), states, strict=True):
        why = None if state == "done" else reason
        ended = TrialResult(
            id="001", repeat=1, factors={"load.idle": idle}, state=state, reason=why, verdict=Verdict(state="valid")
        )
        progress.trial_ended(ended.model_copy(update={"requests_per_second": 12_300.0 if why is None else None}))


def test_each_trial_is_told_and_each_reason_once(told: list[str]) -> None:
    end_three(("done", "failed", "failed"), "the server ended")
    assert told == [
        "1/3 idle 0: done, valid 12.3k req/s",
        "2/3 idle 1k: failed: the server ended",
        "3/3 idle 5k: failed",
    ]


def test_a_reason_that_the_user_knows_is_not_repeated(told: list[str]) -> None:
    end_three(("not possible",) * 3, NOBODY, known=(NOBODY,))
    assert told == [f"{number}/3 idle {idle}: not possible" for number, idle in ((1, "0"), (2, "1k"), (3, "5k"))]


def test_on_a_terminal_only_news_is_told(told: list[str]) -> None:
    end_three(("done", "failed", "failed"), "the server ended", terminal=True)
    end_three(("not possible",) * 3, NOBODY, known=(NOBODY,), terminal=True)
    assert told == ["2/3 idle 1k: failed: the server ended"]
