"""Conditions on a comparison, `--fail-if`: how they are written, and when an interval decides them."""

import pytest

from loadlab.profile.fail_if import Answer, FailIf, parse_fail_if

THROUGHPUT = "requests_per_second"
P99 = "response_ns.p99"


@pytest.mark.parametrize(
    ("text", "condition"),
    [
        ("p99 worse by 10%", FailIf("p99 worse by 10%", P99, "worse", 0.1)),
        ("  throughput  differs by  2.5 % ", FailIf("throughput differs by 2.5 %", THROUGHPUT, "differs", 0.025)),
        ("response_ns.p99 better by 1%", FailIf("response_ns.p99 better by 1%", P99, "better", 0.01)),
        ("errors worse", FailIf("errors worse", "failures", "worse", 0.0)),
        (
            "steps.log in. all.p99 worse by 10%",
            FailIf("steps.log in. all.p99 worse by 10%", "steps.log in. all.response_ns.p99", "worse", 0.1),
        ),
        (
            "iterations.throughput worse",
            FailIf("iterations.throughput worse", f"iterations.{THROUGHPUT}", "worse", 0.0),
        ),
        ("p50 worse by 200%", FailIf("p50 worse by 200%", "response_ns.p50", "worse", 2.0)),
    ],
)
def test_reads(text: str, condition: FailIf) -> None:
    assert parse_fail_if(text) == condition


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        ("", "'' is not a condition; write it like: p99 worse by 10%"),
        ("p99 > 10ms", "is not a condition"),
        ("p99 slower by 10%", "'slower' must be worse, better or differs"),
        ("p99 worse by 10", "'10' is not a percentage; write 10%"),
        ("p99 worse by 3ms", "'3ms' is not a percentage; write it like 2% or 0.5%"),
        ("p98 worse by 10%", "p98 is not recorded; the percentiles are p50, p90, p99 and p99.9"),
        ("troughput worse by 10%", "'troughput' is not compared; did you mean 'throughput'?"),
        ("target.rss_bytes worse", "'target.rss_bytes' is not compared; write one of throughput, p99"),
        ("throughput worse by 100%", "nothing falls by 100 % or more"),
        ("p99 better by 100%", "nothing falls by 100 % or more"),
    ],
)
def test_refuses(text: str, mistake: str) -> None:
    with pytest.raises(ValueError, match=mistake.replace("?", r"\?")):
        parse_fail_if(text, [THROUGHPUT, P99])


@pytest.mark.parametrize(
    ("text", "interval", "answer", "measured"),
    [
        ("p99 worse by 10%", (0.12, 0.2), Answer.HOLDS, "worse by 12 % to 20 %"),
        ("p99 worse by 10%", (0.04, 0.14), Answer.UNSURE, "worse by 4 % to 14 %"),
        ("p99 worse by 10%", (0.04, 0.09), Answer.EXCLUDED, "worse by 4 % to 9 %"),
        ("p99 worse by 10%", (-0.5, -0.4), Answer.EXCLUDED, "better by 40 % to 50 %"),
        ("throughput worse by 10%", (-0.3, -0.2), Answer.HOLDS, "worse by 20 % to 30 %"),
        ("throughput worse by 10%", (0.2, 0.3), Answer.EXCLUDED, "better by 20 % to 30 %"),
        ("throughput worse by 10%", (-0.12, 0.03), Answer.UNSURE, "between 3 % better and 12 % worse"),
        ("throughput better by 10%", (0.2, 0.3), Answer.HOLDS, "better by 20 % to 30 %"),
        ("throughput differs by 5%", (-0.3, -0.2), Answer.HOLDS, "smaller by 20 % to 30 %"),
        ("throughput differs by 5%", (0.06, 0.07), Answer.HOLDS, "larger by 6 % to 7 %"),
        ("throughput differs by 5%", (-0.01, 0.02), Answer.EXCLUDED, "between 1 % smaller and 2 % larger"),
        ("throughput differs by 5%", (-0.01, 0.06), Answer.UNSURE, "between 1 % smaller and 6 % larger"),
        ("errors worse", (0.0, 0.0), Answer.EXCLUDED, "the same"),
        ("errors worse", (0.001, 0.002), Answer.HOLDS, "worse by 0.1 % to 0.2 %"),
        ("p99 worse by 10%", None, Answer.UNSURE, "was not measured with an interval"),
    ],
)
def test_decides_by_the_whole_interval(
    text: str, interval: tuple[float, float] | None, answer: Answer, measured: str
) -> None:
    condition = parse_fail_if(text)
    assert condition.judge(interval) is answer
    assert condition.describe(interval).replace("\N{NO-BREAK SPACE}", " ") == measured
