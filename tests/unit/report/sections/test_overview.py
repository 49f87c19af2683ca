import pytest

from loadlab.report.layout import Arrangement, arrange
from loadlab.report.measures import RESPONSE_P99, THROUGHPUT
from loadlab.report.panels import LineLaw, panel_of
from loadlab.report.sections.overview import describe_impossible, describe_run, describe_silence, overview_of
from loadlab.results.directory import RunDirectory
from loadlab.results.laws import Law
from loadlab.results.requests import LatencySummary
from loadlab.results.run import RunDocument
from loadlab.results.trial import Scalar, TrialResult
from loadlab.results.verdict import Finding, Verdict

from ....sample_run import sample_document
from ..laid_out import run_of

NBSP = "\N{NO-BREAK SPACE}"


def overview(document: RunDocument) -> tuple[str, ...]:
    answer = overview_of(run_of(document))
    return (*answer.head, *answer.rest)


def over(x_path: str, rates: dict[str, dict[Scalar, float]], repeats: int = 1) -> Arrangement:
    """A run of some servers with these requests per second at each x; a p99 of as many nanoseconds."""
    trials = [
        TrialResult(
            id=f"{server}-{x}-{repeat}",
            repeat=repeat,
            factors={"target.server": server, x_path: x},
            state="done",
            verdict=Verdict(state="valid"),
            requests_per_second=rate * (1 + 0.1 * (repeat - 1)),
            response_ns=LatencySummary(p99=int(rate), count=100_000),
        )
        for server, of_x in rates.items()
        for x, rate in of_x.items()
        for repeat in range(1, repeats + 1)
    ]
    return arrange({"plot": {"x": x_path}}, trials)


def described(arrangement: Arrangement, *laws: LineLaw) -> tuple[str, ...]:
    answer = describe_run(arrangement, panel_of(arrangement, THROUGHPUT), laws, "CPU time")
    return (*answer.head, *answer.rest)


def constant(line: int, metric: str = "target.cpu_ns_per_request") -> LineLaw:
    return LineLaw(line, metric, "does not depend on the number of idle connections", "constant", 0.0)


def test_what_depends_on_x_comes_first_then_how_sure_it_is_then_the_extremes(crowd: RunDocument) -> None:
    dependence, extremes, laws = overview(crowd)[:3]
    assert dependence == (
        f"select and poll slow down with more idle connections, by 97{NBSP}% and 95{NBSP}% at 19,000; fork, thread, "
        f"epoll, epoll-threads, epoll-processes, callback, coroutine, asyncio, uvloop and nginx do not "
        f"(points within 9{NBSP}% of each other)."
    )
    assert laws.startswith("CPU time of the target per request, by the fitted laws: select: ")
    assert laws.endswith("; 9 more under the chart.")
    assert extremes == (
        "Throughput at 19,000 idle connections: nginx is fastest with 108,814 requests/s and select slowest with 705 "
        "requests/s, a factor of 154."
    )


def test_lines_that_end_at_different_places_say_where(sample_run: RunDirectory) -> None:
    first, extremes, model = overview(sample_run.read_document())
    assert first == (
        f"select and poll slow down with more idle connections, by 94{NBSP}% at 10,000 and 85{NBSP}% at 5,000; "
        f"epoll does not (points within 2{NBSP}% of each other)."
    )
    # At 19,000 epoll was alone.
    assert extremes.startswith("Throughput at 10,000 idle connections: epoll is fastest with ")
    assert model.startswith("Closed model: ")


def test_of_times_the_lowest_is_the_best() -> None:
    arrangement = over("load.idle", {"slow": {0: 1_000, 9: 90_000}, "fast": {0: 900, 9: 910}})
    sentence, extremes = describe_run(arrangement, panel_of(arrangement, RESPONSE_P99)).head
    assert sentence == (
        "Response time (p99) rises with more idle connections for slow, 90-fold at 9 (1 µs → 90 µs); it does not "
        f"change for fast (points within 2{NBSP}% of each other)."
    )
    assert extremes == (
        "Response time (p99) at 9 idle connections: fast is fastest with 910 ns and slow slowest with 90 µs, "
        "a factor of 99."
    )


