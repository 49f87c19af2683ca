import pytest

from loadlab.report.layout import Arrangement, arrange
from loadlab.report.measures import RESPONSE_P99, THROUGHPUT
from loadlab.report.sections.charts import Value, panel_of
from loadlab.report.sections.contents import overview_of
from loadlab.report.sections.overview import describe_run
from loadlab.report.text.values import tell_change
from loadlab.results.directory import RunDirectory
from loadlab.results.model import Finding, LatencySummary, RunDocument, Scalar, TrialResult, Verdict

NBSP = "\N{NO-BREAK SPACE}"


def overview(document: RunDocument) -> tuple[str, ...]:
    return overview_of(document, arrange(document.profile, document.trials))


def over(x_path: str, rates: dict[str, dict[Scalar, float]]) -> Arrangement:
    """A run of some servers with these requests per second at each x; a p99 of as many nanoseconds."""
    trials = [
        TrialResult(
            id=f"{server}-{x}",
            repeat=1,
            factors={"target.server": server, x_path: x},
            state="done",
            verdict=Verdict(state="valid"),
            requests_per_second=rate,
            response_ns=LatencySummary(p99=int(rate), count=100_000),
        )
        for server, of_x in rates.items()
        for x, rate in of_x.items()
    ]
    return arrange({"plot": {"x": x_path}}, trials)


def told(arrangement: Arrangement) -> tuple[str, ...]:
    return describe_run(arrangement, panel_of(arrangement, THROUGHPUT), (), "")


def test_the_best_and_the_worst_at_the_end_and_the_law_between(crowd: RunDocument) -> None:
    assert overview(crowd) == (
        f"From 0 to 19,000 idle connections, requests per second fell by 2.1{NBSP}% with nginx (111,111 → 108,814 "
        f"requests/s) and by 96.5{NBSP}% with select (20,202 → 705 requests/s): 154 times apart in the end, the best "
        "and the worst of 11.",
        "CPU time of the target per request, by the fitted laws: select: each idle connection adds 72 ns (95 %: 72 "
        "ns to 72 ns); nginx: does not depend on the number of idle connections.",
    )


def test_who_lost_most_is_told_where_it_ended_early(sample_run: RunDirectory) -> None:
    first, second, third = overview(sample_run.read_document())
    assert first == f"From 0 to 19,000 idle connections, requests per second fell by 1.2{NBSP}% with epoll " + (
        "(21,276 → 21,019 requests/s)."
    )
    assert second == f"Requests per second fell most with select, by 93.6{NBSP}% " + (
        "(20,202 → 1,290 requests/s, from 0 to 10,000)."
    )
    assert third.startswith("Closed model: ")


def test_of_times_the_lowest_is_the_best() -> None:
    arrangement = over("load.idle", {"slow": {0: 1_000, 9: 90_000}, "fast": {0: 900, 9: 1_000}})
    [sentence] = describe_run(arrangement, panel_of(arrangement, RESPONSE_P99), (), "")
    assert sentence == (
        f"From 0 to 9 idle connections, response time (p99) rose by 11.1{NBSP}% with fast (900 ns → 1 µs) and "
        "90-fold with slow (1 µs → 90 µs): 90 times apart in the end."
    )


def test_lines_that_end_alike_are_not_told_apart() -> None:
    [sentence] = told(over("load.idle", {"one": {0: 100, 9: 98}, "other": {0: 100, 9: 99}, "third": {0: 99, 9: 99}}))
    assert "apart" not in sentence


def test_different_directions_have_a_verb_each() -> None:
    [sentence] = told(over("load.connections", {"loop": {1: 100, 9: 800}, "threads": {1: 100, 9: 80}}))
    assert sentence == (
        "From 1 to 9 active connections, requests per second rose 8.0-fold with loop (100 → 800 requests/s) and "
        f"fell by 20.0{NBSP}% with threads (100 → 80 requests/s): 10 times apart in the end."
    )


def test_one_value_of_x_compares_the_lines_there() -> None:
    [sentence] = told(over("load.idle", {"select": {100: 500}, "epoll": {100: 2000}}))
    assert sentence == (
        "At 100 idle connections the best is epoll with 2,000 requests/s, the worst select with 500 requests/s, "
        "4.0 times apart."
    )


def test_names_on_x_compare_the_lines_at_each_place() -> None:
    arrangement = over(
        "target.handler", {"epoll": {"disk": 100, "sleep": 20}, "coroutine": {"disk": 101, "sleep": 900}}
    )
    [sentence] = told(arrangement)
    assert sentence == (
        "Requests per second: with disk all are within 5 % of each other, coroutine the best with 101 requests/s; "
        "with sleep the best is coroutine with 900 requests/s, the worst epoll with 20 requests/s, 45 times apart."
    )


