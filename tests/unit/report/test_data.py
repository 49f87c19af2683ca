import pytest

from loadlab.report.data import Fact, Page, build_page
from loadlab.results.directory import RunDirectory
from loadlab.results.model import Expectation, RunDocument


def build(document: RunDocument, run: RunDirectory) -> Page:
    return build_page(document, run.read_profile_text(), run.read_latencies, run.read_stacks)


@pytest.fixture(scope="module")
def page(sample_run: RunDirectory) -> Page:
    return build(sample_run.read_document(), sample_run)


def test_the_charts_stand_in_their_order_each_with_its_sentence(page: Page) -> None:
    assert [captioned.chart.key for captioned in page.charts] == ["throughput", "response", "cpu"]
    assert [len(captioned.chart.panels) for captioned in page.charts] == [1, 2, 1]
    throughput, response, cpu = [captioned.sentence for captioned in page.charts]
    assert throughput.startswith("From 0 to 19,000 dead connections: epoll 21,")
    assert response.startswith("99th percentile (p99). From 0 to 19,000 dead connections: epoll ")
    assert cpu.startswith("From 0 to 19,000 dead connections: epoll ")


def test_the_key_facts(page: Page) -> None:
    assert page.facts == (
        "closed model: 16 users",
        "15 trials (13 done, 1 failed, 1 not possible)",
        "2026-10-14 17:05 UTC",
        "1 min 18 s",
        "bench-1, 2 cores",
    )


def test_a_server_that_ran_already_is_named_unless_the_sweep_does(sample_run: RunDirectory) -> None:
    document = sample_run.read_document()
    running = {**document.profile, "target": {"address": "127.0.0.1:8080", "pid": None}}
    assert "the server at 127.0.0.1:8080" in build(document.model_copy(update={"profile": running}), sample_run).facts
    compared = {**running, "sweep": {"target.address": ["127.0.0.1:8080", "127.0.0.1:8081"]}}
    facts = build(document.model_copy(update={"profile": compared}), sample_run).facts
    assert not any("server at" in fact for fact in facts)


def test_how_it_was_measured(page: Page) -> None:
    assert Fact("Placement", "load on CPU 1; target on CPU 0") in page.machine
    assert Fact("Memory", "24 GiB") in page.machine
    assert page.command == "loadlab run profiles/select-vs-epoll.yaml"


def test_findings_name_their_settings_in_the_order_of_the_sweep(page: Page) -> None:
    few_samples = next(group for group in page.findings if group.code == "few_samples")
    assert [each.where for each in few_samples.occurrences] == [
        "select at 5,000 dead connections",
        "select at 10,000 dead connections",
        "poll at 5,000 dead connections",
        "poll at 10,000 dead connections",
    ]


def test_an_interrupted_run_says_what_is_missing(sample_run: RunDirectory) -> None:
    document = sample_run.read_document().model_copy(update={"finished": None, "trials_planned": 20})
    page = build(document, sample_run)
    assert page.facts[1] == "20 trials (13 done, 1 failed, 1 not possible, 5 not run)"
    assert "did not finish" in page.facts
    assert "interrupted" in build(document.model_copy(update={"interrupted": True}), sample_run).facts


def test_a_run_without_a_measured_trial_has_a_page_without_charts(sample_run: RunDirectory) -> None:
    document = sample_run.read_document()
    trials = [trial for trial in document.trials if trial.state != "done"]
    page = build(document.model_copy(update={"trials": trials}), sample_run)
    assert (page.charts, page.curves) == ((), ())
    assert page.gaps.startswith("2 of 2 trials have no point here")
    assert len(page.table.rows) == 2


def test_a_run_without_any_trial_has_a_page_too(sample_run: RunDirectory) -> None:
    page = build(sample_run.read_document().model_copy(update={"trials": []}), sample_run)
    assert (page.charts, page.curves, page.findings, page.table.rows) == ((), (), (), ())


def test_expectations_are_told_once_with_where_they_were_missed(sample_run: RunDirectory) -> None:
    document = sample_run.read_document()
    trials = [
        trial.model_copy(update={"expectations": [Expectation(text="failures == 0", met=met, measured="3")]})
        for trial, met in zip(document.trials, [False, *[True] * 14], strict=True)
    ]
    [expectation] = build(document.model_copy(update={"trials": trials}), sample_run).expectations
    assert (expectation.text, expectation.checked) == ("failures == 0", 15)
    assert len(expectation.missed) == 1
    assert expectation.missed[0].endswith("dead connections: 3")
