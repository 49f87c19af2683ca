"""How a run ends the program, from its document."""

import pytest

from loadlab.cli.running import exit_code_of
from loadlab.errors import ExitCode
from loadlab.results.directory import RunDirectory
from loadlab.results.model import Expectation, Judgement


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
