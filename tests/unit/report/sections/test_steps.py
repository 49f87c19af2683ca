"""The section of steps and checks: its tables, and the chart of steps."""

from loadlab.report.sections.charts import CaptionedChart
from loadlab.report.sections.steps import Steps, sections_of, tabulate_checks, tabulate_requests, tabulate_steps
from loadlab.report.tables import Table
from loadlab.results.directory import RunDirectory
from loadlab.results.requests import CheckResult
from loadlab.results.run import RunDocument

from ..laid_out import run_of

NBSP = "\N{NO-BREAK SPACE}"


def texts(table: Table) -> list[list[str]]:
    return [[cell.text for cell in row.cells] for row in table.rows]


def chart_of(document: RunDocument) -> CaptionedChart:
    [chart] = (section for section in sections_of(run_of(document)) if isinstance(section, CaptionedChart))
    return chart


def test_a_run_without_a_scenario_has_no_such_section(sample_run: RunDirectory) -> None:
    assert [*sections_of(run_of(sample_run.read_document()))] == []


def test_the_whole_iteration_comes_before_its_steps(shop: RunDocument) -> None:
    table = tabulate_steps(shop.trials)
    assert [column.title for column in table.columns] == [
        "step", "count", "/s", "p50", "p90", "p99", "max", "failed",
    ]  # fmt: skip
    assert [(row[0], row[1], row[-1]) for row in texts(table)] == [
        ("checkout (whole iteration)", "1,000", "7"),
        ("browse", "1,000", "0"),
        ("pay", "1,000", "0"),
    ]
    assert [row.cells[-1].badge for row in table.rows] == ["failed", "", ""]
    assert table.rows[0].cells[-1].note == "script_error 7"


def test_what_was_due_and_never_begun_or_cut_has_columns_in_an_open_model(shop_rates: RunDocument) -> None:
    table = tabulate_steps(shop_rates.trials)
    assert table.columns[-1].title == "dropped"
    assert [row[-1] for row in texts(table)[::3]] == ["0", "0", "100"]
    [iterations, *others] = shop_rates.trials[0].kinds
    cut = iterations.model_copy(update={"outcomes": {"ok": 9, "cut": 5}})
    trial = shop_rates.trials[0].model_copy(update={"kinds": [cut, *others]})
    assert [column.title for column in tabulate_steps([trial]).columns][-2:] == ["failed", "cut"]


def test_requests_by_name_have_their_statuses_in_the_order_of_the_scenario(shop: RunDocument) -> None:
    rows = texts(tabulate_requests(shop.trials))
    assert [row[0] for row in rows] == ["POST /login", "GET /items", "GET /items/{id}", "POST /orders"]
    assert rows[3][-1] == "201: 1,000"


def test_of_very_many_names_the_most_frequent_come_first(shop: RunDocument) -> None:
    [trial] = shop.trials
    login = next(kind for kind in trial.kinds if kind.name == "POST /login")
    many = [login.model_copy(update={"name": f"GET /{number}", "requests": number}) for number in range(21)]
    rows = texts(tabulate_requests([trial.model_copy(update={"kinds": many})]))
    assert [row[0] for row in rows[:2]] == ["GET /20", "GET /19"]


def test_checks_that_fail_come_first_and_stand_out(shop: RunDocument) -> None:
    table = tabulate_checks(shop.trials)
    assert texts(table) == [["order accepted", "999", "1", f"0.1{NBSP}%"], ["price shown", "2,000", "0", f"0{NBSP}%"]]
    assert [row.cells[2].badge for row in table.rows] == ["failed", ""]


def test_rows_of_several_trials_say_which_they_are_of(shop_users: RunDocument) -> None:
    table = tabulate_steps(shop_users.trials)
    assert [column.title for column in table.columns][:3] == ["trial", "users", "step"]
    assert len(table.rows) == 4 * 3


