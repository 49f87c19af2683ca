import json
import re

import jinja2
import pytest

from loadlab.report.sections.why import flames
from loadlab.report.sections.why.flames import FlameGraph, build_difference, build_flames, compare_flames
from loadlab.results.folded_stacks import Stacks

SERVE, PARSE, SEND, TCP = "serve (server.py:12)", "parse (http.py:3)", "__send (libc.so.6)", "tcp_sendmsg_[k]"
STACKS: Stacks = {
    ("MainThread", SERVE, SEND, TCP): 60,
    ("MainThread", SERVE, PARSE): 25,
    ("MainThread", SERVE): 10,
    ("worker-*", PARSE): 5,
}


def drawn(graph: FlameGraph) -> list[tuple[str, int, int, int]]:
    return [(each.name, each.depth, each.start, each.count) for each in graph.rectangles]


def test_a_function_stands_on_its_caller_and_is_as_wide_as_its_samples() -> None:
    assert drawn(build_flames(STACKS, "Server")) == [
        ("all", 0, 0, 100),
        ("MainThread", 1, 0, 95),
        (SERVE, 2, 0, 95),
        (SEND, 3, 10, 60),
        (TCP, 4, 10, 60),
        (PARSE, 3, 70, 25),
        ("worker-*", 1, 95, 5),
        (PARSE, 2, 95, 5),
    ]


def test_kinds_are_those_of_functions_and_threads_are_none() -> None:
    graph = build_flames(STACKS, "Server")
    kinds = {each.name: each.kind for each in graph.rectangles}
    assert (kinds["all"], kinds["MainThread"], kinds[SERVE], kinds[SEND], kinds[TCP]) == (
        "thread",
        "thread",
        "python",
        "native",
        "kernel",
    )
    assert graph.kinds == ["python", "native", "kernel"]
    assert build_flames({("MainThread", SEND): 1}, "C").kinds == ["native"]


def test_what_is_narrower_than_a_thousandth_is_not_drawn_but_counted() -> None:
    stacks: Stacks = {("main", "serve"): 99_800, ("main", "serve", "thousandth"): 100, ("main", "serve", "rare"): 99}
    graph = build_flames({**stacks, ("main", "x"): 1}, "Server")
    assert drawn(graph) == [
        ("all", 0, 0, 100_000),
        ("main", 1, 0, 100_000),
        ("serve", 2, 0, 99_999),
        ("thousandth", 3, 99_899, 100),
    ]
    assert (graph.hidden, graph.least) == (2, 100)


def test_a_wild_profile_stays_small_and_stands() -> None:
    # Each stack was sampled once or twice, is deep, and shares little: 60,000 rectangles of a thousandth and more.
    stacks: Stacks = {
        ("main", *(f"function_{number}_{depth} (library.so)" for depth in range(60))): 1 + number % 2
        for number in range(1000)
    }
    graph = build_flames(stacks, "Wild")
    assert 0 < len(graph.rectangles) <= 4000
    assert len(graph.rectangles) + graph.hidden == 60_002
    assert len(json.dumps(graph.data)) < 300_000


def test_names_are_cut_where_they_would_fill_the_page() -> None:
    data = build_flames({("main", "f" * 5000): 1}, "Long").data
    assert data["names"] == ["all", "main", "f" * 159 + "…"]


def test_a_cut_by_width_leaves_nothing_in_the_air(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flames, "_MOST_RECTANGLES", 5)
    graph = build_flames(STACKS, "Server")
    assert [name for name, *_ in drawn(graph)] == ["all", "MainThread", SERVE]
    assert graph.least == 95


def test_no_samples_are_no_graph() -> None:
    graph = build_flames({}, "Nothing")
    assert (graph.total, graph.rectangles, graph.hidden) == (0, (), 0)


def test_a_difference_compares_shares_and_not_counts() -> None:
    before: Stacks = {("main", "send"): 90, ("main", "select"): 10}
    after: Stacks = {("main", "send"): 10, ("main", "select"): 30}
    graph = build_difference(before, after, "Difference")
    changes = {each.name: graph.change(each) for each in graph.rectangles}
    assert changes == pytest.approx({"all": 0.0, "main": 0.0, "send": 0.25 - 0.9, "select": 0.75 - 0.1})
    assert {each.name: graph.share(each) for each in graph.rectangles}["select"] == 0.75


def test_a_difference_is_as_wide_as_the_profile_after() -> None:
    graph = build_difference({("main", "gone"): 5, ("main", "stays"): 5}, {("main", "stays"): 3}, "Difference")
    assert drawn(graph) == [("all", 0, 0, 3), ("main", 1, 0, 3), ("stays", 2, 0, 3)]
    assert [each.before for each in graph.rectangles] == [10, 10, 5]
    assert graph.hidden == 0


def test_a_difference_from_nothing_has_no_changes() -> None:
    graph = build_difference({}, STACKS, "Difference")
    assert {graph.change(each) for each in graph.rectangles} == {0.0}


def test_a_comparison_has_both_profiles_and_what_changed() -> None:
    compared = compare_flames(STACKS, {("MainThread", SERVE): 8}, "0 idle", "19,000 idle")
    assert (compared.before.total, compared.after.total, compared.difference.before_total) == (100, 8, 100)
    assert compared.difference.title == "19,000 idle against 0 idle"


def test_the_data_name_each_function_once() -> None:
    assert build_flames({("a", "f"): 1, ("b", "f"): 1}, "Twice").data == {
        "total": 2,
        "beforeTotal": None,
        "kinds": ("thread", "python", "javascript", "native", "kernel"),
        "names": ["all", "a", "f", "b"],
        "rectangles": [[0, 0, 0, 0, 2], [1, 0, 1, 0, 1], [2, 3, 2, 0, 1], [3, 0, 1, 1, 1], [2, 3, 2, 1, 1]],
    }


def render(*graphs: FlameGraph) -> str:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("loadlab.report", "sections"), autoescape=True, undefined=jinja2.StrictUndefined
    )
    template = environment.from_string(
        '{% from "why/flame.html" import flame_graphs %}{{ flame_graphs(graphs, "CPU") }}'
    )
    return template.render(graphs=graphs)


def test_the_partial_carries_each_graph_as_json() -> None:
    graph = build_flames(STACKS, "Server")
    html = render(graph, build_flames(STACKS, "Client"))
    found = re.findall(r'<script type="application/json">(.*?)</script>', html)
    assert len(found) == 2
    assert json.loads(found[0]) == json.loads(json.dumps(graph.data))
    assert "100 samples." in html


def test_no_name_can_leave_its_script_or_its_heading() -> None:
    evil = "</script><script>alert(1)</script><!--"
    html = render(build_flames({("main", evil): 1}, evil))
    assert html.count("<script") == 1
    assert html.count("</script") == 1
    assert "<!--" not in html


def test_an_empty_profile_says_so_and_carries_no_data() -> None:
    html = render(build_flames({}, "Nothing"))
    assert "No samples" in html
    assert "<script" not in html


def test_hidden_functions_are_told() -> None:
    html = render(build_flames({("main", "serve"): 99_999, ("main", "rare"): 1}, "Server"))
    assert "Functions with fewer than 99,999 are not drawn (1)." in " ".join(html.split())


def test_colours_mean_kinds_or_in_a_difference_change() -> None:
    assert "kernel</span>" in render(build_flames(STACKS, "Server"))
    html = render(build_difference(STACKS, STACKS, "Difference"))
    assert "larger share than before" in html
    assert "kernel</span>" not in html