def test_lines_that_all_stay_are_said_not_to_depend_on_x() -> None:
    sentence, *_ = described(over("load.idle", {"one": {0: 100, 9: 98}, "other": {0: 100, 9: 99}}))
    assert sentence == (
        f"Throughput does not depend on the number of idle connections with one and other (points within 3{NBSP}% of "
        "each other)."
    )


def test_different_directions_have_a_verb_each() -> None:
    sentence, extremes = described(over("load.connections", {"loop": {1: 100, 9: 800}, "threads": {1: 100, 9: 70}}))
    assert sentence == (
        f"threads slows down with more active connections, by 30{NBSP}% at 9 (100 → 70 requests/s); "
        "loop speeds up, 8.0-fold at 9 (100 → 800 requests/s)."
    )
    assert extremes.endswith("a factor of 11.")


def test_of_many_lines_the_ends_of_the_range_are_named() -> None:
    rates: dict[str, dict[Scalar, float]] = {f"s{number}": {0: 100, 9: 10.0 * number} for number in range(1, 6)}
    sentence, *_ = described(over("load.idle", rates))
    assert sentence == (
        f"s1, s2, s3, s4 and s5 slow down with more idle connections, by 50{NBSP}% (s5) to 90{NBSP}% (s1) at 9."
    )


def test_lines_that_change_by_the_same_say_it_once() -> None:
    sentence, *_ = described(over("load.idle", {"poll": {0: 100, 9: 4}, "select": {0: 200, 9: 8}}))
    assert sentence == f"poll and select slow down with more idle connections, by 96{NBSP}% each at 9."


def test_a_small_change_of_throughput_at_constant_cost_is_none() -> None:
    arrangement = over("load.idle", {"epoll": {0: 100, 9: 75}, "select": {0: 100, 9: 75}})
    sentence, *_ = described(arrangement, constant(0))
    assert sentence.startswith("select slows down")
    assert sentence.endswith(
        f"; epoll does not (points within 26{NBSP}% of each other, at a constant CPU time per request)."
    )


def test_memory_is_said_to_grow_by_so_much_for_each_connection(crowd: RunDocument) -> None:
    plot = {**crowd.profile["plot"], "y": "target.pss_bytes"}
    changed = crowd.model_copy(update={"profile": {**crowd.profile, "plot": plot}})
    dependence, growth, *_ = overview(changed)
    assert dependence.startswith("Memory of the target (PSS) rises with more idle connections for thread, fork, ")
    assert growth.startswith("Growth for each idle connection: fork 420 KiB, thread 21.5 KiB, ")


def test_what_goes_up_and_down_is_said_to_show_no_trend() -> None:
    restless: dict[Scalar, float] = {0: 670, 1: 180, 5: 181, 10: 250, 19: 180}
    arrangement = over("load.idle", {"callback": restless, "epoll": {0: 100, 1: 90, 5: 105, 10: 95, 19: 112}})
    sentence, *_ = described(arrangement)
    assert sentence == (
        "callback shows no trend over idle connections (180 to 670 requests/s); "
        f"epoll does not change (points within 20{NBSP}% of each other)."
    )


def test_a_step_is_a_change_where_it_is_beyond_chance() -> None:
    step: dict[Scalar, float] = {0: 16_000, 1: 161, 2: 100, 4: 130, 8: 101}
    sentence, *_ = described(over("load.slow_connections", {"blocking": step}))
    assert sentence == (f"blocking slows down with more slow senders, by 99.4{NBSP}% at 8 (16,000 → 101 requests/s).")


