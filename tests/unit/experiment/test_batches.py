"""Which trials stand at the same time on a machine that the test describes."""

import pytest

from loadlab.experiment.batches import plan_batches
from loadlab.host.requirements import ONE_END_BYTES
from loadlab.profile import LoadProfile, Trial, plan_trials

from ..host.machine import with_memory

GIB = 1 << 30


def trials(rounds: int = 5, **settings: object) -> list[Trial]:
    data = {
        "name": "x",
        "target": {"server": "epoll"},
        "load": {"connections": 1, "duration": "100ms"},
        "sweep": {"load.idle": [0, 5_000, 10_000, 15_000]},
        "rounds": rounds,
        **settings,
    }
    return plan_trials(LoadProfile.model_validate(data), seed=1)


def sizes(batches: list[list[Trial]]) -> list[int]:
    return [len(batch) for batch in batches]


def test_all_trials_stand_at_once_where_there_is_room() -> None:
    planned = trials()
    assert plan_batches(planned, with_memory(64 * GIB)) == [planned]


def test_what_does_not_fit_beside_the_others_stands_in_another_batch() -> None:
    batches = plan_batches(trials(), with_memory(GIB // 2))
    assert len(batches) > 1
    assert sum(sizes(batches)) == 4


def test_targets_on_another_machine_count_as_if_they_were_here() -> None:
    hosted = trials(target={"server": "epoll", "on": "db"})
    assert sizes(plan_batches(hosted, with_memory(GIB // 2))) == sizes(plan_batches(trials(), with_memory(GIB // 2)))


def test_trials_that_do_not_even_fit_alone_are_tried_alone() -> None:
    assert sizes(plan_batches(trials(), with_memory(1 << 20))) == [1, 1, 1, 1]


def test_without_rounds_each_trial_stands_alone() -> None:
    assert sizes(plan_batches(trials(rounds=1), with_memory(64 * GIB))) == [1, 1, 1, 1]


def test_each_repeat_stands_anew() -> None:
    batches = plan_batches(trials(repeat=2), with_memory(64 * GIB))
    assert [{trial.repeat for trial in batch} for batch in batches] == [{1}, {2}]


@pytest.mark.parametrize(
    "target",
    [
        {"address": "127.0.0.1:8000"},
        {"command": ["./server"], "address": "127.0.0.1:8000"},
    ],
)
def test_of_one_address_there_is_one_server_at_a_time(target: dict[str, object]) -> None:
    assert sizes(plan_batches(trials(target=target), with_memory(64 * GIB))) == [1, 1, 1, 1]


def test_one_that_is_not_possible_does_not_part_the_others() -> None:
    planned = trials(sweep={"load.idle": [0, 5_000, 40_000, 10_000]})
    together, alone = plan_batches(planned, with_memory(64 * GIB))
    assert [trial.factors["load.idle"] for trial in alone] == [40_000]
    assert len(together) == 3


def test_with_load_from_other_machines_their_memory_counts_as_well() -> None:
    planned = trials()
    assert plan_batches(planned, with_memory(64 * GIB), client_bytes=GIB) == [planned]
    assert sizes(plan_batches(planned, with_memory(GIB // 2), client_bytes=GIB)) == [4]  # the targets alone are here
    apart = plan_batches(planned, with_memory(64 * GIB), client_bytes=round(26_000 * ONE_END_BYTES / 0.6))
    assert len(apart) > 1
    assert sum(sizes(apart)) == 4
