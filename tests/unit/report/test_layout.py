from typing import Any

import pytest

from loadlab.report.layout import above_each_other, arrange, format_scalar, shorten_names, side_by_side
from loadlab.results.directory import RunDirectory
from loadlab.results.trial import Scalar, TrialResult
from loadlab.results.verdict import Verdict


def trial(number: int, factors: dict[str, Scalar], repeat: int = 1, **fields: object) -> TrialResult:
    defaults: dict[str, Any] = {"state": "done", "verdict": Verdict(state="valid")}
    return TrialResult(id=f"{number:03}", repeat=repeat, factors=factors, **(defaults | fields))


def test_the_profiles_plot_decides(sample_run: RunDirectory) -> None:
    document = sample_run.read_document()
    arrangement = arrange(document.profile, document.trials)
    assert arrangement.x_path == "load.idle"
    assert arrangement.x_values == (0, 1000, 5000, 10_000, 19_000)
    assert arrangement.x_is_number
    assert arrangement.line_names == ("select", "poll", "epoll")
    assert [(setting.line, setting.x) for setting in arrangement.settings[:6]] == [
        (0, 0), (0, 1000), (0, 5000), (0, 10_000), (0, 19_000), (1, 0),
    ]  # fmt: skip
    assert arrangement.name_of(arrangement.settings[1]) == "select at 1,000 idle connections"


def test_without_a_plot_the_path_with_numbers_is_x(sample_run: RunDirectory) -> None:
    document = sample_run.read_document()
    assert arrange({**document.profile, "plot": None}, document.trials).x_path == "load.idle"


def test_a_third_swept_path_keeps_settings_apart() -> None:
    trials = [
        trial(number, {"target.handler": handler, "target.server": server, "load.connections": connections})
        for number, (handler, server, connections) in enumerate(
            (handler, server, connections)
            for handler in ("hello", "cpu")
            for server in ("poll", "epoll")
            for connections in (64, 16)
        )
    ]
    profile = {"plot": {"x": "load.connections", "series": "target.server"}}
    arrangement = arrange(profile, trials)
    assert arrangement.line_names == ("poll, hello", "poll, cpu", "epoll, hello", "epoll, cpu")
    assert arrangement.x_values == (16, 64)
    assert all(len(setting.trials) == 1 for setting in arrangement.settings)


def test_a_second_path_of_numbers_names_itself_in_the_line() -> None:
    trials = [trial(number, {"load.idle": number, "load.connections": 16}) for number in range(3)]
    assert arrange({}, trials).line_names == ("16 active connections",)


def test_a_value_that_does_not_speak_for_itself_has_its_name() -> None:
    trials = [
        trial(number, {"load.idle": 0, "target.blocking": blocking, "target.trigger": "edge", "target.pool": 8})
        for number, blocking in enumerate((False, True))
    ]
    arrangement = arrange({"plot": {"x": "load.idle", "series": "target.blocking"}}, trials)
    assert arrangement.line_names == (
        "suspending calls, edge, 8 workers in the pool",
        "blocking calls, edge, 8 workers in the pool",
    )


def test_a_place_on_x_is_named_in_the_right_number(sample_run: RunDirectory) -> None:
    document = sample_run.read_document()
    arrangement = arrange(document.profile, document.trials)
    assert [arrangement.describe_x(x) for x in (0, 1, 19_000)] == [
        "0 idle connections",
        "1 idle connection",
        "19,000 idle connections",
    ]
    assert arrange({}, [trial(1, {"target.server": "epoll"})]).describe_x("epoll") == "epoll"


def test_names_on_x_can_be_lines_of_their_own(sample_run: RunDirectory) -> None:
    trials = [trial(number, {"target.server": name}) for number, name in enumerate(["poll", "epoll"])]
    arrangement = above_each_other(arrange({}, trials))
    assert (arrangement.x_values, arrangement.line_names) == ((None,), ("poll", "epoll"))
    assert [arrangement.name_of(setting) for setting in arrangement.settings] == ["poll", "epoll"]
    document = sample_run.read_document()
    several = arrange(document.profile, document.trials)
    assert above_each_other(several) is several


