from loadlab.report.arrangement import Arrangement, arrange
from loadlab.report.connection_memory import ALL_TOLD, PARTS, connection_table, describe_split
from loadlab.report.stacked import stack
from loadlab.results.model import RunDocument

DASH = "\N{EN DASH}"


def disturbed_at(million: RunDocument, dead: int) -> Arrangement:
    """The run, but with as many dead connections the target had less memory in use than before."""
    trials = [
        trial.model_copy(
            update={"connection_memory": trial.connection_memory.model_copy(update={"target_bytes": -2_000 * dead})}
        )
        if trial.connection_memory and trial.factors["load.idle"] == dead
        else trial
        for trial in million.trials
    ]
    return arrange(million.profile, trials)


def test_a_part_below_zero_leaves_the_trial_without_any_part(million: RunDocument) -> None:
    table = connection_table(disturbed_at(million, 1_000_000))
    assert table is not None
    *_, before, last = table.rows
    assert last == ("1,000,000 dead connections", *[DASH] * 4)
    assert before[1:] == ("6.15 KiB", "500 B", "250 B", "6.88 KiB")
    assert "No figures where a part came out below zero" in table.note


def test_the_note_on_it_stands_only_where_there_is_one(million: RunDocument) -> None:
    table = connection_table(arrange(million.profile, million.trials))
    assert table is not None
    assert "below zero" not in table.note


def test_a_disturbed_trial_is_neither_drawn_nor_told(million: RunDocument) -> None:
    arrangement = disturbed_at(million, 1_000_000)
    [told] = describe_split(arrangement)
    assert "1,000,000" not in told
    drawn = stack(arrangement, "Where it is", PARTS, "per connection")
    assert drawn is not None
    assert [heights[-1] for heights in drawn.panels[0].heights] == [None, None, None]
    assert ALL_TOLD.read(arrangement.settings[-1].trials[0]) is None