def test_one_pair_out_of_order_leaves_a_trend() -> None:
    sentence, *_ = described(over("load.idle", {"select": {0: 100, 1: 80, 5: 82, 10: 60, 19: 50}}))
    assert sentence.startswith("select slows down with more idle connections, by 50")


def test_the_constant_law_of_a_measure_decides_about_the_measure_itself() -> None:
    arrangement = over("load.idle", {"epoll": {0: 100, 9: 300}, "select": {0: 100, 9: 300}})
    sentence, *_ = described(arrangement, constant(0, "requests_per_second"))
    assert sentence.startswith("select speeds up with more idle connections, 3.0-fold at 9")


def test_many_laws_are_described_by_the_steepest_and_the_names_of_the_constant() -> None:
    rates: dict[str, dict[Scalar, float]] = {f"s{number}": {0: 100, 9: 10} for number in range(6)}
    laws = [LineLaw(number, "cpu", f"s{number}: each adds {number} ns", "linear", number) for number in range(4)]
    _, _, sentence, *_ = described(over("load.idle", rates), *laws, constant(4), constant(5))
    assert sentence == (
        "CPU time, by the fitted laws: s3: each adds 3 ns; s2: each adds 2 ns; s1: each adds 1 ns; "
        "1 more under the chart; s4 and s5 do not depend on the number of idle connections."
    )


def test_the_law_of_the_only_line_is_a_sentence(million: RunDocument) -> None:
    law = Law(
        metric="target.cpu_ns_per_request",
        over="load.idle",
        where={},
        intercept=1,
        slope=0,
        slope_interval=(0, 0),
        exponent=None,
        shape="constant",
        text="does not depend on the number of idle connections",
    )
    sentence = "CPU time of the target per request does not depend on the number of idle connections."
    assert sentence in overview(million.model_copy(update={"laws": [law]}))


def test_repeats_say_how_far_they_differ() -> None:
    _, sentence, *_ = described(over("load.idle", {"epoll": {0: 100, 9: 100}}, repeats=3))
    assert sentence == f"Repeats of a point differ by 18{NBSP}% (median), 18{NBSP}% at most."


def test_one_value_of_x_compares_the_lines_there() -> None:
    [sentence] = described(over("load.idle", {"select": {100: 500}, "epoll": {100: 2000}}))
    assert sentence == (
        "Throughput at 100 idle connections: epoll is fastest with 2,000 requests/s and select slowest with 500 "
        "requests/s, a factor of 4.0."
    )


def test_names_on_x_compare_the_lines_at_each_place() -> None:
    arrangement = over(
        "target.handler", {"epoll": {"disk": 100, "sleep": 20}, "coroutine": {"disk": 101, "sleep": 900}}
    )
    assert described(arrangement) == (
        "Throughput with sleep: coroutine is fastest with 900 requests/s and epoll slowest with 20 requests/s, a "
        "factor of 45.",
        "No clear difference in throughput with disk (100 to 101 requests/s).",
    )


def test_microbenchmarks_are_described_likewise(wait_cost: RunDocument, switch_cost: RunDocument) -> None:
    change, _, law, *_ = overview(wait_cost)
    assert change.startswith("Time of one waiting call rises with more descriptors for select and poll, ")
    assert change.endswith(f"; it does not change for epoll (points within 5{NBSP}% of each other).")
    assert law.startswith("Time of one waiting call, by the fitted laws: select: ")
    assert overview(switch_cost) == (
        "Time of one switch, from the fastest: call 41 ns, generator 46 ns, bare-coroutine 52 ns, coroutine 610 ns, "
        "thread 5.2 µs, process 7.9 µs.",
        "Memory of one unit is 440 B to 21.8 KiB with generator, bare-coroutine, call, coroutine and thread, and 793 "
        "KiB with process: a factor of 36 or more between them.",
    )


def test_a_run_of_one_trial_has_nothing_to_compare() -> None:
    assert described(over("load.idle", {"epoll": {0: 100}})) == ()


