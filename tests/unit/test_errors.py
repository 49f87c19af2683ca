"""Errors that a user sees, shortened to what a table has room for."""

import pytest

from loadlab.errors import ScenarioError


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("setup did not come to an end within 600 s", "setup did not come to an end within 600 s"),
        ("shop.py:3 in checkout\n    user.data['x']\nKeyError: 'x'", "KeyError: 'x'"),
        (
            "setup failed:\nshop.py:3 in setup\n    r.raise_for_status()\nin httpx\nhttpx.HTTPStatusError: 4\nSee x",
            "httpx.HTTPStatusError: 4",
        ),
        ("shop.py:3 never waits and does not end:\n    while True:", "shop.py:3 never waits and does not end"),
    ],
)
def test_the_reason_of_a_scenario_that_cannot_be_run(text: str, reason: str) -> None:
    assert ScenarioError(text).reason == f"the scenario cannot be run: {reason}"
