"""The page in a real browser, from a file as a user opens it."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import cache
from itertools import pairwise
from pathlib import Path

import pytest

from loadlab.report import render
from loadlab.results.directory import RunDirectory
from loadlab.results.requests import FailureSample
from loadlab.results.run import RunDocument
from loadlab.results.trial import TrialResult
from loadlab.results.verdict import Finding, Verdict

from ..more_sample_runs import (
    write_crowd,
    write_million,
    write_mix,
    write_open,
    write_slow_senders,
    write_switch_cost,
    write_wait_cost,
)
from ..over_time_run import write_over_time
from ..probed_run import write_probed
from ..scenario_runs import write_shop, write_shop_rates, write_shop_servers, write_shop_users
from ..stream_runs import write_broadcast, write_websockets
from .browser import Browser, open_browser

PageOf = Callable[[Callable[[Path], RunDirectory]], Path]
PLOTS = ["throughput-0", "response-0", "response-1", "cpu-0", "curves-0"]
EVIL = "</script><script>alert(1)</script><img src=x onerror=alert(1)><!--"


@pytest.fixture(scope="module")
def browser(need_program: Callable[[str], str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with open_browser(need_program("chromium"), tmp_path_factory.mktemp("chromium")) as browser:
        yield browser


@pytest.fixture(scope="module")
def page(sample_run: RunDirectory, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("page") / "index.html"
    path.write_text(render(sample_run))
    return path


@pytest.fixture(scope="module")
def page_of(tmp_path_factory: pytest.TempPathFactory) -> PageOf:
    """Return the page of a run that a function writes; each is drawn once."""

    @cache
    def draw(write: Callable[[Path], RunDirectory]) -> Path:
        run = write(tmp_path_factory.mktemp("run"))
        run.write_page(render(run))
        return run.page_path

    return draw


@pytest.fixture(autouse=True)
def no_problems(browser: Browser) -> Iterator[None]:
    """No test of this file may leave an error in the console, or ask for more than the page itself."""
    browser.problems.clear()
    browser.requested.clear()
    yield
    assert browser.problems == []
    assert [url for url in browser.requested if not url.startswith(("file:", "data:", "blob:"))] == []


def test_every_figure_is_drawn_with_its_lines(browser: Browser, page: Path) -> None:
    browser.open(page)
    drawn = browser.evaluate(
        "[...document.querySelectorAll('.plot')].map((plot) => [plot.id, plot.querySelectorAll('path.js-line').length])"
    )
    # Three servers have a line each; the percentile plot begins with both ends of each of them.
    assert [each for each in drawn if each[1]] == [[plot, 6 if plot == "curves-0" else 3] for plot in PLOTS]
    bars = browser.evaluate("[...document.querySelectorAll('.plot:has(.barlayer .point)')].map((plot) => plot.id)")
    assert bars == [f"cpu-split-{server}" for server in range(3)]


def test_a_line_has_the_same_colour_in_every_figure_and_its_legend(browser: Browser, page: Path) -> None:
    browser.open(page)
    colours = browser.evaluate(
        """
        [0, 1, 2].map((line) => [...new Set([
          ...[...document.querySelectorAll('.chart:not(#percentiles) .scatterlayer')].map(
            (layer) => getComputedStyle(layer.querySelectorAll('path.js-line')[line]).stroke),
          getComputedStyle(document.querySelectorAll('.legend .swatch')[line]).fill,
        ])])
        """
    )
    assert [len(each) for each in colours] == [1, 1, 1]
    assert len({each[0] for each in colours}) == 3


def test_many_lines_keep_colour_and_dash_in_every_figure_and_share_them_with_no_other(
    browser: Browser, page_of: PageOf
) -> None:
    browser.open(page_of(write_crowd))
    looks = browser.evaluate(
        """
        (() => {
          const found = {};
          for (const plot of document.querySelectorAll('.chart .plot'))
            for (const trace of plot.data ?? [])
              if (trace.type === 'scatter' && trace.mode.startsWith('lines'))
                (found[trace.meta.line] ??= new Set()).add(`${trace.line.color} ${trace.line.dash}`);
          return Object.values(found).map((each) => [...each]);
        })()
        """
    )
    assert len(looks) == 13
    assert [len(each) for each in looks] == [1] * 13
    assert len({each[0] for each in looks}) == 13


def test_a_term_leads_to_its_definition(browser: Browser, page: Path) -> None:
    browser.open(page)
    where = "document.querySelector('#term-idle-connection').getBoundingClientRect().top < innerHeight"
    assert browser.evaluate(where) is False
    browser.evaluate("document.querySelector('main a[href=\"#term-idle-connection\"]').click()")
    assert browser.evaluate(where) is True
    assert browser.evaluate("document.querySelector(':target dt').textContent") == "Idle connection"


@pytest.mark.parametrize("width", [390, 1280])
def test_the_page_never_scrolls_sideways(browser: Browser, page: Path, width: int) -> None:
    browser.open(page, width)
    inside, all_of_it = browser.evaluate("[innerWidth, document.documentElement.scrollWidth]")
    assert all_of_it <= inside == width
    assert (
        browser.evaluate(
            "Math.max(...[...document.querySelectorAll('.plot svg')].map((svg) => svg.getBoundingClientRect().right))"
        )
        <= width
    )


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("write", [write_switch_cost, write_crowd, write_open, write_mix, write_shop, write_shop_users])
def test_no_labels_of_an_axis_touch_each_other(
    browser: Browser, page_of: PageOf, write: Callable[[Path], RunDirectory], width: int
) -> None:
    browser.open(page_of(write), width)
    touching = """
        [...document.querySelectorAll('.plot')].filter((plot) => ['.xtick', '.ytick'].some((ticks) => {
          const boxes = [...plot.querySelectorAll(ticks)].map((tick) => tick.getBoundingClientRect());
          return boxes.some((a, index) => boxes.slice(index + 1).some((b) =>
            a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom));
        })).map((plot) => plot.id)
    """
    assert browser.evaluate(touching) == []
    cut = """
        [...document.querySelectorAll('.plot text')].filter((text) => {
          const box = text.getBoundingClientRect(), plot = text.closest('.plot').getBoundingClientRect();
          return box.left < plot.left - 1 || box.right > plot.right + 1;
        }).map((text) => text.textContent)
    """
    assert browser.evaluate(cut) == []


def test_the_contents_lead_to_every_section(browser: Browser, page: Path) -> None:
    browser.open(page)
    titles = browser.evaluate("[...document.querySelectorAll('.contents a')].map((link) => link.textContent)")
    headings = browser.evaluate("[...document.querySelectorAll('h2')].map((heading) => heading.textContent)")
    assert titles == [heading.removesuffix(", closed model") for heading in headings]
    browser.evaluate("[...document.querySelectorAll('.contents a')].at(-1).click()")
    assert browser.evaluate("document.querySelector(':target h2').getBoundingClientRect().top < innerHeight") is True


def test_headings_have_no_gaps_and_tables_have_captions(browser: Browser, page_of: PageOf) -> None:
    browser.open(page_of(write_probed))
    levels = browser.evaluate(
        "[...document.querySelectorAll('h1, h2, h3, h4')].map((heading) => Number(heading.tagName[1]))"
    )
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    captions = browser.evaluate(
        "[...document.querySelectorAll('table')].map((table) => table.caption?.textContent ?? '')"
    )
    assert captions
    assert "" not in captions
    assert browser.evaluate("[...document.querySelectorAll('.plot:not([aria-label])')].length") == 0


def test_the_table_sorts_both_ways_with_absent_values_last(browser: Browser, page: Path) -> None:
    browser.open(page)
    clicked = """
        (() => {
          const button = [...document.querySelectorAll('th button')].find((each) => each.textContent === 'requests/s');
          button.click();
          const column = button.parentElement.cellIndex;
          return {
            sort: button.parentElement.getAttribute('aria-sort'),
            keys: [...document.querySelectorAll('tbody')].map((trial) => trial.rows[0].cells[column].dataset.sort),
          };
        })()
    """
    for direction in ("ascending", "descending"):
        state = browser.evaluate(clicked)
        assert state["sort"] == direction
        assert state["keys"][12:] == ["", "", ""]
        rates = [float(key) for key in state["keys"][:12]]
        assert rates == sorted(rates, reverse=direction == "descending")


def test_the_legend_hides_a_line_and_shows_it_again(browser: Browser, page: Path) -> None:
    browser.open(page)
    click = """
        document.querySelector('#response .legend [data-line="1"]').click();
        ['response-0', 'response-1', 'cpu-0'].map(
          (id) => document.getElementById(id).querySelectorAll('path.js-line').length)
    """
    assert browser.evaluate(click) == [2, 2, 3]
    assert browser.evaluate(click) == [3, 3, 3]


def test_bands_and_suspect_points_come_and_go_with_their_line(
    browser: Browser, tmp_path: Path, sample_run: RunDirectory
) -> None:
    document = sample_run.read_document()
    doubt = Finding(code="machine_speed", severity="suspect", text="", evidence="", advice="")
    trials = []
    for trial in document.trials:
        rate = trial.requests_per_second
        verdict = Verdict(state="suspect", findings=[doubt]) if trial.factors["load.idle"] == 1000 else trial.verdict
        confidence = {"requests_per_second": (0.9 * rate, 1.1 * rate)} if rate else {}
        trials.append(trial.model_copy(update={"confidence": confidence, "verdict": verdict}))
    spoiled = [trial.model_copy(update={"requests_per_second": 100.0}) for trial in trials[:1]]
    run = RunDirectory(tmp_path)
    run.write_document(document.model_copy(update={"trials": trials, "spoiled": spoiled}))
    run.write_page(render(run))
    browser.open(run.page_path)
    counted = """
        (() => {
          const plot = document.getElementById('throughput-0');
          const page = getComputedStyle(document.body).backgroundColor;
          const points = [...plot.querySelectorAll('.points path')];
          return [
            [...plot.querySelectorAll('path.js-fill')].filter((band) => band.getAttribute('d')).length,
            points.filter((point) => getComputedStyle(point).fill === page).length,
            [...plot.querySelectorAll('.trace')].filter((trace) => Number(getComputedStyle(trace).opacity) < 1).length,
          ];
        })()
    """
    assert browser.evaluate(counted) == [3, 3, 1]
    hide = "document.querySelector('#throughput .legend [data-line=\"1\"]').click();"
    assert browser.evaluate(hide + counted)[:2] == [2, 2]


def test_curves_are_chosen_by_their_buttons(browser: Browser, page: Path) -> None:
    browser.open(page)
    choose = """
        document.querySelectorAll('.chooser input:not(:checked)').forEach((box) => box.click());
        document.querySelectorAll('#curves-0 path.js-line').length
    """
    assert browser.evaluate(choose) == 12


def test_response_and_service_times_are_chosen_together(browser: Browser, page_of: PageOf) -> None:
    browser.open(page_of(write_open))
    lines = "[0, 1].map((panel) => document.querySelectorAll(`#curves-${panel} path.js-line`).length)"
    assert browser.evaluate(lines) == [4, 4]
    assert browser.evaluate(f"document.querySelector('.chooser input:not(:checked)').click(); {lines}") == [5, 5]


def test_small_panels_stand_three_abreast_and_below_each_other_on_a_phone(browser: Browser, page_of: PageOf) -> None:
    path = page_of(write_open)
    rows = """
        Object.values(Object.groupBy([...document.querySelectorAll('#parts .panel')],
          (panel) => Math.round(panel.getBoundingClientRect().top))).map((row) => row.length)
    """
    browser.open(path, 1280)
    assert browser.evaluate(rows) == [3, 3]
    browser.open(path, 390)
    assert browser.evaluate(rows) == [1] * 6


def test_dark_and_printed_pages_repaint_the_figures(browser: Browser, page: Path) -> None:
    ink = "getComputedStyle(document.querySelector('#throughput-0 path.js-line')).stroke"
    browser.open(page)
    light = browser.evaluate(ink)
    browser.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "dark"}])
    try:
        # The change event comes with the next frame.
        browser.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
        assert browser.evaluate(ink) != light
        browser.evaluate("dispatchEvent(new Event('beforeprint'))")
        assert browser.evaluate(ink) == light
        browser.evaluate("dispatchEvent(new Event('afterprint'))")
        assert browser.evaluate(ink) != light
    finally:
        browser.call("Emulation.setEmulatedMedia", features=[])


def test_markup_in_names_is_text_and_never_runs(browser: Browser, tmp_path: Path, sample_run: RunDirectory) -> None:
    document = sample_run.read_document()
    trials = [
        trial.model_copy(update={"factors": {**trial.factors, "target.server": EVIL}, "reason": trial.reason and EVIL})
        for trial in document.trials
        if trial.factors["target.server"] == "epoll"
    ]
    changes = {"trials": trials, "profile": {**document.profile, "name": EVIL}}
    run = RunDirectory.create(tmp_path, EVIL, EVIL, datetime(2026, 10, 14, tzinfo=UTC))
    run.write_document(RunDocument.model_validate(document.model_dump() | changes))
    run.write_page(render(run))
    browser.open(run.page_path)
    assert browser.evaluate("document.querySelector('h1').textContent") == EVIL
    assert browser.evaluate("document.querySelectorAll('img').length") == 0
    assert browser.evaluate("document.querySelectorAll('#throughput-0 path.js-line').length") == 1


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("write", [write_shop, write_shop_users])
def test_names_of_a_scenario_may_be_anything_and_of_any_length(
    browser: Browser, tmp_path: Path, write: Callable[[Path], RunDirectory], width: int
) -> None:
    run = write(tmp_path)
    document = run.read_document()

    def renamed(trial: TrialResult) -> TrialResult:
        kinds = [kind.model_copy(update={"name": f"{kind.name} {EVIL * 3}"}) for kind in trial.kinds]
        checks = [check.model_copy(update={"name": f"{check.name} {EVIL}"}) for check in trial.checks]
        samples = [sample.model_copy(update={"traceback": EVIL * 9}) for sample in trial.failure_samples]
        return trial.model_copy(update={"kinds": kinds, "checks": checks, "failure_samples": samples})

    run.write_document(document.model_copy(update={"trials": [*map(renamed, document.trials)]}))
    run.write_page(render(run))
    browser.open(run.page_path, width)
    assert browser.evaluate("document.querySelectorAll('img').length") == 0
    assert browser.evaluate("document.documentElement.scrollWidth") <= width
    # On a phone figures are scrolled to, beside the names.
    tables = "[...document.querySelectorAll('#steps-and-checks .scroll')]"
    beside = f"{tables}.map((each) => each.scrollWidth - each.clientWidth)"
    assert browser.evaluate(beside) == [0, 0, 0] or width == 390
    assert all(drawn(browser).values())


def drawn(browser: Browser) -> dict[str, int]:
    """The figures of the open page by their ids, and how many lines, groups of points or kinds of bars each has."""
    found: dict[str, int] = browser.evaluate(
        "Object.fromEntries([...document.querySelectorAll('.plot')].map("
        "(plot) => [plot.id, plot.querySelectorAll('.scatterlayer .trace, .barlayer .trace').length]))"
    )
    return found


@pytest.mark.parametrize(
    "write",
    [
        write_crowd,
        write_mix,
        write_slow_senders,
        write_open,
        write_million,
        write_probed,
        write_wait_cost,
        write_switch_cost,
        write_broadcast,
        write_websockets,
        write_shop,
        write_shop_users,
        write_shop_servers,
        write_shop_rates,
    ],
)
def test_every_kind_of_run_fits_its_window(
    browser: Browser, page_of: PageOf, write: Callable[[Path], RunDirectory]
) -> None:
    path = page_of(write)
    for width in (390, 1280):
        browser.open(path, width)
        inside, all_of_it = browser.evaluate("[innerWidth, document.documentElement.scrollWidth]")
        assert all_of_it <= inside == width
        assert drawn(browser)
        assert all(drawn(browser).values())


def test_thirteen_lines_have_a_legend_of_several_rows_and_marks_of_their_own(browser: Browser, page_of: PageOf) -> None:
    browser.open(page_of(write_crowd))
    legend = browser.evaluate(
        """
        [...document.querySelectorAll('#throughput .legend button')].map((button) => [
          button.textContent, Math.round(button.getBoundingClientRect().top),
          button.querySelector('svg').classList[1] + button.querySelector('polygon').getAttribute('points'),
        ])
        """
    )
    assert [name for name, _, _ in legend] == [
        "fork", "thread", "select", "poll", "epoll", "epoll-threads", "epoll-processes", "callback", "coroutine",
        "asyncio", "uvloop", "nginx",
    ]  # fmt: skip
    assert len({top for _, top, _ in legend}) == 2
    assert len({mark for _, _, mark in legend}) == 12
    assert drawn(browser)["throughput-0"] == 13


def test_only_the_trials_can_be_sorted_where_there_is_a_yardstick(browser: Browser, page_of: PageOf) -> None:
    browser.open(page_of(write_wait_cost))
    assert browser.evaluate("document.querySelectorAll('.yardstick th button').length") == 0
    sort = """
        [...document.querySelectorAll('.sortable th button')].find((each) => each.textContent === 'cost').click();
        document.querySelector('.sortable tbody td').textContent
    """
    assert browser.evaluate(sort) == "013"  # epoll with 10 descriptors


def test_the_chapter_that_tells_why_has_flame_graphs_that_work(browser: Browser, page_of: PageOf) -> None:
    browser.open(page_of(write_probed))
    graphs = "[...document.querySelectorAll('#why .flame-graph')]"
    widest = f"""
        {graphs}.map((graph) => [...graph.children].filter((box) => box.getBoundingClientRect().width > 100)
          .map((box) => box.textContent).at(-1))
    """
    assert browser.evaluate(widest)[:2] == ["send (libc.so.6)", "pselect6 (libc.so.6)"]
    search = """
        (() => {
          const input = document.querySelector('#why .flame-tools input');
          input.value = 'pselect6';
          input.dispatchEvent(new Event('input'));
          return [...input.closest('.flames').querySelectorAll('.flame-found')].map((each) => each.textContent);
        })()
    """
    assert browser.evaluate(search)[:2] == ["Found: 14.3 % of all samples.", "Found: 97.6 % of all samples."]


def test_the_calls_of_a_request_are_stacked_bars_and_their_legend_hides_a_kind(
    browser: Browser, page_of: PageOf
) -> None:
    browser.open(page_of(write_probed))
    bars = "[0, 1].map((panel) => document.querySelectorAll(`#calls-split-${panel} .barlayer .trace`).length)"
    [select, epoll] = browser.evaluate(bars)
    assert select == epoll > 1
    assert browser.evaluate(f"document.querySelector('#calls .legend button').click(); {bars}") == [select - 1] * 2
    colours = browser.evaluate(
        """
        [getComputedStyle(document.querySelector('#calls-split-0 .barlayer .trace:nth-child(2) path')).fill,
         getComputedStyle(document.querySelectorAll('#calls .block')[2]).backgroundColor]
        """
    )
    assert len(set(colours)) == 1


OVER_TIME_STATE = """
    (() => {
      const titles = (selector) => [...document.querySelectorAll(selector)].map(
        (element) => element.closest('.panel').dataset.title);
      return {
        drawn: titles('#over-time .plot:has(.js-line)'),
        moved: titles('#over-time > .panels .plot').slice(3),
        steady: titles('#over-time details .plot').length,
      };
    })()
