import importlib
import json
import pkgutil
import re
from collections import Counter
from html.parser import HTMLParser
from importlib.resources import files
from pathlib import Path
from unittest.mock import patch

import pytest

from loadlab.report import render, sections
from loadlab.report.page import build_page
from loadlab.report.sections.section import Section
from loadlab.results.directory import RunDirectory
from loadlab.results.probe_data import Probes
from loadlab.results.run import RunDocument
from loadlab.results.verdict import Expectation

from ...probed_run import syscalls_probe
from .laid_out import run_of

EVIL = "</script><script>alert(1)</script><img src=x onerror=alert(1)>\u2028<!--"


class Outline(HTMLParser):
    """What a page is made of: its elements, its headings, its scripts, and every address it refers to."""

    VOID = frozenset({"meta", "input", "img", "br", "link"})

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: Counter[str] = Counter()
        self.attributes: Counter[str] = Counter()
        self.ids: list[str] = []
        self.texts: dict[str, list[str]] = {}
        self.addresses: list[str] = []
        self.open: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements[tag] += 1
        self.attributes.update(name for name, _ in attrs)
        self.ids += [value or "" for name, value in attrs if name == "id"]
        self.addresses += [value or "" for name, value in attrs if name in {"src", "href", "action"}]
        self.texts.setdefault(tag, []).append("")
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open:
            self.texts[self.open[-1]][-1] += data


@pytest.fixture(scope="module")
def outline(sample_run: RunDirectory) -> Outline:
    return Outline(render(sample_run))


def test_the_sections_stand_in_their_order(outline: Outline) -> None:
    assert outline.texts["h1"] == ["select-vs-epoll"]
    assert outline.texts["h2"] == [
        "In detail",
        "Throughput, closed model",
        "Response time, closed model",
        "CPU time of the target per request",
        "Response time by percentile, closed model",
        "Findings",
        "All trials, closed model",
        "How it was measured",
        "Terms",
    ]
    assert outline.open == []


def test_each_figure_has_its_place_and_its_data(outline: Outline) -> None:
    figures = json.loads(next(text for text in outline.texts["script"] if text.startswith("{")))
    assert list(figures) == [
        "throughput-0",
        "response-0",
        "response-1",
        "cpu-0",
        *(f"cpu-split-{line}" for line in range(3)),
        "curves-0",
    ]
    assert set(figures) <= set(outline.ids)
    assert len(outline.ids) == len(set(outline.ids))


def test_the_table_can_be_sorted_by_every_column(outline: Outline) -> None:
    assert (
        outline.elements["th"] == len(outline.texts["button"]) - 3 * 3 - 2
    )  # but for the legends of three charts and a split
    assert outline.elements["tbody"] == 15


def test_the_plot_library_is_there_once_and_nothing_is_fetched(outline: Outline) -> None:
    assert sum("plotly.js v" in text for text in outline.texts["script"]) == 1
    # What it refers to are its own terms.
    assert {address.removeprefix("#") for address in outline.addresses} <= set(outline.ids)
    assert outline.elements["link"] == outline.elements["iframe"] == 0


def test_a_crowd_has_its_laws_and_what_is_not_possible(crowd_run: RunDirectory) -> None:
    outline = Outline(render(crowd_run))
    laws = [text for text in outline.texts["li"] if "does not depend on the number" in text]
    assert len(laws) == 10
    assert "Not possible on this machine: node (node is not installed; apt-get install nodejs)." in outline.texts["p"]


def test_a_microbenchmark_shows_no_requests(wait_run: RunDirectory) -> None:
    page = render(wait_run)
    outline = Outline(page)
    assert outline.texts["h2"] == [
        "In detail",
        "Time of one waiting call",
        "Findings",
        "All trials",
        "How it was measured",
        "Terms",
    ]
    assert "Seconds for 100,000 operations" in outline.texts["h3"]
    assert "Linux 2.6.25, the book" in outline.texts["th"]
    assert "Response time" not in page.partition('<script type="application/json"')[0]


def test_a_mix_has_a_second_table(mix_run: RunDirectory) -> None:
    outline = Outline(render(mix_run))
    assert outline.texts["h2"][-4:] == ["All trials", "Requests by kind", "How it was measured", "Terms"]
    assert outline.elements["tbody"] == 6 + 12


