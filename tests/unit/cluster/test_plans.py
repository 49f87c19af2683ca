"""Plans on their way: how early they are sent, in whose time they are, and whether they were late."""

from typing import Final

import pytest

from loadlab.cluster.plans import PlanLead, late_by_ns, shifted
from loadlab.fleet.messages import Plan, PlannedWindow

MS: Final = 1_000_000


@pytest.mark.parametrize(
    ("took_ms", "lead_ms"),
    [
        ([], 200),  # nothing is known of the way
        ([3], 50),
        ([3, 8, 4], 80),
        ([40], 200),
        ([150], 300),
    ],
)
def test_the_lead_follows_the_slowest_plan(took_ms: list[int], lead_ms: int) -> None:
    lead = PlanLead()
    for took in took_ms:
        lead.note(took * MS)
    assert lead.lead_ns == lead_ms * MS


def test_a_plan_is_in_the_time_of_its_machine() -> None:
    plan = Plan([PlannedWindow(1_000 * MS, 5 * MS, 100 * MS, 50 * MS), PlannedWindow(2_000 * MS, 0, 10 * MS, 10 * MS)])
    assert [window.start_unix_ns for window in shifted(plan, -300 * MS).windows] == [700 * MS, 1_700 * MS]
    assert shifted(plan, 7).windows[0] == PlannedWindow(1_000 * MS + 7, 5 * MS, 100 * MS, 50 * MS)


def test_a_plan_is_late_once_its_first_window_has_begun() -> None:
    plan = Plan([PlannedWindow(1_000 * MS, 5 * MS, 100 * MS, 50 * MS)])
    assert late_by_ns(plan, 998 * MS) == 0
    assert late_by_ns(plan, 1_012 * MS) == 12 * MS
