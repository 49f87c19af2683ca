import pytest

from loadlab.report.sections.over_time.panels import (
    TimePanel,
    process_panels,
    rate_changed,
    socket_panels,
    state_changed,
)
from loadlab.results.probe_data import ProcfsProbe

from .....over_time_run import MIB, STRETCH_NS, STRETCHES, sockets_probe, state, stretch

SECONDS = [0.25 * number for number in range(13)]


@pytest.mark.parametrize(
    ("counts", "changed"),
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
def test_a_rate_moves_when_it_changes_for_good_and_by_something_that_counts(counts: list[int], changed: bool) -> None:
    assert rate_changed(counts, SECONDS, least=100) is changed


def test_of_few_stretches_nobody_can_tell() -> None:
    assert rate_changed([1000, 1000, 9000, 9000], SECONDS[:5], least=100) is False


@pytest.mark.parametrize(
    ("values", "changed"),
    [
        ([100, 100.5, 100], False),
        ([100, 104], False),
        ([100, 120], True),
        ([None, None], False),
        ([100, None, 50], True),
    ],
)
def test_a_state_moves_when_it_differs_by_enough(values: list[float | None], changed: bool) -> None:
    assert state_changed(values, least=1, share=0.05) is changed


def panels_of(probe: ProcfsProbe) -> dict[str, TimePanel]:
    return {panel.title: panel for panel in process_panels(probe)}


@pytest.fixture
def quiet() -> ProcfsProbe:
    stretches = [stretch() for _ in range(STRETCHES)]
    return ProcfsProbe(target=stretches, client=stretches, target_at_start=state(), client_at_start=state())


def test_each_side_has_its_panels(quiet: ProcfsProbe) -> None:
    panels = panels_of(quiet)
    assert list(panels) == [
        f"{title} of the {side}"
        for title in ("CPU", "Context switches", "Run-queue wait", "Memory", "Threads", "Open descriptors")
        for side in ("target", "client")
    ]
    assert not any(panel.changed for panel in panels.values())


def test_what_was_used_is_a_rate_between_two_moments(quiet: ProcfsProbe) -> None:
    panels = panels_of(quiet)
    cpu = panels["CPU of the target"]
    assert (cpu.shape, cpu.unit) == ("stack", "cores")
    assert len(cpu.seconds) == STRETCHES + 1
    assert [(line.name, line.values[0]) for line in cpu.lines] == [("user", 0.2), ("system", 0.6)]
    assert [line.values[0] for line in panels["Context switches of the client"].lines] == [1600, 400]
    assert panels["Run-queue wait of the client"].lines[0].values[0] == 4.0


def test_little_cpu_time_is_drawn_undivided(quiet: ProcfsProbe) -> None:
    idle = [stretch(cpu_user_ns=0, cpu_system_ns=STRETCH_NS // 10) for _ in range(STRETCHES)]
    cpu = panels_of(quiet.model_copy(update={"target": idle}))["CPU of the target"]
    [line] = cpu.lines
    assert (cpu.shape, line.name, line.values) == ("steps", "", (0.1,) * STRETCHES)


def test_what_there_was_is_a_state_at_each_moment(quiet: ProcfsProbe) -> None:
    memory = panels_of(quiet)["Memory of the target"]
    assert memory.shape == "points"
    rss, pss = memory.lines
    assert rss.values == (20,) * (STRETCHES + 1)
    assert pss.values == (15, *[None] * STRETCHES)


def test_stretches_of_different_lengths_have_their_own_rates() -> None:
    stretches = [stretch(), stretch(window_ns=2 * STRETCH_NS), stretch()]
    cpu = panels_of(ProcfsProbe(target=stretches, client=stretches))["CPU of the target"]
    assert cpu.lines[0].values == (0.2, 0.1, 0.2)
    assert cpu.seconds == (0.0, 0.25, 0.75, 1.0)


def test_what_moves_is_told_by_its_panel_alone(quiet: ProcfsProbe) -> None:
    grows = [stretch(rss_bytes=(20 + number) * MIB) for number in range(STRETCHES)]
    burns = [stretch(cpu_user_ns=STRETCH_NS // (5 if number < 4 else 2)) for number in range(STRETCHES)]
    forks = [stretch(threads=1 + number // 7) for number in range(STRETCHES)]
    for changed, title in ((grows, "Memory"), (burns, "CPU"), (forks, "Threads")):
        panels = panels_of(quiet.model_copy(update={"target": changed}))
        assert [panel.title for panel in panels.values() if panel.changed] == [f"{title} of the target"]


def test_a_run_of_before_there_were_states_begins_them_with_the_first_stretch() -> None:
    stretches = [stretch(open_descriptors=None) for _ in range(STRETCHES)]
    panels = panels_of(ProcfsProbe(target=stretches, client=stretches))
    assert panels["Memory of the target"].seconds[0] == 0.25
    assert len(panels["Memory of the target"].lines[0].values) == STRETCHES
    assert "Open descriptors of the target" not in panels


def test_a_side_without_processes_here_or_without_a_course_is_left_out(quiet: ProcfsProbe) -> None:
    elsewhere = [stretch(processes=0) for _ in range(STRETCHES)]
    for target in (elsewhere, [stretch()]):
        panels = panels_of(quiet.model_copy(update={"target": target}))
        assert {title.rpartition(" ")[2] for title in panels} == {"client"}


def test_a_quiet_machine() -> None:
    panels = list(socket_panels(sockets_probe()))
    assert [panel.title for panel in panels] == [
        "TCP sockets of the machine",
        "Memory of TCP buffers",
        "TCP retransmits and drops",
    ]
    assert not any(panel.changed for panel in panels)
    sockets, buffers, _ = panels
    assert [line.values[0] for line in sockets.lines] == [10_032, 4, 0]
    assert buffers.lines[0].values == (9 * 1024,) * (STRETCHES + 1)


def test_a_single_segment_sent_again_is_shown_when_it_was() -> None:
    *_, trouble = socket_panels(sockets_probe(7, 7, 8, 8))
    assert trouble.changed
    assert trouble.lines[0].values == (0, 4, 0)


def test_readings_without_times_cannot_be_drawn() -> None:
    assert list(socket_panels(sockets_probe(timed=False))) == []
