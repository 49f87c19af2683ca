"""The charts of times and throughput of a run with a scenario."""

import pytest

from loadlab.report.sections.charts import CaptionedChart, charts_of
from loadlab.results.run import RunDocument

from ..laid_out import run_of


def charts(document: RunDocument) -> dict[str, CaptionedChart]:
    return {section.chart.key: section for section in charts_of(run_of(document))}


def titles(chart: CaptionedChart) -> list[str]:
    return [panel.measure.title for panel in chart.chart.panels]


def test_iterations_stand_beside_requests_on_a_scale_of_their_own(shop_users: RunDocument) -> None:
    found = charts(shop_users)
    assert [*found] == ["throughput", "iterations", "kinds", "cpu"]
    assert titles(found["throughput"]) == ["Requests per second", "Iterations per second"]
    requests, iterations = found["throughput"].chart.panels
    assert requests.measure.quantity != iterations.measure.quantity
    assert [panel.measure.quantity.unit for panel in (requests, iterations)] == ["requests/s", "iterations/s"]
    assert found["iterations"].chart.title == "Iteration time, closed model"


def test_requests_are_drawn_by_name(shop_users: RunDocument) -> None:
    assert titles(charts(shop_users)["kinds"])[-2:] == [
        "POST /orders, median (p50)",
        "POST /orders, 99th percentile (p99)",
    ]


def test_at_a_rate_only_iterations_have_a_service_time(shop_rates: RunDocument) -> None:
    found = charts(shop_rates)
    assert [*found] == ["iterations", "throughput", "kinds", "cpu"]
    assert titles(found["iterations"]) == [
        "Iteration time (p50)",
        "Service time of iterations (p50)",
        "Iteration time (p99)",
        "Service time of iterations (p99)",
    ]
    assert titles(found["throughput"]) == [
        "Iterations per second",
        "Share of the offered iterations that were completed",
        "Requests per second",
    ]
    assert not any("Service time" in title for title in titles(found["kinds"]))


def test_of_many_names_those_that_took_most_of_the_time_are_drawn(shop_users: RunDocument) -> None:
    trials = []
    for trial in shop_users.trials:
        login = next(kind for kind in trial.kinds if kind.name == "POST /login")
        rare = [login.model_copy(update={"name": f"GET /{number}", "requests": 1}) for number in range(30)]
        trials.append(trial.model_copy(update={"kinds": [*rare, *trial.kinds]}))
    chart = charts(shop_users.model_copy(update={"trials": trials}))["kinds"]
    assert len({title.rpartition(", ")[0] for title in titles(chart)}) == 4
    assert chart.notes[-1] == "These took most of the time; the other 30 are in the table."


@pytest.mark.parametrize("name", ["POST /login", "other requests"])
def test_a_single_name_is_that_of_all_requests(shop_users: RunDocument, name: str) -> None:
    trials = [
        trial.model_copy(
            update={
                "kinds": [
                    kind.model_copy(update={"name": name}) if kind.level == "request" else kind
                    for kind in trial.kinds
                    if kind.level != "request" or kind.name == "POST /login"
                ]
            }
        )
        for trial in shop_users.trials
    ]
    assert "response" in charts(shop_users.model_copy(update={"trials": trials}))
