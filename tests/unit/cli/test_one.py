import pytest

from loadlab.cli.one import exit_code_of
from loadlab.errors import ExitCode


@pytest.mark.parametrize(
    ("ends", "failed", "code"),
    [
        ({"setup": "ok", "on_start": "ok", "checkout": "ok", "on_stop": "ok", "teardown": "ok"}, 0, ExitCode.DONE),
        ({"checkout": "ok"}, 1, ExitCode.EXPECTATION_FAILED),
        ({"checkout": "timeout"}, 0, ExitCode.EXPECTATION_FAILED),
        ({"checkout": "script_error"}, 0, ExitCode.USAGE),
        ({"setup": "refused"}, 1, ExitCode.USAGE),
        ({"checkout": "ok", "on_stop": "script_error"}, 0, ExitCode.USAGE),
    ],
)
def test_how_the_functions_end_is_how_the_program_ends(ends: dict[str, str], failed: int, code: ExitCode) -> None:
    assert exit_code_of(ends, "checkout", failed) is code
