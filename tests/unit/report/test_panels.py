import pytest

from loadlab.report.layout import arrange
from loadlab.report.measures import CPU_SYSTEM, CPU_USER, EVENTS_PER_WAIT, TIME
from loadlab.report.panels import Split, StackedChart, StackedPanel, stack
from loadlab.results.directory import RunDirectory


def chart(*heights_ns: float) -> StackedChart:
    """A panel of one bar for each, all of one part."""
    panels = tuple(StackedPanel(f"line {number}", ((height,),)) for number, height in enumerate(heights_ns))
    return StackedChart("CPU", ("User",), panels, TIME, "per request")


def test_a_panel_for_each_line_and_a_gap_where_nothing_was_measured(sample_run: RunDirectory) -> None:
    document = sample_run.read_document()
    found = stack(arrange(document.profile, document.trials), Split("CPU", (CPU_USER, CPU_SYSTEM), "per request"))
    assert found is not None
    assert found.parts == ("User", "System (kernel)")
    assert [panel.name for panel in found.panels] == ["select", "poll", "epoll"]
    user, system = found.panels[1].heights
    assert [height is None for height in user] == [False, False, False, True, True]
    assert len(found.panels[1].totals) == 3
    assert found.panels[1].totals[0] == (user[0] or 0) + (system[0] or 0) > 0


def test_what_nobody_measured_has_no_chart(sample_run: RunDirectory) -> None:
    document = sample_run.read_document()
    assert stack(arrange(document.profile, document.trials), Split("Waits", (EVENTS_PER_WAIT,), "")) is None


def test_panels_share_a_scale_unless_one_could_not_be_read_on_it() -> None:
    assert chart(10_000.0, 90_000.0).scale_is_shared
    assert not chart(10_000.0, 500_000.0).scale_is_shared


@pytest.mark.parametrize(("panels", "columns"), [(1, 1), (2, 2), (6, 3), (7, 4)])
def test_many_panels_are_small(panels: int, columns: int) -> None:
    assert chart(*[1000.0] * panels).columns == columns
