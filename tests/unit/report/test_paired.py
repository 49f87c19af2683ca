"""A comparison in words: the answer first, nothing that the pairs do not show, and what limits it."""

import pytest

from loadlab.analysis.pairs import differences
from loadlab.report.paired import compared_figures, describe_answer, describe_course, describe_limits
from loadlab.results.trial import Round, TrialResult
from loadlab.results.verdict import Finding, Verdict

from ...paired_run import SLICE_NS, document_of, paired_document, paired_rounds, paired_trial

NBSP = "\N{NO-BREAK SPACE}"
CLIENT_BOUND = Verdict(
    state="suspect",
    findings=[Finding(code="client_bound", severity="suspect", text="The client.", evidence="", advice="")],
)


def slices(*requests: int) -> list[Round]:
    return [
        Round(at=at, window_ns=SLICE_NS, requests=each, requests_per_second=10.0 * each, p50_ns=1 if each else None)
        for at, each in enumerate(requests)
    ]


def test_what_the_interval_shows_is_the_answer() -> None:
    document = paired_document(change=-0.05)
    answer = describe_answer(document)
    assert answer.startswith("B answers ")
    assert "fewer requests/s than A (95 %:" in answer.replace(NBSP, " ")
    assert [*describe_limits(document)] == []


def test_no_difference_comes_with_what_would_have_been_recognised() -> None:
    document = paired_document(change=0.0)
    assert describe_answer(document).startswith("No difference in throughput: A and B are within ")
    [limit] = describe_limits(document)
    assert limit.startswith("A difference of ")
    assert limit.endswith(" or more would have been recognised.")


def test_a_wide_interval_is_not_called_no_difference() -> None:
    document = paired_document(change=0.0, pairs=12, ended="at most")
    assert describe_answer(document).startswith("Undecided: the difference in throughput lies between ")
    assert "not 2 %; about " in describe_course(document).replace(NBSP, " ")


@pytest.mark.parametrize(
    ("ended", "end"),
    [("within", "until throughput was known to within 2 %."), ("interrupted", "then interrupted.")],
)
def test_the_course_says_what_ended_it(ended: str, end: str) -> None:
    course = describe_course(paired_document(ended=ended)).replace(NBSP, " ")
    assert course.startswith("120 pairs of slices of 100 ms in turn, in ")
    assert course.endswith(end)


def test_a_side_that_failed_is_the_answer() -> None:
    dead = paired_trial("B", [], state="failed", reason="the target died", verdict=Verdict(state="invalid"))
    document = document_of(paired_trial("A", []), dead, ended="failed")
    assert describe_answer(document) == "B failed: the target died."
    assert describe_course(document) == ""
    assert [*describe_limits(document)] == []


def test_where_the_client_was_the_limit_of_both_cpu_time_is_compared_instead() -> None:
    a_rounds, b_rounds = paired_rounds(0.0, 40)
    dearer = [each.model_copy(update={"cpu_ns_per_request": 1.5 * (each.cpu_ns_per_request or 0)}) for each in b_rounds]
    a, b = (paired_trial(name, rounds, verdict=CLIENT_BOUND) for name, rounds in (("A", a_rounds), ("B", dearer)))
    answer = describe_answer(document_of(a, b))
    assert answer.startswith("The client was the limit with both servers")
    assert "B uses " in answer
    assert "more CPU time per request than A" in answer


def test_a_lower_bound_of_the_faster_side_leaves_the_difference_but_is_named() -> None:
    a_rounds, b_rounds = paired_rounds(-0.3, 40)
    a, b = paired_trial("A", a_rounds, verdict=CLIENT_BOUND), paired_trial("B", b_rounds)
    document = document_of(a, b)
    assert describe_answer(document).startswith("B answers ")
    assert "The client was the limit with A, which could answer more than it did." in [*describe_limits(document)]
    # Of the slower one it could have hidden any difference.
    document = document_of(paired_trial("A", a_rounds), paired_trial("B", b_rounds, verdict=CLIENT_BOUND))
    assert describe_answer(document).startswith("The client was the limit with B")


def test_a_side_that_answers_in_few_slices_is_compared_with_a_warning() -> None:
    a, b = paired_trial("A", slices(*[1000] * 20)), paired_trial("B", slices(*[0, 0, 0, 1] * 5))
    document = document_of(a, b)
    assert "requests/s" in describe_answer(document)
    assert "B answered nothing in 15 of 20 slices; longer ones (--slice) say more." in [*describe_limits(document)]


