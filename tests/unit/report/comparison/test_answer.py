from loadlab.analysis.comparison import DISTURBED, NO_INTERVAL, ComparedFigure, ComparedSetting, LeftOut, RunComparison
from loadlab.report.comparison.answer import answer, doubt_lines, left_out_lines, name_setting
from loadlab.results.trial import LoadProtocol

RATE, CPU, P99 = "requests_per_second", "target.cpu_ns_per_request", "response_ns.p99"


def figure(metric: str, change: float, margin: float | None = 0.01) -> ComparedFigure:
    interval = None if margin is None else (change - margin, change + margin)
    given = {"metric": metric, "a": 100.0, "b": 100 * (1 + change), "change": change, "interval": interval}
    return ComparedFigure.model_validate(
        given | {"visible": margin, "reason": NO_INTERVAL if interval is None else None}
    )


def setting(*figures: ComparedFigure, doubts: list[str] | None = None, **factors: str | int) -> ComparedSetting:
    paths = {path.replace("_", ".", 1): value for path, value in factors.items()}
    return ComparedSetting(
        factors=paths, base_trials=["001"], other_trials=["001"], figures=list(figures), doubts=doubts or []
    )


def said(
    *settings: ComparedSetting, overall: tuple[ComparedFigure, ...] = (), protocol: LoadProtocol = "http"
) -> list[str]:
    comparison = RunComparison(
        obstacles=[], remarks=[], protocol=protocol, settings=list(settings), left_out=[], overall=list(overall)
    )
    return [line.replace("\N{NO-BREAK SPACE}", " ").replace("\N{MINUS SIGN}", "-") for line in answer(comparison)]


def test_one_setting_is_answered_first_and_then_what_differs_and_what_does_not() -> None:
    assert said(setting(figure(CPU, 0.002), figure(RATE, -0.03), figure(P99, 0.2))) == [
        "B answers 3.0 % fewer requests/s than A (95 %: 2.0 % to 4.0 %).",
        "B's p99 is 20.0 % higher than A's (95 %: 19.0 % to 21.0 %).",
        "No difference is shown in CPU time per request (within 1.2 %).",
    ]


def test_what_was_counted_is_called_by_its_name() -> None:
    figures = (figure(CPU, 0.002), figure(RATE, -0.03))
    assert said(setting(*figures), protocol="websocket") == [
        "B answers 3.0 % fewer round trips/s than A (95 %: 2.0 % to 4.0 %).",
        "No difference is shown in CPU time per round trip (within 1.2 %).",
    ]
    assert said(setting(*figures), protocol="events")[0].startswith("B sends 3.0 % fewer events/s than A")


def test_many_settings_are_averaged_and_those_that_differ_are_named() -> None:
    lines = said(
        setting(figure(RATE, -0.03), figure(P99, 0.0), target_server="epoll"),
        setting(figure(RATE, 0.5), figure(P99, 0.001), target_server="poll"),
        overall=(figure(RATE, 0.2), figure(P99, 0.0005)),
    )
    assert lines == [
        "On average over all settings, B answers 20.0 % more requests/s than A (95 %: 19.0 % to 21.0 %).",
        "Throughput: better at 1 of 2 settings (poll +50 %), worse at 1 of 2 settings (epoll -3 %).",
        "No difference is shown at any setting in p99 (within 1.1 %).",
    ]


def test_without_intervals_no_difference_is_claimed() -> None:
    (change, advice) = said(setting(figure(RATE, -0.3, None)))
    assert change == "Throughput changed by -30 % from A to B, which may be noise: measured in a single window."
    assert "--set rounds=10" in advice


def test_what_others_disturbed_is_not_judged() -> None:
    disturbed = figure(RATE, 1.0, None).model_copy(update={"reason": DISTURBED})
    first, second = said(setting(disturbed, figure(CPU, 0.0)), setting(figure(CPU, 0.0), load_idle=5))
    assert first == "No difference is shown at any setting in CPU time per request (within 1 %)."
    assert second.startswith("Throughput and times are not judged at 1 of 2 settings: other programs")


def test_many_intervals_are_known_to_err_by_chance() -> None:
    many = [setting(figure(RATE, 0.0), load_idle=number) for number in range(40)]
    assert "Of 40 intervals of 95 %, about 2 (5 %) would exclude" in said(*many)[-1]


def test_settings_are_called_by_their_values() -> None:
    assert name_setting({"target.server": "epoll", "load.idle": 19_000}) == "epoll, 19,000 idle connections"
    assert name_setting({}) == ""
    assert name_setting({"variant": "A"}) == "variant A"


def test_what_was_left_out_is_named_as_far_as_it_can_be_read() -> None:
    left_out = [LeftOut(factors={"load.idle": number}, reason="not in the base") for number in range(100)]
    lines = list(left_out_lines(left_out))
    assert lines[0] == "Not compared: 0 idle connections: not in the base."
    assert lines[-1] == "Not compared: 94 more settings."


def test_doubts_that_many_trials_share_are_one_line() -> None:
    doubts = [f"Trial {number:03} of the base is suspect: Others were at work." for number in (1, 2)]
    assert list(doubt_lines([setting(doubts=doubts)])) == ["2 trials are suspect: Others were at work."]
    assert list(doubt_lines([setting(doubts=doubts[:1])])) == doubts[:1]
