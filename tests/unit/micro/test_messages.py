"""What a worker is to measure, and how a mistake in it is reported."""

import pytest

from loadlab.errors import LoadlabError
from loadlab.micro.messages import (
    ChannelKind,
    Method,
    MicroFigures,
    SwitchCostPart,
    Unit,
    WaitCostPart,
    decode_part,
)


@pytest.mark.parametrize(
    "part",
    [
        WaitCostPart(method=Method.EPOLL, descriptors=1000, channel=ChannelKind.EVENTFD, active=3, writes=7),
        SwitchCostPart(unit=Unit.BARE_COROUTINE, count=5),
    ],
)
def test_a_part_is_read_as_it_was_written(part: WaitCostPart | SwitchCostPart) -> None:
    assert decode_part(part.model_dump_json()) == part


def test_what_is_left_out_has_a_default() -> None:
    part = decode_part('{"kind": "wait-cost", "method": "poll", "descriptors": 10}')
    assert part == WaitCostPart(
        method=Method.POLL, descriptors=10, channel=ChannelKind.PIPE, active=1, writes=0, calls=2000
    )


def test_figures_are_read_as_they_were_written() -> None:
    figures = MicroFigures(cost_ns=1.5, cost_ns_min=1.0, overhead_ns=0.5, repeats=3, bytes_per_unit=7.25)
    assert MicroFigures.model_validate_json(figures.model_dump_json()) == figures


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("", "JSON"),
        ('{"kind": "nap-cost"}', "'wait-cost', 'switch-cost'"),
        ('{"kind": "switch-cost", "unit": "fibre", "count": 1}', "unit: Input should be 'call', 'generator'"),
        ('{"kind": "switch-cost", "unit": "call", "count": 0}', "count: Input should be greater than or equal to 1"),
        ('{"kind": "switch-cost", "unit": "call", "count": 1, "cores": 2}', "cores: Extra inputs are not permitted"),
        ('{"kind": "wait-cost", "method": "poll", "descriptors": 2, "active": 3}', "3 cannot be active among 2"),
    ],
)
def test_a_mistake_is_reported(line: str, expected: str) -> None:
    with pytest.raises(LoadlabError, match="not a part of a microbenchmark") as caught:
        decode_part(line)
    assert expected in str(caught.value)
    assert "\n" not in str(caught.value)


def test_every_mistake_is_reported() -> None:
    with pytest.raises(LoadlabError) as caught:
        decode_part('{"kind": "wait-cost", "method": "kqueue", "descriptors": -1}')
    assert "method" in str(caught.value)
    assert "descriptors" in str(caught.value)