def test_an_open_load_is_described_by_its_response_time_and_what_was_answered(open_load: RunDocument) -> None:
    times, extremes, _, answered, model = overview(open_load)
    assert times.startswith("Response time (p99) rises as the offered rate grows for asyncio, ")
    assert extremes.startswith("Response time (p99) at 24,000 offered requests/s: ")
    assert answered.startswith("The target did not keep up with the offered rate: it answered 69.4")
    assert model.startswith("Open model: requests are due by a schedule (Poisson arrivals) that does not wait for")


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


@pytest.mark.parametrize(
    ("before", "after", "bounds", "words"),
    [
        (100, 250, {9}, "epoll speeds up with more idle connections, at least 2.5-fold at 9"),
        (100, 150, {9}, f"epoll speeds up with more idle connections, by at least 50{NBSP}% at 9"),
        (100, 50, {0}, f"epoll slows down with more idle connections, by at least 50{NBSP}% at 9"),
        (100, 90, {9}, "How throughput of epoll changes is not known: the client was the limit"),
        (100, 110, {0}, "How throughput of epoll changes is not known: the client was the limit"),
        (100, 105, {9}, "How throughput of epoll changes is not known: the client was the limit"),
        (100, 50, {0, 9}, "How throughput of epoll changes is not known: the client was the limit"),
    ],
)
def test_a_bound_says_as_much_of_a_change_as_is_certain(
    before: float, after: float, bounds: set[Scalar], words: str
) -> None:
    sentence, *_ = described(bounded("load.idle", {"epoll": {0: before, 9: after}}, {"epoll": bounds}))
    assert sentence.startswith(words)


def test_two_bounds_are_not_ranked() -> None:
    rates: dict[str, dict[Scalar, float]] = {"epoll": {0: 80_000}, "nginx": {0: 90_000}, "select": {0: 50_000}}
    [sentence] = described(bounded("load.idle", rates, {"epoll": {0}, "nginx": {0}}))
    assert sentence == (
        "Throughput at 0 idle connections: nginx and epoll are fastest with at least 80,000 requests/s, no clear "
        "difference, and select slowest with 50,000 requests/s, a factor of at least 1.8."
    )
    del rates["select"]
    [sentence] = described(bounded("load.idle", rates, {"epoll": {0}, "nginx": {0}}))
    assert sentence == (
        "Throughput at 0 idle connections: the client was the limit (nginx at least 90,000 requests/s, "
        "epoll at least 80,000 requests/s)."
    )


def test_what_rose_from_nothing_has_no_percentage() -> None:
    sentence, *_ = described(over("load.idle", {"epoll": {0: 0, 9: 5}}))
    assert sentence.startswith("epoll speeds up with more idle connections, from nothing at 9")


def silenced(arrangement: Arrangement, server: str, *places: Scalar) -> Arrangement:
    """The same where that server has answered nothing at these x."""
    trials = [
        trial.model_copy(update={"requests": 0, "outcomes": {"cut": 8}, "verdict": Verdict(state="invalid")})
        if trial.factors["target.server"] == server and trial.factors["load.idle"] in places
        else trial
        for setting in arrangement.settings
        for trial in setting.trials
    ]
    return arrange({"plot": {"x": "load.idle", "series": "target.server"}}, trials)


def with_intervals(arrangement: Arrangement, width: float) -> Arrangement:
    """The same with 95 % intervals of the throughput, this share of it to both sides."""
    trials = [
        trial.model_copy(update={"confidence": {"requests_per_second": (rate * (1 - width), rate * (1 + width))}})
        for setting in arrangement.settings
        for trial in setting.trials
        if (rate := trial.requests_per_second) is not None
    ]
    return arrange({"plot": {"x": "load.idle", "series": "target.server"}}, trials)


