from loadlab.report.sections.expectations import results_of, sections_of
from loadlab.results.directory import RunDirectory
from loadlab.results.run import RunDocument
from loadlab.results.verdict import Expectation

from ..laid_out import run_of


def expecting(document: RunDocument, *entries: object) -> RunDocument:
    return document.model_copy(update={"profile": {**document.profile, "expect": list(entries)}})


def test_met_and_failed_stand_with_what_was_measured_where(sample_run: RunDirectory) -> None:
    document = expecting(sample_run.read_document(), "failures == 0")
    trials = [
        trial.model_copy(update={"expectations": [Expectation(text="failures == 0", met=met, measured="3")]})
        for trial, met in zip(document.trials, [*[True] * 14, False], strict=True)
    ]
    run = run_of(document.model_copy(update={"trials": trials}))
    [result] = results_of(run)
    assert (result.text, len(result.checks), result.failed) == ("failures == 0", 15, 1)
    # The failed one is first, wherever its trial stands.
    assert [check.met for check in result.checks[:2]] == [False, True]
    assert result.checks[0].where == run.arrangement.name_of_trial(trials[-1])
    [section] = sections_of(run)
    assert section.sentence == "0 of 1 met."


def test_expectations_on_laws_are_there_with_their_series(sample_run: RunDirectory) -> None:
    text = "slope of target.cpu_ns_per_request over load.idle < 1ns"
    outcomes = [
        Expectation(text=text, met=True, measured="0.03 ns (95 %: 0 to 0.1)", series="epoll"),
        Expectation(text=text, met=False, measured="72 ns (95 %: 71 to 73)", series="select"),
    ]
    document = expecting(sample_run.read_document(), text).model_copy(update={"expectations": outcomes})
    [result] = results_of(run_of(document))
    assert [(check.where, check.met) for check in result.checks] == [("select", False), ("epoll", True)]
    assert result.checks[0].measured == "72 ns (95 %: 71 to 73)"


def test_what_was_never_checked_is_named_too(sample_run: RunDirectory) -> None:
    entry = {"expect": "response_ns.p99 <= 5ms", "where": {"load.idle": 77}}
    [result] = results_of(run_of(expecting(sample_run.read_document(), entry)))
    assert result.text.startswith("response_ns.p99 <= 5ms where load.idle")
    assert (result.checks, result.failed) == ((), 0)


def test_what_another_version_expected_is_shown_as_it_is(sample_run: RunDirectory) -> None:
    results = results_of(run_of(expecting(sample_run.read_document(), "speed =~ fast", {"hope": 1})))
    assert [result.text for result in results] == ["speed =~ fast", "{'hope': 1}"]


def test_a_profile_that_expects_nothing_has_no_section(sample_run: RunDirectory) -> None:
    assert [*sections_of(run_of(sample_run.read_document()))] == []
