import re
from html.parser import HTMLParser

import pytest

from loadlab.analysis.comparison import ComparedFigure, ComparedSetting, RunComparison, compare_runs
from loadlab.report.comparison.page import render_comparison
from tests.sample_run import sample_document


def page_of(comparison: RunComparison) -> str:
    return render_comparison("A  base: mine", [("B", "B  other: mine", comparison)])


def comparison_of(*figures: ComparedFigure, setting: str = "epoll") -> RunComparison:
    settings = [
        ComparedSetting(factors={"target.server": setting}, base_trials=["001"], other_trials=["001"], figures=[figure])
        for figure in figures
    ]
    return RunComparison(obstacles=[], remarks=[], settings=settings, left_out=[], overall=[])


def rate(change: float, low: float, high: float) -> ComparedFigure:
    return ComparedFigure(
        metric="requests_per_second", a=100.0, b=100 * (1 + change), change=change, interval=(low, high), visible=0.1
    )


def places_of(page: str) -> list[float]:
    return [float(place) for place in re.findall(r'class="point" cx="([\d.]+)"', page)]


def test_the_page_works_offline_and_runs_no_script() -> None:
    page = page_of(compare_runs(sample_document(), sample_document()))
    assert "<script" not in page
    assert "default-src 'none'" in page
    assert re.findall(r'(?:src|href)="', page) == []


def test_every_figure_has_a_table_with_a_row_for_each_setting() -> None:
    comparison = compare_runs(sample_document(), sample_document())
    page = page_of(comparison)
    assert re.findall(r"<h3>(.*?)</h3>", page)[:3] == ["throughput", "CPU time per request", "p50"]
    assert page.count("<caption>") == page.count("<table>") == len(re.findall("<h3>.*</h3>\n  <div", page))
    assert page.count('<th scope="row">') == len(list(comparison.figures))


def test_changes_lie_on_one_axis_with_no_change_in_the_middle() -> None:
    better, worse, same = places_of(
        page_of(comparison_of(rate(0.1, 0.05, 0.15), rate(-0.1, -0.2, -0.01), rate(0, -0.1, 0.1)))
    )
    assert better > 150 > worse
    assert same == 150


def test_an_interval_that_leaves_the_axis_ends_in_an_arrow() -> None:
    page = page_of(comparison_of(rate(0.1, -0.9, 9.0), rate(0.02, 0.01, 0.03)))
    assert page.count("<polygon") == 2
    assert "<span>\N{MULTIPLICATION SIGN}2.0</span>" in page


@pytest.mark.parametrize(
    ("figure", "effect"),
    [(rate(0.1, 0.05, 0.15), "better"), (rate(-0.1, -0.2, -0.05), "worse"), (rate(0.1, -0.1, 0.3), "none")],
)
def test_rows_are_coloured_by_what_the_interval_shows(figure: ComparedFigure, effect: str) -> None:
    assert f'<tr class="{effect}">' in page_of(comparison_of(figure))


def test_names_of_the_users_are_text_and_no_markup() -> None:
    page = page_of(comparison_of(rate(0, -0.1, 0.1), rate(0, -0.1, 0.1), setting="<script>alert(1)</script>"))
    parser = _Tags()
    parser.feed(page)
    assert "script" not in parser.found


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.add(tag)
