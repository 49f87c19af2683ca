import pytest

from loadlab.report.data import Page, build_page
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
    assert throughput.startswith("From 0 to 19,000 idle connections: epoll 21,")
    assert response.startswith("99th percentile (p99). From 0 to 19,000 idle connections: epoll ")
    assert cpu.startswith("From 0 to 19,000 idle connections: epoll ")


def test_the_key_facts(page: Page) -> None:
    assert page.facts == (
        "closed model: 16 users",
        "15 trials (13 done, 1 failed, 1 not possible)",
        "2026-10-14 17:05 UTC",
        "1 min 18 s",
        "bench-1, 2 cores",
    )


def test_how_it_was_measured(page: Page) -> None:
    assert page.machine[0].name == "Machine"
    assert page.command == "loadlab run profiles/select-vs-epoll.yaml"


def test_findings_name_their_settings_in_the_order_of_the_sweep(page: Page) -> None:
    few_samples = next(group for group in page.findings if group.code == "few_samples")
    assert [each.where for each in few_samples.occurrences] == [
        "select at 5,000 idle connections",
        "select at 10,000 idle connections",
        "poll at 5,000 idle connections",
        "poll at 10,000 idle connections",
    ]


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
    assert expectation.missed[0].endswith("idle connections: 3")
