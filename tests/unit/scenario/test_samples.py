"""Names of requests, the bound on their number, and checks."""

import pytest

from loadlab.recording.outcomes import Outcome
from loadlab.scenario.samples import MOST_NAMES, Samples, name_of_request


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/", "GET /"),
        ("/items/17", "GET /items/{id}"),
        ("/items/17/", "GET /items/{id}/"),
        ("/users/1/posts/2", "GET /users/{id}/posts/{id}"),
        ("/1/2/3", "GET /{id}/{id}/{id}"),
        ("/x/6f1c2b3a-0000-4000-8000-0123456789AB", "GET /x/{id}"),
        ("/x/0123456789abcdef01234567", "GET /x/{id}"),
        ("/v1/items", "GET /v1/items"),
        ("/items/17a", "GET /items/17a"),
        ("/items-17", "GET /items-17"),
        ("/deadbeef", "GET /deadbeef"),  # too short to be sure
        ("/accessibility", "GET /accessibility"),
        ("/effaceddecade", "GET /effaceddecade"),  # a word without a digit
        ("/a%20b/7", "GET /a%20b/{id}"),
    ],
)
def test_a_name_leaves_out_what_differs(path: str, name: str) -> None:
    assert name_of_request("GET", path) == name


def test_a_query_is_no_part_of_a_name() -> None:
    samples = Samples("checkout", frozenset([200]))
    numbers = {samples.request("GET", path) for path in (b"/items/1?page=2", b"/items/2", b"/items/3?")}
    assert numbers == {1}
    assert samples.labels == [("iteration", "checkout"), ("request", "GET /items/{id}")]


def test_a_step_and_a_request_of_the_same_name_are_apart() -> None:
    samples = Samples("checkout", frozenset([200]))
    assert samples.named("step", "browse") != samples.named("request", "browse")
    assert samples.named("step", "browse") == samples.named("step", "browse")


@pytest.mark.parametrize("level", ["request", "step"])
def test_names_of_a_level_are_bounded(level: str) -> None:
    samples = Samples("checkout", frozenset([200]))
    numbers = [samples.named(level, f"name {number}") for number in range(MOST_NAMES + 50)]  # type: ignore[arg-type]
    assert len(set(numbers)) == MOST_NAMES + 1
    assert len(set(numbers[MOST_NAMES:])) == 1
    assert samples.labels[-1] == (level, f"other {level}s")
    assert samples.named(level, "name 3") == numbers[3]  # type: ignore[arg-type]
    other = "step" if level == "request" else "request"
    assert samples.labels[samples.named(other, "new")] == (other, "new")  # type: ignore[arg-type]
    assert len(samples.labels) == len(samples.recorders) == MOST_NAMES + 3


def test_a_name_that_the_scenario_calls_as_the_rest_is_called_is_no_trap() -> None:
    samples = Samples("checkout", frozenset([200]))
    for number in range(MOST_NAMES):
        samples.named("request", f"name {number}")
    assert samples.labels[samples.named("request", "other requests")] == ("request", "other requests")
    assert samples.named("request", "one more") == samples.named("request", "other requests")


def test_checks_are_counted_by_name_and_bounded() -> None:
    samples = Samples("checkout", frozenset([200]))
    for number in range(MOST_NAMES + 10):
        samples.check(f"check {number}", number % 2 == 0)
    samples.check("check 1", True)
    assert (samples.checks["check 1"].passed, samples.checks["check 1"].failed) == (1, 1)
    assert (samples.checks["other checks"].passed, samples.checks["other checks"].failed) == (5, 5)
    assert len(samples.checks) == MOST_NAMES + 1


def test_what_was_answered_are_requests_alone() -> None:
    samples = Samples("checkout", frozenset([200]))
    for number in (samples.named("request", "get"), samples.named("step", "browse"), 0):
        samples.recorders[number].prompt.append(5)
        samples.recorders[number].prompt_dispatch.append(1)
    assert samples.answered() == 1


@pytest.mark.parametrize(("statuses", "usual"), [([200, 404], 200), ([204, 201], 201), ([], 0)])
def test_the_usual_status_needs_no_counting(statuses: list[int], usual: int) -> None:
    samples = Samples("checkout", frozenset(statuses))
    assert samples.is_usual(usual)
    assert not samples.is_usual(404)
    recorder = samples.recorders[samples.named("request", "get")]
    recorder.prompt.append(5)
    recorder.prompt_dispatch.append(1)
    snapshot = recorder.take(0, 1, ())
    assert snapshot.outcomes == {Outcome.OK: 1}
    assert snapshot.statuses == ({str(usual): 1} if usual else {})