def test_a_line_is_found_by_its_factors(sample_run: RunDirectory) -> None:
    document = sample_run.read_document()
    arrangement = arrange(document.profile, document.trials)
    assert arrangement.line_of({"target.server": "poll"}) == 1
    assert arrangement.line_of({"target.server": "none"}) is None
    assert arrangement.line_of({}) is None


def test_values_without_an_order_of_their_own_keep_the_profiles() -> None:
    trials = [trial(number, {"target.server": name}) for number, name in enumerate(["poll", "epoll", "select"])]
    arrangement = arrange({"sweep": {"target.server": ["select", "poll", "epoll"]}}, trials)
    assert arrangement.x_values == ("select", "poll", "epoll")
    assert not arrangement.x_is_number
    assert arrangement.line_names == ("",)


def test_no_sweep_is_one_setting_without_x() -> None:
    arrangement = arrange({}, [trial(1, {}), trial(2, {}, repeat=2)])
    assert arrangement.x_path is None
    assert [[each.repeat for each in setting.trials] for setting in arrangement.settings] == [[1, 2]]
    assert arrangement.name_of(arrangement.settings[0]) == ""


def test_no_trials_at_all() -> None:
    assert arrange({"plot": {"x": "load.idle"}}, []).settings == ()


def test_only_done_trials_that_are_not_invalid_are_measured() -> None:
    trials = [
        trial(1, {}, repeat=1),
        trial(2, {}, repeat=2, verdict=Verdict(state="suspect")),
        trial(3, {}, repeat=3, verdict=Verdict(state="invalid")),
        trial(4, {}, repeat=4, state="failed"),
        trial(5, {}, repeat=5, state="not possible"),
        trial(6, {}, repeat=6, state="interrupted"),
    ]
    [setting] = arrange({}, trials).settings
    assert [each.id for each in setting.measured] == ["001", "002"]


@pytest.mark.parametrize(
    ("value", "text"), [(19_000, "19,000"), (0.5, "0.5"), ("epoll", "epoll"), (True, "true"), (None, "none")]
)
def test_scalars_read_as_in_a_sentence(value: Scalar, text: str) -> None:
    assert format_scalar(value) == text


def test_lines_that_have_a_single_x_stand_side_by_side(sample_run: RunDirectory) -> None:
    document = sample_run.read_document()
    at_rest = [trial for trial in document.trials if trial.factors["load.idle"] == 0]
    drawn = side_by_side(arrange(document.profile, at_rest))
    assert (drawn.x_title, drawn.x_values, drawn.line_names) == ("server", ("select", "poll", "epoll"), ("",))
    assert [drawn.name_of(setting) for setting in drawn.settings] == ["select", "poll", "epoll"]


def test_lines_over_several_x_stay_lines(sample_run: RunDirectory) -> None:
    document = sample_run.read_document()
    arrangement = arrange(document.profile, document.trials)
    assert side_by_side(arrangement) is arrangement


def test_long_commands_are_called_by_what_differs_between_them() -> None:
    commands = [f"python -m gunicorn --bind 127.0.0.1:8000 --workers {workers} app:application" for workers in (1, 4)]
    assert shorten_names(commands) == ("… --workers 1 …", "… --workers 4 …")
    assert shorten_names(["epoll", "python -m uvicorn --workers 4 --no-access-log app:application"]) == (
        "epoll",
        "python -m uvicorn --wor…ess-log app:application",
    )
    assert shorten_names(["epoll", "a server"]) == ("epoll", "a server")


def test_names_that_would_be_alike_when_short_stay_whole() -> None:
    middle = ["x" * 30 + middle + "y" * 30 for middle in ("a", "b")]
    assert shorten_names(middle) == tuple(middle)