def test_with_intervals_a_change_has_one_and_small_ones_are_seen() -> None:
    arrangement = with_intervals(over("load.idle", {"select": {0: 100, 9: 4}, "epoll": {0: 100, 9: 90}}), 0.02)
    sentence, extremes = described(arrangement)
    assert sentence == (
        f"select and epoll slow down with more idle connections, by 96{NBSP}% (96{NBSP}%) and 10{NBSP}% "
        f"(7 to 13{NBSP}%) at 9."
    )
    assert extremes == (
        "Throughput at 9 idle connections: epoll is fastest with 90 requests/s (88.2 to 91.8) and select slowest with "
        "4 requests/s (3.92 to 4.08), a factor of 22 (22 to 23)."
    )


def test_a_change_that_its_interval_does_not_show_is_not_claimed() -> None:
    arrangement = with_intervals(over("load.idle", {"select": {0: 100, 9: 40}, "epoll": {0: 100, 9: 97}}), 0.05)
    sentence, *_ = described(arrangement)
    assert sentence.endswith(f"; epoll does not (within 10{NBSP}%).")


def test_a_wide_interval_decides_nothing() -> None:
    arrangement = with_intervals(over("load.idle", {"epoll": {0: 100, 9: 80}}), 0.3)
    assert described(arrangement)[0] == (
        f"Whether throughput changes is not certain for epoll (\N{MINUS SIGN}49 to +25{NBSP}%)."
    )


def test_without_intervals_a_fifth_may_be_chance() -> None:
    sentence, *_ = described(over("load.idle", {"epoll": {0: 100, 9: 82}, "select": {0: 100, 9: 79}}))
    assert sentence == (
        f"select slows down with more idle connections, by 21{NBSP}% at 9 (100 → 79 requests/s); epoll does not "
        f"(points within 19{NBSP}% of each other)."
    )


def doubted(arrangement: Arrangement, server: str, *places: Scalar) -> Arrangement:
    """The same where this server was disturbed at these x."""
    finding = Finding(code="disturbed", severity="suspect", text="", evidence="", advice="")
    trials = [
        trial.model_copy(update={"verdict": Verdict(state="suspect", findings=[finding])})
        if trial.factors["target.server"] == server and trial.factors["load.idle"] in places
        else trial
        for setting in arrangement.settings
        for trial in setting.trials
    ]
    return arrange({"plot": {"x": "load.idle", "series": "target.server"}}, trials)


def test_a_suspect_point_makes_no_change_and_is_named() -> None:
    rates: dict[Scalar, float] = {0: 100, 5: 101, 9: 180}
    arrangement = doubted(over("load.idle", {"epoll": rates}), "epoll", 9)
    sentence, left_out = described(arrangement)
    assert sentence == (
        f"Throughput does not depend on the number of idle connections with epoll (points within 1{NBSP}% of each "
        "other)."
    )
    assert left_out == "Left out as suspect: epoll at 9 idle connections (disturbed)."


def test_a_change_that_no_disturbance_makes_is_one_even_of_suspect_points() -> None:
    arrangement = doubted(over("load.idle", {"select": {0: 100, 5: 40, 9: 4}}), "select", 9)
    sentence, suspect = described(arrangement)
    assert sentence.startswith(f"select slows down with more idle connections, by 96{NBSP}% at 9")
    assert suspect == "The points that this compares are suspect themselves (disturbed); there are no others."


def test_what_stood_in_different_batches_is_marked() -> None:
    arrangement = over("load.idle", {"epoll": {0: 100, 9: 100}, "select": {0: 100, 9: 10}})
    trials = [
        trial.model_copy(update={"batch": 1 if trial.factors == {"target.server": "epoll", "load.idle": 0} else 2})
        for setting in arrangement.settings
        for trial in setting.trials
    ]
    sentences = described(arrange({"plot": {"x": "load.idle"}}, trials))
    assert sentences[-1] == (
        "First and last point of epoll stood in different batches, so they were measured at different times."
    )
    assert not any("batch" in sentence for sentence in sentences[:-1])


