from loadlab.report.over_time.sockets import socket_panels

from ....over_time_run import STRETCHES, sockets_probe


def test_a_quiet_machine() -> None:
    panels = list(socket_panels(sockets_probe()))
    assert [panel.title for panel in panels] == [
        "TCP sockets of the machine",
        "Memory of TCP buffers",
        "TCP retransmits and drops",
    ]
    assert not any(panel.moved for panel in panels)
    sockets, buffers, _ = panels
    assert [line.values[0] for line in sockets.lines] == [10_032, 4, 0]
    assert buffers.lines[0].values == (9 * 1024,) * (STRETCHES + 1)


def test_a_single_segment_sent_again_is_shown_when_it_was() -> None:
    *_, trouble = socket_panels(sockets_probe(7, 7, 8, 8))
    assert trouble.moved
    assert trouble.lines[0].values == (0, 4, 0)


def test_readings_without_times_cannot_be_drawn() -> None:
    assert list(socket_panels(sockets_probe(timed=False))) == []
