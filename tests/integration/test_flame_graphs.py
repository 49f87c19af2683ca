"""Flame graphs in a real browser: zoom, search, keyboard, colours."""

import base64
import hashlib
from collections.abc import Callable, Iterator, Sequence
from importlib.resources import files
from pathlib import Path

import jinja2
import pytest
from markupsafe import Markup

from loadlab.report.sections.why.flames import FlameGraph, build_flames, compare_flames
from loadlab.results.folded_stacks import Stacks

from .browser import Browser, open_browser

SERVE, PARSE, SEND, TCP = "serve (server.py:12)", "parse (http.py:3)", "__send (libc.so.6)", "tcp_sendmsg_[k]"
SELECT, WALK = "__select (libc.so.6)", "do_select_[k]"
FEW: Stacks = {
    ("MainThread", SERVE, SEND, TCP): 60,
    ("MainThread", SERVE, PARSE): 25,
    ("MainThread", SERVE, SELECT, WALK): 10,
    ("worker-*", PARSE): 5,
}
MANY: Stacks = {("MainThread", SERVE, SEND, TCP): 20, ("MainThread", SERVE, SELECT, WALK): 180}
STYLES = ("templates/page.css", "sections/why/flame.css")
TEMPLATE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{{ policy }}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<style>{{ style }}</style>
</head>
<body><main>
{% from "why/flame.html" import flame_graphs %}
{% for graphs in groups %}
{{ flame_graphs(graphs, "CPU") }}
{% endfor %}
</main>
<script>{{ script }}</script>
</body>
</html>
"""


@pytest.fixture(scope="module")
def browser(need_program: Callable[[str], str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with open_browser(need_program("chromium"), tmp_path_factory.mktemp("chromium")) as browser:
        yield browser


@pytest.fixture(autouse=True)
def no_problems(browser: Browser) -> Iterator[None]:
    """No test of this file may leave an error in the console."""
    browser.problems.clear()
    yield
    assert browser.problems == []


def write_page(directory: Path, *groups: Sequence[FlameGraph]) -> Path:
    """Write a page that carries what the report's page does, under the same policy against other scripts."""
    report = files("loadlab.report")
    script = (report / "sections/why/flame.js").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode("ascii")
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("loadlab.report", "sections"), autoescape=True, undefined=jinja2.StrictUndefined
    )
    page = directory / "flames.html"
    page.write_text(
        environment.from_string(TEMPLATE).render(
            groups=groups,
            policy=f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'",
            script=Markup(script),
            style=Markup("".join((report / name).read_text(encoding="utf-8") for name in STYLES)),
        ),
        encoding="utf-8",
    )
    return page


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two profiles side by side, and their difference."""
    compared = compare_flames(FEW, MANY, "0 idle", "19,000 idle")
    return write_page(tmp_path_factory.mktemp("flames"), (compared.before, compared.after), (compared.difference,))


def shown(browser: Browser, graph: int = 0) -> dict[str, float]:
    """The visible functions of a graph by name, and their width in parts of the graph's; of two alike the last."""
    widths: dict[str, float] = browser.evaluate(
        f"""
        (() => {{
          const board = document.querySelectorAll('.flame-graph')[{graph}];
          const boxes = [...board.children].filter((box) => !box.hidden);
          return Object.fromEntries(boxes.map((box) => [box.textContent, (box.offsetWidth + 1) / board.offsetWidth]));
        }})()
        """
    )
    return widths


def act(browser: Browser, name: str, action: str, graph: int = 0) -> None:
    """Do something to the first box of that name."""
    browser.evaluate(
        f"""
        {{
          const board = document.querySelectorAll('.flame-graph')[{graph}];
          const box = [...board.children].find((each) => each.textContent === {name!r});
          {action};
        }}
        """
    )


def press(browser: Browser, key: str) -> str:
    """Press a key as a user does, and return the text of what has the focus then."""
    code = {"Enter": 13, "Escape": 27}.get(key, 0)
    for kind in ("rawKeyDown", "keyUp"):
        browser.call("Input.dispatchKeyEvent", type=kind, key=key, windowsVirtualKeyCode=code)
    return str(browser.evaluate("document.activeElement.textContent"))


def test_functions_are_as_wide_as_their_share(browser: Browser, page: Path) -> None:
    browser.open(page)
    assert shown(browser) == pytest.approx(
        {"all": 1.0, "MainThread": 0.95, SERVE: 0.95, SEND: 0.6, TCP: 0.6, SELECT: 0.1, WALK: 0.1, "worker-*": 0.05}
        | {PARSE: 0.05},
        abs=0.01,
    )
    assert shown(browser, 1)[WALK] == pytest.approx(0.9, abs=0.01)