@pytest.mark.parametrize(
    ("outcomes", "answer"),
    [
        ({"cut": 20}, "No request to B was answered within a slice of 100 ms; longer ones (--slice) may count some."),
        ({"status": 4321, "cut": 20}, "Requests to B failed: unexpected status (4,321)."),
    ],
)
def test_a_side_that_answers_nothing_is_named_with_the_reason(outcomes: dict[str, int], answer: str) -> None:
    a, b = paired_trial("A", slices(*[1000] * 8)), paired_trial("B", slices(*[0] * 8), outcomes=outcomes)
    document = document_of(a, b)
    assert describe_answer(document) == f"A answers 10,000 requests/s, B none. {answer}"
    both = document_of(paired_trial("A", slices(*[0] * 8), outcomes=outcomes), b)
    assert describe_answer(both).startswith("Neither A nor B answered a request as expected. ")


def test_requests_that_no_slice_counts_are_named() -> None:
    rounds = slices(*[10] * 8)
    slow = paired_trial("B", rounds, outcomes={"ok": 80, "cut": 40})
    limits = [*describe_limits(document_of(paired_trial("A", rounds, outcomes={"ok": 80}), slow))]
    assert any(limit.startswith(f"33{NBSP}% of B's requests were in flight") for limit in limits)


def test_too_few_pairs_and_what_was_not_measured_are_no_difference() -> None:
    few = paired_document(pairs=3, ended="interrupted")
    assert describe_answer(few) == "A and B cannot be compared in throughput: 3 pairs are too few for an interval."
    unknown = paired_document(on="target.cpu_ns_per_request", differences=[])
    assert describe_answer(unknown) == (
        "A and B cannot be compared in CPU time per request: it was not measured of A and B."
    )


def test_the_table_has_what_was_measured_of_any_side() -> None:
    rounds = [*paired_rounds(-0.2, 40)]
    bare = [each.model_copy(update={"cpu_ns_per_request": None}) for each in rounds[1]]
    document = document_of(paired_trial("A", rounds[0]), paired_trial("B", bare))
    rows = {row.short: row for row in compared_figures(document)}
    assert [*rows] == ["requests/s", "CPU per request", "p50", "p90", "p99", "failed"]
    assert (rows["requests/s"].merit, rows["p50"].merit, rows["failed"].merit) == ("worse", "worse", "")
    assert (rows["CPU per request"].b, rows["CPU per request"].change) == ("\N{EN DASH}", "\N{EN DASH}")


def test_errors_of_one_side_are_the_answer_where_they_were_asked_for() -> None:
    rounds = paired_rounds(0.0, 40)
    faulty = [each.model_copy(update={"failures": 20}) for each in rounds[1]]
    trials: list[TrialResult] = [paired_trial("A", rounds[0]), paired_trial("B", faulty)]
    found = differences(rounds[0], faulty)
    answer = describe_answer(document_of(*trials, on="failures", differences=found))
    assert "of B's requests fail, 0 % of A's" in answer.replace(NBSP, " ")


@pytest.mark.parametrize(
    ("protocol", "answer", "silence"),
    [
        (
            "websocket",
            "A answers 10,000 round trips/s, B none. No message to B was answered within",
            "answered a message",
        ),
        ("events", "A sends 10,000 events/s, B none. No event of B was received within", "sent an event"),
    ],
)
def test_what_both_sides_count_is_called_by_its_name(protocol: str, answer: str, silence: str) -> None:
    of_protocol = {"protocol": protocol, "window_ns": 800_000_000}
    a, b = (paired_trial(name, slices(*[rate] * 8), outcomes={"cut": 20}) for name, rate in (("A", 1000), ("B", 0)))
    spoken_a, spoken_b = (trial.model_copy(update=of_protocol) for trial in (a, b))
    assert describe_answer(document_of(spoken_a, spoken_b)).startswith(answer)
    mute = document_of(spoken_b.model_copy(update={"id": "A"}), spoken_b)
    assert describe_answer(mute).startswith(f"Neither A nor B {silence} as expected. ")


def test_the_rows_of_round_trips() -> None:
    document = paired_document()
    spoken = [trial.model_copy(update={"protocol": "tcp", "window_ns": 1}) for trial in document.trials]
    rows = compared_figures(document.model_copy(update={"trials": spoken}))
    assert [(row.title, row.short) for row in rows][:2] == [
        ("Round trips per second", "round trips/s"),
        ("CPU time of the target per round trip", "CPU per round trip"),
    ]
    assert describe_answer(document.model_copy(update={"trials": spoken})).count(" round trips/s than A ") == 1
