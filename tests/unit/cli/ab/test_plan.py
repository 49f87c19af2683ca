"""When a comparison ends, and what it must not find."""

from typing import Any

import pytest

from loadlab.cli.ab.options import PlanOptions
from loadlab.cli.ab.plan import Plan, check_conditions, make_plan
from loadlab.errors import ProfileError
from loadlab.results.paired import Difference


def plan_of(has_rate: bool = False, **options: Any) -> Plan:  # noqa: ANN401 - any option
    return make_plan(PlanOptions(**options), has_rate)


def test_the_defaults() -> None:
    plan = plan_of()
    assert (plan.on, plan.within, plan.at_most_ns, plan.slice_ns) == (
        "requests_per_second", 0.02, 60_000_000_000, 100_000_000,
    )  # fmt: skip
    # At a rate both answer as many requests as are sent.
    assert plan_of(has_rate=True).on == "response_ns.p50"


def test_options_are_read() -> None:
    plan = plan_of(on="cpu_per_request", within="0", at_most="2m", slice="50ms", fail_if=("p99 worse by 10%",))
    assert (plan.on, plan.within, plan.at_most_ns, plan.slice_ns) == (
        "target.cpu_ns_per_request", 0.0, 120_000_000_000, 50_000_000,
    )  # fmt: skip
    assert [condition.metric for condition in plan.conditions] == ["response_ns.p99"]


@pytest.mark.parametrize(
    ("options", "mistake"),
    [
        ({"on": "thruput"}, "--on thruput: 'thruput' is not compared; write one of throughput, cpu_per_request, p50"),
        ({"on": "p98"}, "--on p98: p98 is not recorded"),
        ({"within": "2"}, "--within 2: '2' is not a percentage; write 2%"),
        ({"within": "100%"}, "--within 100%: must be below 100%"),
        ({"at_most": "60"}, "--at-most 60: '60' has no unit; write 60s"),
        ({"slice": "1ms"}, "--slice 1ms: must be at least 20ms: changing sides would take longer"),
        ({"slice": "10s"}, "--at-most 60s has no room for 5 slices of 10s of each"),
        ({"fail_if": ("p99 > 3ms",)}, "--fail-if p99 > 3ms: 'p99 > 3ms' is not a condition"),
    ],
)
def test_a_mistake_names_its_option(options: dict[str, Any], mistake: str) -> None:
    with pytest.raises(ProfileError) as raised:
        plan_of(**options)
    [line] = raised.value.mistakes
    assert line.startswith(mistake)


def test_every_mistake_is_reported() -> None:
    with pytest.raises(ProfileError) as raised:
        plan_of(on="nothing", within="x", fail_if=("a", "b"))
    assert len(raised.value.mistakes) == 4


@pytest.mark.parametrize(
    ("interval", "fails_if_unsure", "met", "measured"),
    [
        ((0.12, 0.2), False, False, "B is worse by 12 % to 20 % (95 %)"),
        ((0.02, 0.05), False, True, "B is worse by 2 % to 5 % (95 %)"),
        ((0.04, 0.14), False, True, "not sure: B is worse by 4 % to 14 % (95 %); a longer --at-most narrows it"),
        ((0.04, 0.14), True, False, "not sure: B is worse by 4 % to 14 % (95 %); a longer --at-most narrows it"),
        (None, False, True, "not sure: B was not measured with an interval; a longer --at-most narrows it"),
    ],
)
def test_a_condition_fails_only_where_the_interval_shows_it(
    interval: tuple[float, float] | None, fails_if_unsure: bool, met: bool, measured: str
) -> None:
    plan = plan_of(fail_if=("p99 worse by 10%",), fail_if_unsure=fails_if_unsure)
    [checked] = check_conditions(plan, [Difference(metric="response_ns.p99", interval=interval)])
    assert (checked.text, checked.met) == ("not p99 worse by 10%", met)
    assert checked.measured.replace("\N{NO-BREAK SPACE}", " ") == measured