def test_a_function_stands_on_its_caller(browser: Browser, page: Path) -> None:
    browser.open(page)
    boxes = browser.evaluate(
        """
        [...document.querySelector('.flame-graph').children].map((box) => {
          const { left, right, top, bottom } = box.getBoundingClientRect();
          return { name: box.textContent, left, right, top, bottom };
        })
        """
    )
    by_name = {box["name"]: box for box in boxes}
    for caller, called in (("all", "MainThread"), ("MainThread", SERVE), (SERVE, SEND), (SEND, TCP)):
        assert by_name[called]["bottom"] == pytest.approx(by_name[caller]["top"], abs=0.6)
        assert by_name[called]["left"] >= by_name[caller]["left"] - 0.6
        assert by_name[called]["right"] <= by_name[caller]["right"] + 0.6


def test_a_click_zooms_and_the_button_goes_back(browser: Browser, page: Path) -> None:
    browser.open(page)
    whole = shown(browser)
    act(browser, SEND, "box.click()")
    assert shown(browser) == pytest.approx({"all": 1, "MainThread": 1, SERVE: 1, SEND: 1, TCP: 1}, abs=0.01)
    assert shown(browser, 1) != {}  # the one beside it keeps its own view
    browser.evaluate("document.querySelector('.flame-tools button').click()")
    assert shown(browser) == whole


def test_a_click_on_a_caller_zooms_out(browser: Browser, page: Path) -> None:
    browser.open(page)
    act(browser, TCP, "box.click()")
    act(browser, SERVE, "box.click()")
    assert shown(browser)[SEND] == pytest.approx(60 / 95, abs=0.01)
    assert "worker-*" not in shown(browser)


def search(browser: Browser, text: str) -> list[str]:
    """Type into the first search field; return what its graphs say was found."""
    found: list[str] = browser.evaluate(
        f"""
        (() => {{
          const group = document.querySelector('.flames');
          const field = group.querySelector('input');
          field.value = {text!r};
          field.dispatchEvent(new Event('input', {{ bubbles: true }}));
          return [...group.querySelectorAll('.flame-found')].map((each) => each.textContent);
        }})()
        """
    )
    return found


def test_a_search_marks_what_it_finds_in_both_and_tells_its_share(browser: Browser, page: Path) -> None:
    browser.open(page)
    assert search(browser, "PARSE") == ["Found: 30.0 % of all samples.", "Nothing found."]
    marked = "[...document.querySelectorAll('.flame-graph .found')].map((box) => box.textContent)"
    assert browser.evaluate(marked) == [PARSE, PARSE]
    # "ser" is in serve and its file, "s" in what it called too: that share is not counted twice.
    assert search(browser, "ser")[0] == search(browser, "serve")[0] == "Found: 95.0 % of all samples."
    assert search(browser, "s")[0] == "Found: 100.0 % of all samples."
    assert search(browser, "") == ["", ""]
    assert browser.evaluate(marked) == []


def test_a_search_is_for_text_and_not_a_pattern(browser: Browser, page: Path) -> None:
    browser.open(page)
    assert search(browser, "_[k]")[0] == "Found: 70.0 % of all samples."
    assert search(browser, ".*")[0] == "Nothing found."


def test_the_pointer_tells_samples_and_percent(browser: Browser, page: Path) -> None:
    browser.open(page)
    act(
        browser,
        SEND,
        "box.dispatchEvent(new MouseEvent('mousemove', "
        "{ bubbles: true, clientX: innerWidth - 2, clientY: innerHeight - 2 }))",
    )
    told = browser.evaluate("document.querySelector('.flame-tip').textContent")
    assert told == f"{SEND}\n60.0 %, 60 of 100 samples"
    assert browser.evaluate(
        """
        (({ left, right, top, bottom }) => left >= 0 && right <= innerWidth && top >= 0 && bottom <= innerHeight)(
          document.querySelector('.flame-tip').getBoundingClientRect())
        """
    )
    browser.evaluate("document.querySelector('.flame-graph').dispatchEvent(new MouseEvent('mouseleave'))")
    assert browser.evaluate("document.querySelector('.flame-tip').hidden")