def test_numbers_of_things_are_plural_where_series_are_compared() -> None:
    trials = [
        TrialResult(
            id=str(users), repeat=1, factors={"load.connections": users, "load.idle": 5}, state="done",
            verdict=Verdict(state="valid"), requests_per_second=rate,
        )
        for users, rate in ((1, 100.0), (256, 900.0))
    ]  # fmt: skip
    [sentence] = described(arrange({"plot": {"x": "load.idle"}}, trials))
    assert sentence.startswith(
        "Throughput at 5 idle connections: 256 active connections are fastest with 900 requests/s"
    )


def test_what_began_at_nothing_is_not_compared_by_a_factor() -> None:
    arrangement = over("load.connections", {"suspending": {4: 0, 64: 0}, "blocking": {4: 50_000, 64: 60_000}})
    assert not any("inf" in sentence for sentence in described(arrangement))


def test_series_that_are_numbers_are_no_subjects_of_a_sentence() -> None:
    trials = [
        trial.model_copy(update={"factors": {"load.connections": users, "load.idle": trial.factors["load.idle"]}})
        for users in (16, 256)
        for setting in over("load.idle", {"epoll": {0: 100, 9: 50}}).settings
        for trial in setting.trials
    ]
    sentence, *_ = described(arrange({"plot": {"x": "load.idle"}}, trials))
    assert sentence == (
        "Throughput falls with more idle connections for 16 active connections and 256 active connections, by "
        f"50{NBSP}% each at 9."
    )


def test_one_of_two_series_that_is_far_better_everywhere_is_named_before_any_trend() -> None:
    arrangement = over("load.connections", {"suspending": {4: 300, 64: 15_000}, "blocking": {4: 50_000, 64: 60_000}})
    contrast, trend = describe_run(arrangement, panel_of(arrangement, RESPONSE_P99)).head
    assert contrast == (
        "Response time (p99) is 4.0 to 167 times as long with blocking as with suspending: 50 µs to 60 µs, not 300 ns "
        "to 15 µs."
    )
    assert trend.startswith("Response time (p99) rises with more active connections for suspending, 50-fold at 64")


def test_of_many_series_the_one_that_the_profile_is_about_is_among_the_named() -> None:
    rates: dict[str, dict[Scalar, float]] = {f"s{number}": {0: 100, 9: 100} for number in range(20)}
    arrangement = over("load.idle", rates)
    profile = {"target": {"server": "s17"}}
    sentence, *_ = describe_run(arrangement, panel_of(arrangement, THROUGHPUT), profile=profile).head
    assert "with s17, s0, s1" in sentence


def test_the_subject_is_named_where_it_is_neither_best_nor_worst() -> None:
    rates: dict[str, dict[Scalar, float]] = {
        "nginx": {1: 100, 9: 1000},
        "node": {1: 50, 9: 500},
        "asyncio": {1: 9, 9: 90},
    }
    arrangement = over("load.connections", rates)
    profile = {"target": {"server": "node"}}
    *_, extremes = describe_run(arrangement, panel_of(arrangement, THROUGHPUT), profile=profile).head
    assert extremes == (
        "Throughput at 9 active connections: nginx is fastest with 1,000 requests/s and asyncio slowest with 90 "
        "requests/s, a factor of 11; node has 500 requests/s."
    )


def test_a_single_line_is_called_by_the_target_of_the_profile() -> None:
    trials = [
        TrialResult(
            id=str(idle), repeat=1, factors={"load.idle": idle}, state="done", verdict=Verdict(state="valid"),
            requests_per_second=rate,
        )
        for idle, rate in ((0, 100.0), (9, 50.0))
    ]  # fmt: skip
    arrangement = arrange({}, trials)
    profile = {"target": {"server": "epoll"}}
    [sentence] = describe_run(arrangement, panel_of(arrangement, THROUGHPUT), profile=profile).head
    assert sentence.startswith(f"Throughput of epoll falls with more idle connections, by 50{NBSP}% at 9")


