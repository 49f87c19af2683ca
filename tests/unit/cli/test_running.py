"""How a run ends the program, and what is printed below its table, from its document."""

import pytest

from loadlab.cli.ending import exit_code_of
from loadlab.cli.running import expectation_lines, hints
from loadlab.errors import ExitCode
from loadlab.results.directory import RunDirectory
from loadlab.results.verdict import Expectation, Judgement, Verdict


@pytest.mark.parametrize(
    ("interrupted", "verdict", "met", "accept_invalid", "code"),
    [
        (False, "valid", True, False, ExitCode.DONE),
        (False, "suspect", True, False, ExitCode.DONE),
        (False, "valid", False, False, ExitCode.EXPECTATION_FAILED),
        (False, "invalid", True, False, ExitCode.INVALID),
        (False, "invalid", False, False, ExitCode.INVALID),
        (False, "invalid", True, True, ExitCode.DONE),
        (False, "invalid", False, True, ExitCode.EXPECTATION_FAILED),
        (True, "valid", True, False, ExitCode.INTERRUPTED),
        (True, "invalid", False, True, ExitCode.INTERRUPTED),
    ],
)
def test_the_gravest_reason_decides(
    sample_run: RunDirectory,
    interrupted: bool,
    verdict: Judgement,
    met: bool,
    accept_invalid: bool,
    code: ExitCode,
) -> None:
    document = sample_run.read_document()
    expectation = Expectation(text="requests > 1", met=met, measured="1")
    trials = [document.trials[0].model_copy(update={"expectations": [expectation]})]
    changed = document.model_copy(update={"interrupted": interrupted, "verdict": verdict, "trials": trials})
    assert exit_code_of(changed, accept_invalid) is code


def expecting(*met: bool) -> list[Expectation]:
    return [Expectation(text="p99 < 1ms", met=each, measured="800 µs" if each else "3 ms") for each in met]


def test_an_expectation_that_all_trials_meet_takes_one_line(sample_run: RunDirectory) -> None:
    document = sample_run.read_document()
    trials = [trial.model_copy(update={"expectations": expecting(True)}) for trial in document.trials[:3]]
    assert list(expectation_lines(document.model_copy(update={"trials": trials, "expectations": []}))) == [
        "expectation met: p99 < 1ms, in all 3 trials"
    ]
    assert list(expectation_lines(document.model_copy(update={"trials": trials[:1], "expectations": []}))) == [
        "expectation met: p99 < 1ms, in the only trial"
    ]


def test_one_that_is_not_met_names_each_trial_and_its_figure(sample_run: RunDirectory) -> None:
    document = sample_run.read_document()
    first, second = (
        trial.model_copy(update={"id": number, "factors": {"load.idle": 5}, "expectations": expecting(met)})
        for number, met, trial in zip(("001", "002"), (True, False), document.trials, strict=False)
    )
    assert list(expectation_lines(document.model_copy(update={"trials": [first, second], "expectations": []}))) == [
        "expectation not met: p99 < 1ms, in trial 002 (idle 5): 3 ms"
    ]


def test_an_expectation_on_a_law_names_its_series(sample_run: RunDirectory) -> None:
    laws = [
        Expectation(text="slope < 1ns", met=True, measured="0.2 ns", series="epoll"),
        Expectation(text="slope < 1ns", met=False, measured="90 ns", series="select"),
    ]
    document = sample_run.read_document().model_copy(update={"trials": [], "expectations": laws})
    assert list(expectation_lines(document)) == [
        "expectation met: slope < 1ns, for epoll: 0.2 ns",
        "expectation not met: slope < 1ns, for select: 90 ns",
    ]


def test_only_servers_that_failed_are_to_be_run_alone(sample_run: RunDirectory) -> None:
    document = sample_run.read_document()
    reasons = [
        "target 'poll' ended with code 1 before it was ready: no memory",
        "target 'poll' was not ready within 10 s; it must print a READY line",
        "load worker 1 was killed by SIGKILL",
        None,
    ]
    trials = [
        trial.model_copy(update={"state": "failed", "reason": reason, "verdict": Verdict(state="invalid")})
        for trial, reason in zip(document.trials, reasons, strict=False)
    ]
    assert list(hints(document.model_copy(update={"trials": trials}))) == [
        "To see why poll failed, run it alone: loadlab serve poll"
    ]