def test_microbenchmarks_are_told_likewise(wait_cost: RunDocument, switch_cost: RunDocument) -> None:
    change, law = overview(wait_cost)
    assert change.startswith(f"From 10 to 19,000 descriptors, time of one waiting call rose by 4.2{NBSP}% with epoll")
    assert law.startswith("Time of one waiting call, by the fitted laws: select: each descriptor adds 86 ns")
    assert overview(switch_cost) == (
        "Time of one switch: the best is call with 41 ns, the worst process with 7.9 µs, 193 times apart.",
        "Memory of one unit: the best is generator with 440 B, the worst process with 793 KiB, 1,845 times apart.",
    )


def test_a_run_of_one_trial_has_nothing_to_compare() -> None:
    assert told(over("load.idle", {"epoll": {0: 100}})) == ()


def test_an_open_load_is_told_by_its_response_time_and_what_was_answered(open_load: RunDocument) -> None:
    times, answered, model = overview(open_load)
    assert times.startswith("From 500 to 24,000 offered requests/s, response time (p99) fell by ")
    assert answered.startswith("Not all that was offered was answered: ")
    assert model.startswith("Open model: requests are due by a schedule (Poisson arrivals) that waits for no answer")


def bounded(x_path: str, rates: dict[str, dict[Scalar, float]], bounds: dict[str, set[Scalar]]) -> Arrangement:
    """As `over`, where the load was the limit of these servers at these places."""
    arrangement = over(x_path, rates)
    finding = Finding(code="client_bound", severity="suspect", text="", evidence="", advice="")
    trials = [
        trial.model_copy(update={"verdict": Verdict(state="suspect", findings=[finding])})
        if trial.factors[x_path] in bounds.get(str(trial.factors["target.server"]), set())
        else trial
        for setting in arrangement.settings
        for trial in setting.trials
    ]
    return arrange({"plot": {"x": x_path}}, trials)


def test_what_the_load_limited_is_told_as_a_bound() -> None:
    arrangement = bounded(
        "load.idle", {"epoll": {0: 80_000, 9: 79_000}, "select": {0: 60_000, 9: 10_000}}, {"epoll": {0, 9}}
    )
    [sentence] = told(arrangement)
    assert sentence == (
        "From 0 to 9 idle connections, requests per second went beyond the load's reach with epoll (at least 80,000 → "
        f"at least 79,000 requests/s) and fell by 83.3{NBSP}% with select (60,000 → 10,000 requests/s): "
        "at least 7.9 times apart in the end."
    )


def test_two_bounds_are_not_ranked() -> None:
    rates: dict[str, dict[Scalar, float]] = {"epoll": {0: 80_000}, "nginx": {0: 90_000}, "select": {0: 50_000}}
    [sentence] = told(bounded("load.idle", rates, {"epoll": {0}, "nginx": {0}}))
    assert sentence == (
        "At 0 idle connections the best is nginx with at least 90,000 requests/s, the worst select with 50,000 "
        "requests/s, at least 1.8 times apart."
    )
    del rates["select"]
    [sentence] = told(bounded("load.idle", rates, {"epoll": {0}, "nginx": {0}}))
    assert sentence == (
        "At 0 idle connections the load was the limit, with nginx at least 90,000 requests/s, epoll at least 80,000 "
        "requests/s."
    )


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        (100, 50, ("fell", f"by 50.0{NBSP}%")),
        (100, 150, ("rose", f"by 50.0{NBSP}%")),
        (100, 2900, ("rose", "29-fold")),
        (100, 100.01, ("did not change", "")),
        (0, 5, ("rose", "from nothing")),
        (0, 0, ("did not change", "")),
    ],
)
def test_a_change_in_words(before: float, after: float, words: tuple[str, str]) -> None:
    assert tell_change(Value(before, before, before), Value(after, after, after)) == words


@pytest.mark.parametrize(
    ("before", "before_at_least", "after", "after_at_least", "words"),
    [
        (100, False, 250, True, ("rose", "at least 2.5-fold")),
        (100, False, 110, True, ("rose", f"by at least 10.0{NBSP}%")),
        (100, True, 50, False, ("fell", f"by at least 50.0{NBSP}%")),
        (100, False, 90, True, ("went beyond the load's reach", "")),
        (100, True, 110, False, ("went beyond the load's reach", "")),
        (100, True, 50, True, ("went beyond the load's reach", "")),
    ],
)
def test_a_bound_tells_as_much_of_a_change_as_is_certain(
    before: float, before_at_least: bool, after: float, after_at_least: bool, words: tuple[str, str]
) -> None:
    first = Value(before, before, before, at_least=before_at_least)
    assert tell_change(first, Value(after, after, after, at_least=after_at_least)) == words
