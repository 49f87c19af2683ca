"""How often the load workers report within a window."""

from loadlab.experiment.window import interval_of

MS = 1_000_000
SECOND = 1000 * MS


def test_intervals_are_short_enough_for_progress_and_few_enough_for_long_runs() -> None:
    assert interval_of(300 * MS) == 250 * MS
    assert interval_of(4 * SECOND) == 500 * MS
    assert interval_of(60 * SECOND) == SECOND
    assert interval_of(86_400 * SECOND) == 86_400 * MS
