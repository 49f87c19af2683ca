import pytest

from loadlab.analysis.stacks import changed_functions, merge_stacks, summarise_cpu, top_functions
from loadlab.results.folded_stacks import CpuRecording, RecordedStacks, Stacks

STACKS = {
    ("main", "serve", "send"): 50,
    ("main", "serve", "parse"): 30,
    ("main", "serve"): 10,
    ("worker", "walk", "walk", "walk"): 10,
}


def test_functions_are_ranked_by_their_own_time_and_know_that_of_what_they_called() -> None:
    top = [(each.name, each.self_share, each.total_share) for each in top_functions(STACKS)]
    assert top == [("send", 0.5, 0.5), ("parse", 0.3, 0.3), ("serve", 0.1, 0.9), ("walk", 0.1, 0.1)]


def test_a_function_that_calls_itself_counts_once_in_a_stack() -> None:
    (walk,) = top_functions({("worker", "walk", "walk", "walk"): 4})
    assert (walk.self_share, walk.total_share) == (1.0, 1.0)


def test_a_thread_is_no_function() -> None:
    assert [each.name for each in top_functions({("main",): 5, ("main", "main"): 5})] == ["main"]
    assert top_functions({("main",): 5}) == []


def test_only_the_busiest_functions_are_named() -> None:
    stacks: Stacks = {("main", f"function {number}"): number for number in range(1, 30)}
    assert [each.name for each in top_functions(stacks, limit=2)] == ["function 29", "function 28"]


def test_no_samples_have_no_functions() -> None:
    assert top_functions({}) == []


def test_profiles_are_merged_by_their_stacks() -> None:
    assert merge_stacks({("a", "b"): 1, ("a",): 2}, {("a", "b"): 3}) == {("a", "b"): 4, ("a",): 2}


def test_changes_are_those_of_shares_whatever_the_number_of_samples() -> None:
    before: Stacks = {("main", "send"): 90, ("main", "select"): 10}
    after: Stacks = {("main", "send"): 4, ("main", "select"): 6, ("main", "poll"): 10}
    changes = changed_functions(before, after)
    assert [(each.name, each.before, each.after) for each in changes] == [
        ("send", 0.9, 0.2),
        ("poll", 0.0, 0.5),
        ("select", 0.1, 0.3),
    ]
    assert changes[0].change == pytest.approx(-0.7)


def test_nothing_can_be_compared_with_no_samples() -> None:
    assert changed_functions({}, STACKS) == []
    assert changed_functions(STACKS, {}) == []


def test_a_summary_has_a_profile_for_each_backend_and_names_what_is_missing() -> None:
    perf = RecordedStacks("perf", 499, STACKS, lost=3, blocking=False, notes=("A note.",))
    summary = summarise_cpu(CpuRecording((perf,), ("py-spy: py-spy is not installed; pip install py-spy",)), "client")
    assert summary.backend == "perf"
    assert summary.missing == ["py-spy: py-spy is not installed; pip install py-spy"]
    (profile,) = summary.profiles
    assert (profile.file, profile.samples, profile.lost, profile.rate_hz) == ("cpu-client-perf.folded", 100, 3, 499)
    assert profile.notes == ["A note."]
    assert profile.top[0].name == "send"
