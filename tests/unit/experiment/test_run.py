"""Which trials are measured again, and what is kept of their attempts; the trials themselves are made up."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from loadlab.errors import ClusterFailed, ScenarioError
from loadlab.experiment import run
from loadlab.experiment.context import RunContext, Unobserved, resources_of_host
from loadlab.experiment.run import Experiment, mask_result
from loadlab.profile import load_profile, plan_trials
from loadlab.profile.masking import Masker
from loadlab.profile.sweep import Trial
from loadlab.results.directory import RunDirectory
from loadlab.results.latency_log import LatencyInterval
from loadlab.results.requests import BlockingCode, FailureSample
from loadlab.results.run import RunDocument
from loadlab.results.trial import TrialResult, TrialState
from loadlab.results.verdict import Verdict

from ...trials import make_trial

PROFILE = """\
name: again
target: {server: epoll}
load: {connections: 1, duration: 1s}
sweep: {load.idle: [0, 1, 2, 3, 4, 5]}
retries: 2
seed: 1
"""


class MadeUp:
    """Stands in for a trial that is measured."""

    def __init__(self, trial: Trial, *_: Any, **__: Any) -> None:  # noqa: ANN401 - as a TrialRun has them
        self._trial = trial

    def measure(self) -> None:
        """Do nothing."""

    def result(self, state: TrialState, reason: str | None) -> TrialResult:
        """Return a trial that ended so, as far as the experiment is concerned."""
        return make_trial(
            id=self._trial.id,
            factors=self._trial.factors,
            state=state,
            reason=reason,
            verdict=Verdict(state="valid"),
            window_ns=0,
        )

    def latency_intervals(self) -> Iterator[LatencyInterval]:
        """Return none."""
        return iter(())


class Lost(MadeUp):
    """Stands in for trials of which the second loses a client machine."""

    def measure(self) -> None:
        """Fail, if it is the second."""
        if self._trial.id == "002":
            raise ClusterFailed("client machine two has been lost")


def measured(
    folder: Path, monkeypatch: pytest.MonkeyPatch, spoiled: list[bool], made_up: type[MadeUp] = MadeUp
) -> RunDocument:
    """Run the profile where the attempts come out as `spoiled` says, in their order, and all others clean."""
    outcomes = iter(spoiled)
    monkeypatch.setattr(run, "TrialRun", made_up)
    monkeypatch.setattr(run, "spoiled_by_machine", lambda _result: next(outcomes, False))
    path = folder / "again.yaml"
    path.write_text(PROFILE)
    loaded = load_profile(path)
    directory = RunDirectory.create(folder / "reports", "again", PROFILE, datetime.now(UTC))
    context = RunContext(resources_of_host(), Unobserved(), lambda: None)
    trials = plan_trials(loaded.profile, 1)
    return Experiment(loaded, 1, ["loadlab"], context, directory).run(trials, calibrates=False)


def attempts(results: list[TrialResult]) -> list[tuple[str, int]]:
    return [(result.id, result.attempt) for result in results]


def test_a_spoiled_trial_is_measured_again_until_it_is_clean(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    document = measured(tmp_path, monkeypatch, [False, True, True, False])
    assert attempts(document.trials)[:3] == [("001", 1), ("002", 3), ("003", 1)]
    assert attempts(document.spoiled) == [("002", 1), ("002", 2)]


def test_the_last_attempt_counts_even_if_it_is_spoiled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    document = measured(tmp_path, monkeypatch, [True, True, True])
    assert attempts(document.trials)[:2] == [("001", 3), ("002", 1)]
    assert len(document.spoiled) == 2


def test_a_machine_that_spoils_everything_is_taken_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    document = measured(tmp_path, monkeypatch, [True] * 100)
    assert [result.attempt for result in document.trials] == [3, 3, 3, 1, 1, 1]


def test_once_it_is_clean_again_trials_are_worth_another_attempt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    document = measured(tmp_path, monkeypatch, [True] * 9 + [False] + [True] * 3)
    assert [result.attempt for result in document.trials] == [3, 3, 3, 1, 3, 1]


def test_a_client_machine_that_is_lost_ends_the_run_and_is_named_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    document = measured(tmp_path, monkeypatch, [], Lost)
    assert [trial.state for trial in document.trials] == ["done", "failed"]
    assert document.trials[1].reason == "client machine two has been lost"
    assert (document.trials_planned, document.interrupted, document.verdict) == (6, False, "invalid")
    assert document.finished is not None


def test_what_a_scenario_says_of_credentials_is_masked() -> None:
    masker = Masker(("geheim77",))
    sample = FailureSample(
        outcome="script_error",
        kind="checkout",
        reason="KeyError: 'geheim77'",
        traceback="shop.py:3 in checkout\n    log_in('geheim77')",
        after_ns=1,
        reused=False,
    )
    line = BlockingCode(where="shop.py:4", code="hash('geheim77')", times=1, longest_ns=60_000_000)
    masked = mask_result(make_trial(failure_samples=[sample], blocking=[line]), masker)
    assert "geheim77" not in masked.model_dump_json()
    assert masked.failure_samples[0].traceback == "shop.py:3 in checkout\n    log_in('***')"
    assert str(ScenarioError("ValueError: geheim77").masked(masker.mask)) == "ValueError: ***"
