"""The laws of a run: which trials make a series, and what is kept of its fit."""

import math
from typing import Any

import pytest

from loadlab.analysis.conclusion import cost_at_usual_speed
from loadlab.analysis.scaling import fit_laws
from loadlab.analysis.scaling.laws import describe
from loadlab.analysis.scaling.selection import Rises, SelectedLaw
from loadlab.analysis.uncertainty import Estimate
from loadlab.profile.path_names import name_of_path
from loadlab.results.laws import Law, LawShape
from loadlab.results.trial import TrialResult, TrialState
from loadlab.results.verdict import Judgement

from ....trials import make_trial

IDLE = (0, 1000, 5000, 10_000)


def trial(
    server: str, idle: int | str, cost_ns: float | None, state: TrialState = "done", verdict: Judgement = "valid"
) -> TrialResult:
    return make_trial(
        verdict,
        state=state,
        factors={"target.server": server, "load.idle": idle},
        cost_ns=cost_ns,
        overhead_ns=None if isinstance(idle, str) else 1 + idle / 2000,
    )


def cost_of(trial: TrialResult) -> Estimate | None:
    return None if trial.cost_ns is None else Estimate(trial.cost_ns, trial.cost_ns, trial.cost_ns)


def laws(trials: list[TrialResult]) -> list[Law]:
    return fit_laws(trials, "cpu", cost_of, "load.idle")


def test_each_series_has_its_law_in_words() -> None:
    trials = [trial("select", n, 10_000 + 28 * n + (n % 3)) for n in IDLE]
    trials += [trial("epoll", n, 10_000 + n % 7) for n in IDLE]
    select, epoll = laws(trials)
    assert (select.metric, select.over, select.where) == ("cpu", "load.idle", {"target.server": "select"})
    assert (select.intercept, select.slope) == pytest.approx((10_000, 28), rel=0.001)
    assert select.text.startswith("select: each idle connection adds 28 ns (95 %: ")
    assert epoll.text.startswith("epoll: does not depend on the number of idle connections (95 %: less than ")
    assert (select.shape, epoll.shape) == ("linear", "constant")


def test_only_what_was_measured_and_can_be_believed_counts() -> None:
    trials = [trial("select", n, 10_000 + 28 * n) for n in IDLE]
    trials += [
        trial("select", 19_000, 1, state="failed"),
        trial("select", 19_000, 1, verdict="invalid"),
        trial("select", 19_000, None),
        trial("select", 19_000, math.nan),
        trial("select", 19_000, math.inf),
        trial("select", "10s", 1),
        trial("poll", 0, 1),
    ]
    (law,) = laws(trials)
    assert law.slope_interval == pytest.approx((28, 28))


def test_all_three_laws_are_kept() -> None:
    (law,) = fit_laws(
        [trial("select", n, 10_000 + 70 * n / (1 + n / 2000)) for n in IDLE],
        "cpu",
        cost_of,
        "load.idle",
        events_per_wait=lambda each: each.overhead_ns,
    )
    assert law.per_event is not None
    assert (law.per_event.intercept, law.per_event.slope) == pytest.approx((10_000, 70))
    assert law.per_event.slope_interval == pytest.approx((70, 70))
    assert law.shape == "per event"
    assert law.exponent is not None
    assert law.exponent_interval is not None
    assert law.exponent_interval[0] < law.exponent < law.exponent_interval[1]
    assert law.intercept_interval is not None
    assert law.intercept_interval[0] < law.intercept < law.intercept_interval[1]


def test_an_outlier_is_left_out_and_named() -> None:
    costs = {0: 19_200, 1000: 21_000, 5000: 20_400, 10_000: 32_400, 19_000: 21_700}
    trials = [trial("epoll", n, cost).model_copy(update={"id": f"t{n}"}) for n, cost in costs.items()]
    (law,) = laws(trials)
    assert (law.shape, law.left_out) == ("constant", ["t10000"])
    assert law.text.startswith("epoll: does not depend on the number of idle connections (95 %: less than ")
    assert law.text.endswith(" (without an outlier at 10,000 idle connections, 55\N{NO-BREAK SPACE}% above)")