def test_the_keyboard_reaches_every_function(browser: Browser, page: Path) -> None:
    browser.open(page)
    in_tab_order = "[...document.querySelector('.flame-graph').children].filter((box) => box.tabIndex === 0).length"
    assert browser.evaluate(in_tab_order) == 1
    browser.evaluate("document.querySelector('.flame-graph > [tabindex=\"0\"]').focus()")
    assert [press(browser, "ArrowUp") for _ in range(4)] == ["MainThread", SERVE, SEND, TCP]
    assert press(browser, "ArrowUp") == TCP
    assert press(browser, "ArrowDown") == SEND
    assert press(browser, "ArrowRight") == PARSE
    assert press(browser, "ArrowLeft") == SEND
    assert browser.evaluate(in_tab_order) == 1
    assert press(browser, "Enter") == SEND
    assert "worker-*" not in shown(browser)
    assert press(browser, "Escape") == SEND
    assert "worker-*" in shown(browser)


def test_what_has_the_focus_is_told_to_eyes_and_ears(browser: Browser, page: Path) -> None:
    browser.open(page)
    browser.evaluate("document.querySelector('.flame-graph > [tabindex=\"0\"]').focus()")
    press(browser, "ArrowUp")
    assert browser.evaluate("document.querySelector('.flame-tip').textContent").startswith("MainThread\n95.0 %")
    label = browser.evaluate("document.activeElement.getAttribute('aria-label')")
    assert label == "MainThread: 95.0 %, 95 of 100 samples"


def test_a_difference_is_red_where_it_grew_and_blue_where_it_shrank(browser: Browser, page: Path) -> None:
    browser.open(page)
    inks = {}
    for name in (WALK, TCP):
        act(browser, name, "window.ink = getComputedStyle(box).backgroundColor", graph=2)
        # color-mix computes to "color(srgb r g b)".
        inks[name] = [float(part) for part in browser.evaluate("ink.match(/[0-9.]+/g)")]
    assert inks[WALK][0] > inks[WALK][2]
    assert inks[TCP][2] > inks[TCP][0]
    act(browser, WALK, "window.label = box.getAttribute('aria-label')", graph=2)
    assert browser.evaluate("label") == f"{WALK}: 10.0 % before, 90.0 % after (+80.0 %)"


def test_what_may_be_chance_has_no_colour(browser: Browser, tmp_path: Path) -> None:
    before: Stacks = {("MainThread", SEND): 60, ("MainThread", PARSE): 40}
    after: Stacks = {("MainThread", SEND): 52, ("MainThread", PARSE): 48}
    browser.open(write_page(tmp_path, [compare_flames(before, after, "0 idle", "19,000 idle").difference]))
    inks = "[...document.querySelectorAll('.flame-graph div')].map((box) => getComputedStyle(box).backgroundColor)"
    _all, _thread, parse, send = browser.evaluate(inks)
    assert parse == send
    act(browser, PARSE, "window.label = box.getAttribute('aria-label')")
    assert browser.evaluate("label") == f"{PARSE}: 40.0 % before, 48.0 % after (+8.00 %, which may be chance)"


def test_each_kind_has_a_colour_of_its_own_by_day_and_by_night(browser: Browser, page: Path) -> None:
    browser.open(page)
    colours = """
        ['thread', 'python', 'native', 'kernel'].map(
          (kind) => getComputedStyle(document.querySelector(`.flame-graph .${kind}`)).backgroundColor)
    """
    day = browser.evaluate(colours)
    browser.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "dark"}])
    try:
        night = browser.evaluate(colours)
    finally:
        browser.call("Emulation.setEmulatedMedia", features=[])
    assert len({*day, *night}) == 8


@pytest.mark.parametrize("width", [390, 1280])
def test_the_graphs_fit_the_window(browser: Browser, page: Path, width: int) -> None:
    browser.open(page, width)
    inside, all_of_it = browser.evaluate("[innerWidth, document.documentElement.scrollWidth]")
    assert all_of_it <= inside == width


def test_names_are_text_and_never_run(browser: Browser, tmp_path: Path) -> None:
    evil = "</script><img src=x onerror=alert(1)>"
    browser.open(write_page(tmp_path, [build_flames({("main", evil): 1}, evil)]))
    assert browser.evaluate("document.querySelectorAll('img').length") == 0
    assert evil in shown(browser)


def test_an_empty_profile_beside_a_full_one_harms_nothing(browser: Browser, tmp_path: Path) -> None:
    browser.open(write_page(tmp_path, [build_flames({}, "Nothing"), build_flames(FEW, "Server")]))
    assert len(shown(browser)) > 1
    assert search(browser, "parse") == ["Found: 30.0 % of all samples."]


def test_a_large_profile_is_drawn_whole(browser: Browser, tmp_path: Path) -> None:
    stacks: Stacks = {
        ("main", *(f"function_{number}_{depth} (lib.so)" for depth in range(20))): 1 for number in range(150)
    }
    browser.open(write_page(tmp_path, [build_flames(stacks, "Large")]))
    assert len(shown(browser)) == 150 * 20 + 2