def test_an_open_load_is_called_so_and_shows_its_parts(open_run: RunDirectory) -> None:
    page = render(open_run)
    outline = Outline(page)
    assert outline.texts["h2"][1:4] == [
        "Response and service time, open model",
        "Where the response time goes",
        "Offered and answered",
    ]
    assert {"parts-5", "curves-0", "curves-1"} <= set(outline.ids)
    assert "open model: swept rate, Poisson arrivals" in outline.texts["li"]
    assert "≥ 16,666" in outline.texts["td"]


def test_the_error_added_by_the_client_has_its_place_where_it_was_measured(
    outline: Outline, sample_run: RunDirectory, tmp_path: Path
) -> None:
    assert "Error added by the client" in outline.texts["h3"]
    (tmp_path / "profile.yaml").write_text("")
    without = RunDirectory(tmp_path)
    without.write_document(sample_run.read_document().model_copy(update={"calibration": None}))
    assert "Error added by the client" not in Outline(render(without)).texts["h3"]


def test_probes_add_their_charts_and_the_chapter_on_why(probed_run: RunDirectory) -> None:
    outline = Outline(render(probed_run))
    headings = outline.texts["h2"]
    first = headings.index("Events returned per waiting call")
    assert headings[first + 1] == "System calls of the target per request"
    assert [headings[headings.index("Why") + offset] for offset in (-1, 1)] == [
        "Throughput, closed model",
        "Response time, closed model",
    ]
    assert {"waits-0", "calls-split-0", "calls-split-1", "why-0-0", "why-1-0"} <= set(outline.ids)
    assert "Profiling overhead, setting by setting" in outline.texts["summary"]
    assert [text for text in outline.texts["h3"] if text in {"select", "epoll", "Not available on this machine"}] == [
        "select", "epoll", "Not available on this machine",
        "select", "epoll",  # each heads its panel of CPU time
        "select", "epoll",  # and its panel of calls
    ]  # fmt: skip
    assert any(text.startswith("TCP on the whole machine") for text in outline.texts["p"])
    # Three flame graphs for each of both, and the script that draws them.
    assert sum('"rectangles"' in text for text in outline.texts["script"]) == 6
    assert outline.elements["script"] == 4 + 6


def test_a_page_without_flame_graphs_does_not_carry_their_script(outline: Outline) -> None:
    assert outline.elements["script"] == 3


@pytest.fixture
def evil_run(tmp_path: Path, sample_run: RunDirectory) -> RunDirectory:
    """The sample with markup in every text that comes from outside."""
    document = sample_run.read_document()
    trials = [
        trial.model_copy(
            update={
                "factors": {"target.server": EVIL, "load.idle": trial.factors["load.idle"]},
                "reason": trial.reason and EVIL,
                "probes": Probes(syscalls=syscalls_probe("poll", 0, calls_per_request={EVIL: 1.0}, missed=[EVIL])),
                "verdict": trial.verdict.model_copy(
                    update={
                        "findings": [
                            finding.model_copy(update=dict.fromkeys(("code", "text", "evidence", "advice"), EVIL))
                            for finding in trial.verdict.findings
                        ]
                    }
                ),
            }
        )
        for trial in document.trials
        if trial.factors["target.server"] == "poll"
    ]
    changes = {
        "trials": trials,
        "profile": {**document.profile, "name": EVIL, "about": EVIL},
        "host": document.host.model_copy(update={"hostname": EVIL, "cpu": EVIL}),
        "command": ["loadlab", EVIL],
        "started": EVIL,
    }
    run = RunDirectory(tmp_path)
    (tmp_path / "profile.yaml").write_text(EVIL)
    for trial in trials:
        latencies = sample_run.path / "trials" / trial.id / "latency.hlog"
        if latencies.exists():
            (tmp_path / "trials" / trial.id).mkdir(parents=True)
            (tmp_path / "trials" / trial.id / "latency.hlog").write_bytes(latencies.read_bytes())
    run.write_document(RunDocument.model_validate(document.model_dump() | changes))
    return run


def test_nothing_from_outside_becomes_markup(evil_run: RunDirectory) -> None:
    page = render(evil_run)
    outline = Outline(page)
    assert outline.elements["img"] == 0
    assert outline.elements["script"] == 3
    assert not [name for name in outline.attributes if name.startswith("on")]
    assert outline.texts["h1"] == [EVIL]
    data = re.search(r'<script type="application/json" id="figures">(.*?)</script>', page, re.DOTALL)
    assert data is not None
    assert not re.search("[<>&\u2028]", data[1])
    assert json.loads(data[1])["throughput-0"]["data"]
    assert json.loads(data[1])["calls-split-0"]["data"]
    assert any(f"System calls: {EVIL}" in text for text in outline.texts["li"])


