"""The small tables of a single trial in the terminal: machines, and what a scenario counted."""

from itertools import pairwise
from pathlib import Path

import pytest
from rich.console import Console

from loadlab.cli.small_tables import small_tables
from loadlab.results.run import RunDocument

from ...cluster_runs import write_cluster, write_cluster_users
from ...scenario_runs import write_shop, write_shop_users


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> RunDocument:
    return write_shop(tmp_path_factory.mktemp("shop")).read_document()


def printed(document: RunDocument, width: int) -> list[str]:
    console = Console(width=width, color_system=None)
    with console.capture() as capture:
        for table in small_tables(document):
            console.print(table)
    return capture.get().splitlines()


def headings(lines: list[str]) -> list[list[str]]:
    rule = "\N{BOX DRAWINGS LIGHT HORIZONTAL}"
    return [line.split() for line, below in pairwise(lines) if below.startswith(rule)]


def test_steps_requests_and_checks_have_a_table_each(shop: RunDocument) -> None:
    lines = printed(shop, 120)
    assert headings(lines) == [
        ["step", "count", "/s", "p50", "p90", "p99", "max", "failed"],
        ["request", "requests", "requests/s", "p50", "p90", "p99", "max", "failed", "statuses"],
        ["check", "passed", "failed", "share", "failed"],
    ]
    [row] = [line for line in lines if line.startswith("order accepted")]
    assert row.split() == ["order", "accepted", "999", "1", "0.1", "%"]


@pytest.mark.parametrize("width", [60, 80])
def test_a_narrow_terminal_leaves_columns_out_and_no_figure_is_broken(shop: RunDocument, width: int) -> None:
    lines = printed(shop, width)
    assert max(map(len, lines)) <= width
    assert not any("statuses" in each for each in headings(lines))
    [row] = [line for line in lines if line.startswith("pay")]
    assert row.split()[-1] == "0"
    assert "50.2 ms" in row


def test_long_names_are_broken(shop: RunDocument) -> None:
    [trial] = shop.trials
    kinds = [kind.model_copy(update={"name": kind.name * 12}) for kind in trial.kinds]
    lines = printed(shop.model_copy(update={"trials": [trial.model_copy(update={"kinds": kinds})]}), 80)
    assert max(map(len, lines)) <= 80
    assert any("50.2 ms" in line for line in lines)


def test_of_very_many_names_the_page_has_the_rest(shop: RunDocument) -> None:
    [trial] = shop.trials
    login = next(kind for kind in trial.kinds if kind.name == "POST /login")
    many = [login.model_copy(update={"name": f"GET /{number}"}) for number in range(40)]
    lines = printed(shop.model_copy(update={"trials": [trial.model_copy(update={"kinds": [*trial.kinds, *many]})]}), 80)
    assert "and 19 more, on the page" in lines


def test_several_trials_have_none_nor_has_one_without_a_scenario(tmp_path: Path, shop: RunDocument) -> None:
    assert printed(write_shop_users(tmp_path).read_document(), 80) == []
    [trial] = shop.trials
    assert printed(shop.model_copy(update={"trials": [trial.model_copy(update={"kinds": []})]}), 80) == []


def test_a_trial_from_several_machines_has_a_table_of_these(tmp_path: Path) -> None:
    document = write_cluster(tmp_path).read_document()
    lines = printed(document, 140)
    assert headings(lines)[0][:4] == ["machine", "verdict", "cores", "connections"]
    rows = {line.split()[0]: line.split() for line in lines if line.startswith("node")}
    assert [rows[f"node{number}"][1] for number in (1, 2, 3)] == ["valid", "valid", "suspect"]
    assert [rows[f"node{number}"][4] for number in (1, 2, 3)] == ["1.2k", "900", "600"]


@pytest.mark.parametrize("width", [60, 80])
def test_a_narrow_terminal_has_the_verdict_on_each_machine(tmp_path: Path, width: int) -> None:
    lines = printed(write_cluster(tmp_path).read_document(), width)
    assert max(map(len, lines)) <= width
    [row] = [line for line in lines if line.startswith("node3")]
    assert row.split()[1] == "suspect"


def test_machines_of_several_trials_are_on_the_page_only(tmp_path: Path) -> None:
    assert printed(write_cluster_users(tmp_path).read_document(), 120) == []
