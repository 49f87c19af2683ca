"""What stands first on the page of a comparison: the answer in its head, the table, and the difference over time."""

from pathlib import Path
from typing import Any

import pytest

from loadlab.analysis.pairs import differences
from loadlab.report.page import build_page, render
from loadlab.report.sections.ab import Comparison, difference_over_time, draw_difference
from loadlab.report.sections.charts import CaptionedChart
from loadlab.report.sections.why import Why
from loadlab.results.run import RunDocument

from ....paired_run import document_of, paired_document, paired_rounds, paired_trial, write_paired
from ....probed_run import syscalls_probe
from ..laid_out import run_of


def comparison_of(document: RunDocument) -> Comparison:
    page = build_page(run_of(document))
    first, *others = page.sections
    assert isinstance(first, Comparison)
    assert not any(isinstance(section, CaptionedChart) for section in others)
    return first


def test_the_first_screen_has_the_answer_how_sure_it_is_and_the_table() -> None:
    document = paired_document(change=-0.05)
    page = build_page(run_of(document))
    assert page.answer[0].startswith("B answers ")
    assert page.certainty[0].text.startswith("120 pairs of slices of 100 ms in turn")
    section = comparison_of(document)
    assert section.labels == (("A", "http://localhost:8000/"), ("B", "http://localhost:8001/"))
    assert section.table is not None
    assert [row[0] for row in section.table.rows][:2] == ["Requests per second", "CPU time of the target per request"]


def test_the_line_over_time_ends_where_the_table_says() -> None:
    document = paired_document(change=-0.05)
    over_time = difference_over_time(document)
    assert over_time is not None
    assert document.ab is not None
    last = over_time.estimates[-1]
    assert (last.pairs, last.found.change) == (120, document.ab.differences[0].change)
    assert len(over_time.pairs) == 120
    low, high = over_time.ends
    assert low < last.found.low < last.found.high < high
    assert "pairs lie beyond the figure." in over_time.sentence


def test_no_band_reaches_beyond_the_figure() -> None:
    over_time = difference_over_time(paired_document(change=0.0))
    assert over_time is not None
    band, points, line = draw_difference(over_time).data
    low, high = over_time.ends
    assert low <= min(band.y) <= max(band.y) <= high
    assert len(points.x) < len(over_time.pairs)
    assert len(line.x) == len(over_time.estimates)


@pytest.mark.parametrize(
    "changes", [{"on": "failures"}, {"on": "target.cpu_ns_per_request", "differences": []}], ids=["shares", "unknown"]
)
def test_without_ratios_there_is_no_figure(changes: dict[str, Any]) -> None:
    rounds = [[each.model_copy(update={"cpu_ns_per_request": None}) for each in side] for side in paired_rounds(0, 20)]
    document = document_of(paired_trial("A", rounds[0]), paired_trial("B", rounds[1]), **changes)
    assert comparison_of(document).over_time is None


def test_a_side_that_died_has_a_page(tmp_path: Path) -> None:
    run = write_paired(tmp_path)
    a_rounds, b_rounds = paired_rounds(0.0, 2)
    dead = paired_trial("B", b_rounds, state="failed", reason="the target died")
    run.write_document(document_of(paired_trial("A", a_rounds), dead, ended="failed", differences=[]))
    assert "B failed: the target died." in render(run)


def test_what_probes_saw_of_a_and_b_stands_side_by_side() -> None:
    a_rounds, b_rounds = paired_rounds(0.3, 20)
    trials = [
        paired_trial(name, rounds, probes={"syscalls": syscalls_probe(server, 0)})
        for name, rounds, server in (("A", a_rounds, "select"), ("B", b_rounds, "epoll"))
    ]
    document = document_of(*trials, differences=differences(a_rounds, b_rounds))
    [why] = [section for section in build_page(run_of(document)).sections if isinstance(section, Why)]
    [series] = why.series
    assert (series.name, series.ends) == ("B against A", ("A", "B"))
    assert series.table is not None
    assert [group.title for group in series.table.groups] == ["at A", "at B"]