def test_a_run_of_one_setting_shows_its_figures_and_no_charts(tmp_path: Path, sample_run: RunDirectory) -> None:
    document = sample_run.read_document()
    (tmp_path / "profile.yaml").write_text("")
    run = RunDirectory(tmp_path)
    [trial] = [trial for trial in document.trials if trial.factors == {"target.server": "epoll", "load.idle": 0}]
    run.write_document(document.model_copy(update={"trials": [trial]}))
    outline = Outline(render(run))
    assert outline.texts["h2"][:2] == ["In detail", "What was measured, closed model"]
    assert "epoll at 0 idle connections" in outline.texts["th"]
    assert not [name for name in outline.ids if name.startswith(("throughput", "cpu", "calls"))]


def test_a_run_without_measured_trials_says_so(tmp_path: Path, sample_run: RunDirectory) -> None:
    document = sample_run.read_document()
    (tmp_path / "profile.yaml").write_text("")
    run = RunDirectory(tmp_path)
    run.write_document(
        document.model_copy(update={"trials": [trial for trial in document.trials if trial.state != "done"]})
    )
    outline = Outline(render(run))
    assert "Nothing to draw" in outline.texts["h2"]
    assert any("select holds at most 16,384 connections" in text for text in outline.texts["span"])


def test_the_heading_has_the_key_facts(sample_run: RunDirectory) -> None:
    page = build_page(run_of(sample_run.read_document(), sample_run))
    assert page.title == "select-vs-epoll"
    assert page.facts == (
        "closed model: 16 users",
        "15 trials (13 done, 1 failed, 1 not possible)",
        "2026-10-14 17:05 UTC",
        "1 min 18 s",
        "bench-1, 2 cores",
    )


def test_the_head_links_to_the_findings_and_the_findings_to_their_trials(outline: Outline) -> None:
    assert "#findings" in outline.addresses
    assert sum(address.startswith("#trial-") for address in outline.addresses) > 1
    assert len([each for each in outline.ids if each.startswith("trial-")]) == 15


def test_every_section_has_its_template_beside_its_module() -> None:
    templates = files("loadlab.report") / "sections"
    declared = {section.template for section in _subclasses(Section)}
    assert {"overview.html", "trials.html", "why/why.html"} <= declared
    assert [template for template in declared if not (templates / template).is_file()] == []


def test_every_section_is_on_the_list() -> None:
    modules = [
        importlib.import_module(f"loadlab.report.sections.{module.name}")
        for module in pkgutil.iter_modules(sections.__path__)
    ]
    declared = {module.sections_of for module in modules if hasattr(module, "sections_of")}
    assert declared == set(sections.SECTIONS)


def _subclasses(base: type[Section]) -> list[type[Section]]:
    return [
        each for found in base.__subclasses__() if hasattr(found, "template") for each in (found, *_subclasses(found))
    ]


def test_a_run_without_any_trial_has_a_page_too(sample_run: RunDirectory) -> None:
    outline = Outline(render_page(sample_run.read_document().model_copy(update={"trials": []}), sample_run))
    assert outline.texts["h2"] == ["Nothing to draw", "Findings", "All trials", "How it was measured", "Terms"]


def render_page(document: RunDocument, run: RunDirectory) -> str:
    """As `render`, of another document."""
    with patch.object(RunDirectory, "read_document", return_value=document):
        return render(run)


def test_all_expectations_are_on_the_page_met_and_failed(sample_run: RunDirectory) -> None:
    document = sample_run.read_document()
    text = "slope of target.cpu_ns_per_request over load.idle < 1ns"
    trials = [
        trial.model_copy(update={"expectations": [Expectation(text="failures == 0", met=True, measured="0")]})
        for trial in document.trials
        if trial.state == "done"
    ]
    changes = {
        "trials": trials,
        "profile": {**document.profile, "expect": ["failures == 0", text]},
        "expectations": [Expectation(text=text, met=False, measured="72 ns (95 %: 71 ns to 73 ns)", series="select")],
    }
    outline = Outline(render_page(document.model_copy(update=changes), sample_run))
    assert outline.texts["h2"][:2] == ["In detail", "Expectations"]
    assert "1 of 2 met." in outline.texts["p"]
    assert outline.texts["code"] == ["failures == 0", text]
    assert any("72 ns (95 %: 71 ns to 73 ns) (select)" in " ".join(item.split()) for item in outline.texts["li"])
