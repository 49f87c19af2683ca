"""Paired differences: what they are, that drift and stalls do not decide, and when a comparison may end."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from loadlab.analysis.pairs import StoppingRule, compare_pairs, differences
from loadlab.recording.histogram import Histogram
from loadlab.results.paired import Difference
from loadlab.results.trial import Round


def slices(rates: Sequence[float | None], **others: Any) -> list[Round]:  # noqa: ANN401 - any field of a round
    return [
        Round(at=index * 0.2, window_ns=100_000_000, requests_per_second=rate, **{"requests": 1000, **others})
        for index, rate in enumerate(rates)
    ]


def folded(values: Sequence[float]) -> Histogram:
    histogram = Histogram()
    histogram.fold([int(value) for value in values])
    return histogram


def difference_of(found: Sequence[Difference], metric: str) -> Difference:
    [difference] = [each for each in found if each.metric == metric]
    return difference


def test_figures_stand_in_the_ratio_of_the_pairs() -> None:
    # The median slice of B is of a faster moment than that of A, though B is slower in each pair.
    a = [100.0, 100, 100, 60, 60, 60, 60]
    b = [98.0, 98, 98, 58.8, 58.8, 58.8, 70.0]
    found = compare_pairs(a, b, of_whole=False)
    assert found is not None
    assert found.change == pytest.approx(-0.02)
    assert found.b / found.a == pytest.approx(0.98)
    assert 60 < found.a < 80


def test_a_constant_ratio_is_the_change() -> None:
    a = [100.0, 60, 110, 55, 100, 102]  # the machine's speed moves, for both alike
    found = compare_pairs(a, [1.03 * value for value in a])
    assert found is not None
    assert found.change == pytest.approx(0.03)
    # What is left is what another start of both may differ by.
    assert (found.low, found.high) == pytest.approx((1.03 / 1.0118 - 1, 1.03 * 1.0118 - 1), abs=1e-4)
    assert found.visible == pytest.approx(0.0118, abs=1e-4)


@pytest.mark.parametrize("pairs", [0, 1, 4])
def test_a_few_pairs_say_nothing(pairs: int) -> None:
    assert compare_pairs([1.0] * pairs, [2.0] * pairs) is None


def test_a_pair_without_both_figures_does_not_count() -> None:
    a = [100.0, None, 100, 100, 0, 100, 100]
    b = [110.0, 500, 110, 110, 0, 110, None]
    assert compare_pairs(a, b) is None
    assert compare_pairs([*a, 100], [*b, 110]) is not None


def test_a_server_that_answers_nothing_has_lost_everything() -> None:
    found = compare_pairs([100.0, 90, 110, 95, 105, 100], [0.0] * 6)
    assert found is not None
    assert (found.change, found.low) == (-1, -1)
    assert found.high == pytest.approx(-1)


def test_slices_that_met_a_stall_do_not_decide() -> None:
    noise = np.random.default_rng(1).normal(0, 0.02, (2, 60))
    a, b = 100 * np.exp(noise)
    a[30] = 8
    b[[7, 20]] = 9
    found = compare_pairs(a.tolist(), b.tolist())
    assert found is not None
    assert found.low < 0 < found.high
    assert found.visible < 0.02


def test_a_server_that_stops_itself_now_and_then_is_not_excused() -> None:
    noise = np.random.default_rng(1).normal(0, 0.02, (2, 120))
    a, b = 100 * np.exp(noise)
    b[::10] = 0  # nothing at all in a tenth of its slices
    found = compare_pairs(a.tolist(), b.tolist())
    assert found is not None
    assert found.low < -0.1 < found.high < -0.03
    typical = compare_pairs(a.tolist(), b.tolist(), of_whole=False)
    assert typical is not None
    assert typical.change > -0.01


def with_p99(times: Sequence[Histogram]) -> list[Round]:
    rounds = slices([5000.0] * len(times))
    return [
        each.model_copy(update={"p99_ns": of_slice.values_at([99])[99]})
        for each, of_slice in zip(rounds, times, strict=True)
    ]


def test_percentiles_of_all_requests_count_where_slices_hide_what_is_rare() -> None:
    draw = np.random.default_rng(6)
    a, b = ([list(1e6 * np.exp(draw.normal(0, 0.3, 500))) for _ in range(60)] for _ in range(2))
    for times in b[::4]:
        times[:50] = [50e6] * 50  # each fourth slice of B has a pause, so the p99 of all requests is a pause
    of_a, of_b = ([folded(times) for times in side] for side in (a, b))
    found = difference_of(differences(with_p99(of_a), with_p99(of_b), (of_a, of_b)), "response_ns.p99")
    assert found.change == pytest.approx(50 / 2 - 1, rel=0.2)
    by_slices = difference_of(differences(with_p99(of_a), with_p99(of_b)), "response_ns.p99")
    assert by_slices.change is not None
    assert by_slices.change < 1


def test_percentiles_of_all_requests_that_say_the_same_leave_the_interval_of_slices() -> None:
    draw = np.random.default_rng(7)
    of_a, of_b = ([folded(list(1e6 * np.exp(draw.normal(0, 0.3, 500)))) for _ in range(30)] for _ in range(2))
    a, b = with_p99(of_a), with_p99(of_b)
    assert differences(a, b, (of_a, of_b)) == differences(a, b)


def test_differences_are_of_all_metrics_in_the_order_of_a_table() -> None:
    a = slices([100.0] * 6, cpu_ns_per_request=1000, p50_ns=10, p90_ns=20, p99_ns=40)
    b = slices([90.0] * 6, cpu_ns_per_request=1100, p50_ns=11, p90_ns=20, p99_ns=None)
    found = differences(a, b)
    assert [each.metric for each in found] == [
        "requests_per_second", "target.cpu_ns_per_request", "response_ns.p50", "response_ns.p90", "response_ns.p99",
        "failures",
    ]  # fmt: skip
    throughput = difference_of(found, "requests_per_second")
    assert (throughput.a, throughput.b) == pytest.approx((100, 90))
    assert throughput.change == pytest.approx(-0.1)
    assert throughput.is_clear
    assert difference_of(found, "target.cpu_ns_per_request").change == pytest.approx(0.1)
    assert not difference_of(found, "response_ns.p90").is_clear
    assert difference_of(found, "response_ns.p99") == Difference(metric="response_ns.p99", a=40)


def test_no_failures_are_no_difference_within_what_so_many_requests_can_say() -> None:
    failures = difference_of(differences(slices([1.0] * 10), slices([1.0] * 10)), "failures")
    assert (failures.a, failures.b, failures.change) == (0, 0, 0)
    assert failures.visible == pytest.approx(1.96 * math.sqrt(2) / 10_000, rel=0.01)
    assert not failures.is_clear


# By Fisher's exact test five against none are chance (p = 0.06), seven are not (0.02).
@pytest.mark.parametrize(("failed", "clear"), [(1, False), (5, False), (7, True), (60, True)])
def test_failures_are_told_from_chance_by_their_number(failed: int, clear: bool) -> None:
    a = slices([1.0] * 60)
    failing = {index * 60 // failed for index in range(failed)}
    b = [each.model_copy(update={"failures": int(index in failing)}) for index, each in enumerate(a)]
    failures = difference_of(differences(a, b), "failures")
    assert failures.change == pytest.approx(failed / 60_000, rel=0.01)
    assert failures.is_clear is clear


def test_failures_that_come_together_say_less() -> None:
    b = slices([1.0] * 60)
    b[10] = b[10].model_copy(update={"failures": 500})
    assert not difference_of(differences(slices([1.0] * 60), b), "failures").is_clear


def noisy(pairs: int, scatter: float) -> tuple[list[Round], list[Round]]:
    noise = np.random.default_rng(5).normal(0, scatter, (2, pairs))
    a, b = (slices([float(rate) for rate in 100 * np.exp(each)]) for each in noise)
    return a, b


def test_a_comparison_ends_when_its_interval_is_narrow_enough() -> None:
    rule = StoppingRule("throughput", 0.02)
    ended = [pairs for pairs in range(5, 400, 5) if rule.is_met(*noisy(pairs, 0.07))]
    assert 100 <= ended[0] <= 250
    assert not rule.is_met(*noisy(29, 0.0001))
    assert rule.is_met(*noisy(30, 0.0001))


def test_a_metric_that_is_not_compared_cannot_end_one() -> None:
    with pytest.raises(ValueError, match="client_ns"):
        StoppingRule("client_ns.p50", 0.02)
    assert StoppingRule("errors", 0.01).is_met(*noisy(30, 0.1))
    assert not StoppingRule("p99", 0.01).is_met(*noisy(30, 0.1))