def single(**changes: object) -> RunDocument:
    """A run of one trial."""
    times = LatencySummary(p50=310_000, p99=1_200_000, count=100_000)
    fields: dict[str, object] = {
        "id": "001", "repeat": 1, "factors": {}, "state": "done", "verdict": Verdict(state="valid"),
        "load_model": "closed", "requests_per_second": 48_200.0, "response_ns": times,
    }  # fmt: skip
    profile = {"target": {"server": "epoll"}, "load": {"connections": 16}}
    return sample_document([TrialResult.model_validate(fields | changes)], profile=profile)


def test_a_single_trial_leads_with_its_figures() -> None:
    [answer] = overview_of(run_of(single())).head
    assert answer == (
        f"epoll answers 48,200 requests/s; half of the responses take at most 310 µs, 99{NBSP}% at most 1.2 ms."
    )
    intervals = {"requests_per_second": (47_600.0, 48_900.0), "response_ns.p50": (300_000.0, 320_000.0)}
    [answer] = overview_of(run_of(single(confidence=intervals))).head
    assert answer.startswith("epoll answers 48,200 requests/s (47,600 to 48,900); half of the responses take at most ")


def test_a_single_trial_without_figures_says_why() -> None:
    failed = single(state="failed", reason="The target died.", requests_per_second=None)
    assert overview_of(run_of(failed)).head == ("Nothing was measured: The target died.",)
    half_way = single(state="failed", reason="The target died.", requests=13_504)
    assert overview_of(run_of(half_way)).head == ("Not completed, after 13,504 requests: The target died.",)


def test_of_one_server_the_times_and_the_memory_stand_in_the_head(million: RunDocument) -> None:
    throughput, times, *_, memory = overview_of(run_of(million)).head
    assert throughput.startswith("Throughput")
    assert times.startswith("From 0 to 1,000,000 idle connections: response time p50 ")
    assert ", p99 " in times
    assert memory.startswith("One idle connection takes ")


def test_a_tail_that_is_very_much_longer_than_the_median_is_said() -> None:
    times = LatencySummary(p50=478_000, p99=230_000_000, count=100_000)
    [_, tail] = overview_of(run_of(single(response_ns=times))).head
    assert tail == (
        "Most responses are fast and a few wait very long: the p99 of 230 ms is 481 times the median of 478 µs."
    )


def test_where_nothing_was_answered_is_said() -> None:
    rates: dict[Scalar, float] = {0: 900, 100: 900, 5000: 900}
    whole = over("load.idle", {"sync": rates, "gthread": rates, "gevent": rates})
    assert list(describe_silence(whole)) == []
    both = silenced(silenced(whole, "sync", 100, 5000), "gthread", 100, 5000)
    assert list(describe_silence(both)) == [
        "No request was answered by sync and gthread at 100 and 5,000 idle connections."
    ]
    assert list(describe_silence(silenced(over("load.idle", {"sync": rates}), "sync", 5000))) == [
        "No request was answered by sync at 5,000 idle connections."
    ]


def test_what_is_not_installed_is_named_once(crowd: RunDocument, sample_run: RunDirectory) -> None:
    # What fork cannot hold is a result of some of its trials, not something that this machine lacks.
    sentence = "Not possible on this machine: node (node is not installed; apt-get install nodejs)."
    assert describe_impossible(arrange(crowd.profile, crowd.trials)) == sentence
    assert overview(crowd)[-1] == sentence
    document = sample_run.read_document()
    assert describe_impossible(arrange(document.profile, document.trials)) == ""


def test_a_place_on_x_that_is_not_installed_is_named_too(crowd: RunDocument) -> None:
    trials = [
        trial.model_copy(update={"factors": {"target.server": trial.factors["target.server"]}})
        for trial in crowd.trials
        if trial.factors["load.idle"] == 0
    ]
    assert describe_impossible(arrange({}, trials)).startswith("Not possible on this machine: node (node is not")