def test_checks_of_several_trials_stand_once_and_say_where_they_failed(shop_users: RunDocument) -> None:
    table = tabulate_checks(shop_users.trials, lambda trial: f"{trial.factors['load.connections']} users")
    assert texts(table) == [
        ["order accepted", "7,193", "7", f"0.0972{NBSP}%", "50 users: 1; 100 users: 2; 200 users: 4"],
        ["price shown", "14,400", "0", f"0{NBSP}%", "\N{EN DASH}"],
    ]
    passing = [trial.model_copy(update={"checks": trial.checks[:1]}) for trial in shop_users.trials]
    assert [column.title for column in tabulate_checks(passing).columns][-1] == "share failed"
    fails = CheckResult(name="c", passed=0, failed=1)
    six = [
        trial.model_copy(update={"checks": [fails], "id": str(each)})
        for each in range(6)
        for trial in shop_users.trials[:1]
    ]
    [row] = tabulate_checks(six).rows
    assert (row.cells[-1].text, row.cells[-1].sort) == ("0: 1; 1: 1; 2: 1; 3: 1; and 2 more", 6)


def test_tables_without_rows_are_left_out_and_long_ones_folded(shop: RunDocument) -> None:
    [trial] = shop.trials
    checks = [CheckResult(name=f"check {number}", passed=1, failed=0) for number in range(41)]
    kinds = [kind for kind in trial.kinds if kind.level == "iteration"]
    changed = shop.model_copy(update={"trials": [trial.model_copy(update={"kinds": kinds, "checks": checks})]})
    [section] = sections_of(run_of(changed))
    assert isinstance(section, Steps)
    assert [(listing.title, listing.is_long) for listing in section.listings] == [
        ("Iterations", False),
        ("Checks", True),
    ]


def test_steps_of_a_single_trial_are_bars_beside_each_other(shop: RunDocument) -> None:
    chart = chart_of(shop)
    assert [panel.measure.title for panel in chart.chart.panels] == ["Median (p50)", "99th percentile (p99)"]
    [line] = chart.chart.panels[1].lines
    assert [x for x, _ in line.measured] == ["browse", "pay"]
    assert len(chart.draw()) == 2
    assert chart.sentences[1] == "99th percentile (p99). browse 4.54 ms, pay 50.2 ms."


def test_steps_of_one_server_are_lines_over_x(shop_users: RunDocument) -> None:
    chart = chart_of(shop_users)
    assert [line.name for line in chart.chart.legend] == ["browse", "pay"]
    assert chart.has_legend
    assert [x for x, _ in chart.chart.panels[0].lines[0].measured] == [10, 50, 100, 200]
    assert "pay 49 ms → 170 ms" in chart.sentences[1]


def test_each_step_has_a_panel_where_servers_are_compared(shop_servers: RunDocument) -> None:
    chart = chart_of(shop_servers)
    assert [panel.measure.title for panel in chart.chart.panels] == ["browse (p99)", "pay (p99)"]
    assert [line.name for line in chart.chart.legend] == ["shop", "asyncio"]


def test_where_samples_are_too_few_for_p99_the_steps_are_drawn_at_p90(shop_users: RunDocument) -> None:
    few = shop_users.model_copy(update={"trials": shop_users.trials[:1]})
    chart = chart_of(few)
    assert [panel.measure.title for panel in chart.chart.panels] == ["Median (p50)", "90th percentile (p90)"]


def test_of_very_many_steps_those_that_took_longest_are_drawn(shop_users: RunDocument) -> None:
    def with_many(number: int) -> RunDocument:
        trials = []
        for trial in shop_users.trials:
            pay = next(kind for kind in trial.kinds if kind.name == "pay")
            further = [pay.model_copy(update={"name": f"step {each}"}) for each in range(number)]
            trials.append(trial.model_copy(update={"kinds": [*trial.kinds, *further]}))
        return shop_users.model_copy(update={"trials": trials})

    chart = chart_of(with_many(10))
    names = [line.name for line in chart.chart.legend]
    assert len(names) == 8
    assert "browse" not in names
    assert chart.notes[-1] == "These took longest; the other 4 are in the table."
