import pytest

from loadlab.report.over_time.movement import rate_moved, state_moved

SECONDS = [0.25 * number for number in range(13)]


@pytest.mark.parametrize(
    ("counts", "moved"),
    [
        ([1000] * 12, False),
        ([1000, 1040, 960, 1010, 990, 1030, 970, 1000, 1020, 980, 1010, 990], False),
        ([1000] * 6 + [2000] * 6, True),
        ([1000 + 100 * number for number in range(12)], True),
        ([10] * 6 + [20] * 6, False),  # 40 a second more: of no consequence
        ([0] * 12, False),
        ([0] * 6 + [1000] * 6, True),
    ],
)
def test_a_rate_moves_when_it_changes_for_good_and_by_something_that_counts(counts: list[int], moved: bool) -> None:
    assert rate_moved(counts, SECONDS, least=100) is moved


def test_of_few_stretches_nobody_can_tell() -> None:
    assert rate_moved([1000, 1000, 9000, 9000], SECONDS[:5], least=100) is False


@pytest.mark.parametrize(
    ("values", "moved"),
    [
        ([100, 100.5, 100], False),
        ([100, 104], False),
        ([100, 120], True),
        ([None, None], False),
        ([100, None, 50], True),
    ],
)
def test_a_state_moves_when_it_differs_by_enough(values: list[float | None], moved: bool) -> None:
    assert state_moved(values, least=1, share=0.05) is moved