def test_what_is_suspect_or_uncertain_weighs_less() -> None:
    def slope(**last: Any) -> float:  # noqa: ANN401 - any field of a trial
        trials = [trial("select", n, 10_000 + 28 * n) for n in (0, 1000, 5000, 10_000)]
        bent = make_trial(factors={"target.server": "select", "load.idle": 19_000}, cost_ns=700_000, **last)
        (law,) = fit_laws([*trials, bent], "cpu", lambda each: cost_at_usual_speed("cost_ns", each), "load.idle")
        return law.slope

    sure = slope(confidence={"cost_ns": (699_000.0, 701_000.0)})
    assert 28 < slope(verdict="suspect") < sure
    assert 28 < slope(confidence={"cost_ns": (400_000.0, 1_200_000.0)}) < sure


def test_a_line_that_may_be_next_to_flat_is_no_law() -> None:
    costs = {
        0: (23_700, 0.04),
        1000: (25_900, 0.2),
        5000: (24_500, 0.03),
        10_000: (25_700, 0.03),
        19_000: (27_300, 0.02),
    }
    trials = [
        trial("node", n, cost).model_copy(update={"confidence": {"cost_ns": (cost * (1 - by), cost * (1 + by))}})
        for n, (cost, by) in costs.items()
    ]
    (law,) = fit_laws(trials, "cpu", lambda each: cost_at_usual_speed("cost_ns", each), "load.idle")
    assert law.slope == pytest.approx(0.18, rel=0.1)
    assert 0 < law.slope_interval[0] * 19_000 < 0.05 * 25_000
    assert law.shape == "constant"


def test_without_counted_events_there_is_no_shared_cost() -> None:
    (law,) = laws([trial("select", n, 10_000 + n) for n in IDLE])
    assert law.per_event is None


def test_what_was_not_fitted_is_null() -> None:
    (law,) = laws([trial("select", n, 10_000 + n) for n in (0, 1000, 5000)])
    assert (law.factor, law.exponent, law.exponent_interval) == (None, None, None)


@pytest.mark.parametrize(
    ("shape", "estimate", "text"),
    [
        ("linear", Estimate(71.3, 60, 82), "each idle connection adds 71.3 ns (95 %: 60 ns to 82 ns)"),
        ("linear", Estimate(-5, -7, -3), "each idle connection saves 5 ns (95 %: 3 ns to 7 ns)"),
        ("unclear", Estimate(-5, -7, 3), "each idle connection saves 5 ns (95 %: -3 ns to 7 ns), which may be chance"),
        (
            "constant",
            Estimate(0.1, -0.05, 0.2),
            "does not depend on the number of idle connections (95 %: less than 0.2 ns per idle connection)",
        ),
        (
            "constant",
            Estimate(-0.1, -0.3, 0.2),
            "does not depend on the number of idle connections (95 %: less than 0.3 ns per idle connection)",
        ),
        (
            "power",
            Estimate(0.5, 0.481, 0.519),
            "proportional to the number of idle connections to the power of 0.50 (95 %: 0.48 to 0.52)",
        ),
        (
            "per event",
            Estimate(70, 60, 80),
            "each idle connection adds 70 ns (95 %: 60 ns to 80 ns) to a wait, shared by the events that it returns",
        ),
    ],
)
def test_describe(shape: LawShape, estimate: Estimate, text: str) -> None:
    assert describe(SelectedLaw(shape, estimate), name_of_path("load.idle")) == text


@pytest.mark.parametrize(
    ("rises", "text"),
    [
        (
            Rises(30, 12, 48),
            "each idle connection adds 30 ns on average, but not linearly: 12 ns to 48 ns between neighbouring points",
        ),
        (
            Rises(-30, -48, -12),
            "each idle connection saves 30 ns on average, but not linearly: 12 ns to 48 ns between neighbouring points",
        ),
        (
            Rises(30, 0, 48),
            "each idle connection adds 30 ns on average, but not linearly: 0 ns to 48 ns between neighbouring points",
        ),
        (Rises(30, -1, 48), "follows no law over the number of idle connections: it rises and falls"),
        (None, "each idle connection adds 1 ns (95 %: -1 ns to 3 ns), which may be chance"),
    ],
)
def test_a_curve_without_a_law_says_how_it_rises(rises: Rises | None, text: str) -> None:
    assert describe(SelectedLaw("unclear", Estimate(1, -1, 3), rises), name_of_path("load.idle")) == text