"""


def test_both_ends_of_a_line_are_histograms_on_one_another_and_the_legend_hides_one(
    browser: Browser, page_of: PageOf
) -> None:
    browser.open(page_of(write_probed))
    drawn = """
        [...document.querySelectorAll('#why article:first-of-type .distributions .plot')]
          .map((plot) => plot.querySelectorAll('.js-line').length)
    """
    before = browser.evaluate(drawn)
    assert set(before) == {2}
    hide = "document.querySelector('#why .distributions .legend button').click();"
    assert browser.evaluate(hide + drawn.strip()) == [1] * len(before)


def test_the_reader_chooses_the_trial_whose_window_is_drawn(browser: Browser, page_of: PageOf) -> None:
    browser.open(page_of(write_over_time))
    always = ["Throughput", "CPU of the target", "CPU of the client"]
    assert browser.evaluate(OVER_TIME_STATE) == {
        "drawn": [*always, "Memory of the target"],
        "moved": ["Memory of the target"],
        "steady": 12,
    }
    choose = """
        (() => {
          const select = document.querySelector('#over-time select');
          select.selectedIndex = 0;
          select.dispatchEvent(new Event('change'));
        })();
    """
    quiet = browser.evaluate(choose + OVER_TIME_STATE)
    assert (quiet["moved"], quiet["steady"]) == ([], 13)


@pytest.mark.parametrize("width", [390, 1280])
def test_what_was_steady_is_drawn_when_it_is_unfolded(browser: Browser, page_of: PageOf, width: int) -> None:
    browser.open(page_of(write_over_time), width)
    browser.evaluate(
        """
        new Promise((done) => {
          const details = document.querySelector('#over-time details');
          details.addEventListener('toggle', () => requestAnimationFrame(done));
          details.open = true;
        }).then(() => null)
        """
    )
    assert len(browser.evaluate(OVER_TIME_STATE)["drawn"]) == 3 + 13
    sizes = """
        [...document.querySelectorAll('#over-time .panel')].map((panel) => Math.round(
          panel.getBoundingClientRect().width - panel.querySelector('.main-svg').getBoundingClientRect().width))
    """
    assert set(browser.evaluate(sizes)) == {0}
    assert browser.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("width", [390, 1280])
def test_samples_of_failures_fit_the_page_and_are_text(
    browser: Browser, tmp_path: Path, sample_run: RunDirectory, width: int
) -> None:
    document = sample_run.read_document()
    received = "HTTP/1.1 503 " + "x" * 150 + EVIL
    failure = FailureSample(outcome="status", kind="/", reason="status 503", received=received, after_ns=1, reused=True)
    trials = [trial.model_copy(update={"failure_samples": [failure]}) for trial in document.trials]
    run = RunDirectory.create(tmp_path, "failing", "", datetime(2026, 10, 14, tzinfo=UTC))
    run.write_document(document.model_copy(update={"trials": trials}))
    run.write_page(render(run))
    browser.open(run.page_path, width)
    assert browser.evaluate("document.querySelector('.failures code').textContent") == received
    assert browser.evaluate("document.documentElement.scrollWidth") <= width
