"""The summary of `hit`: what it says, within 80 columns."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from loadlab.analysis.summary import summarise_latency
from loadlab.cli.hit.summary import load_parts, repeats_lines, summarise, with_options
from loadlab.cli.lines import Line
from loadlab.profile import LoadProfile
from loadlab.recording.histogram import Histogram
from loadlab.results.requests import FailureSample
from loadlab.results.trial import TrialResult
from loadlab.results.verdict import Finding, Verdict

from ....trials import make_trial, make_usage

GOLDEN = Path(__file__).with_name("summary.txt")
URL = "http://localhost:8000/items?page=2"


def profile_of(**load: Any) -> LoadProfile:  # noqa: ANN401 - any key
    usual = {"connections": 50, "duration": "10s", "request": {"path": "/items"}}
    return LoadProfile.model_validate({"name": "x", "target": {"address": "localhost:80"}, "load": usual | load})


def histogram_of(count: int) -> Histogram:
    histogram = Histogram()
    histogram.fold(np.random.default_rng(1).lognormal(14, 0.5, count).astype(np.int64))
    return histogram


def measured(count: int = 40_000, **fields: Any) -> tuple[TrialResult, dict[str, Histogram]]:  # noqa: ANN401 - any field
    histogram = histogram_of(count)
    summary = summarise_latency(histogram)
    usual: dict[str, Any] = {
        "window_ns": 10_000_000_000,
        "requests": count,
        "requests_per_second": count / 10,
        "load_model": "closed",
        "outcomes": {"ok": count},
        "statuses": {"200": count},
        "response_ns": summary.model_dump(by_alias=True),
        "server": {"address": "127.0.0.1:8000"},
    }
    return make_trial(**usual | fields), {"response": histogram}


def lines_of(trial: TrialResult, histograms: dict[str, Histogram], **load: Any) -> list[Line]:  # noqa: ANN401 - any key
    return [*summarise(trial, profile_of(**load), URL, histograms)]


def text_of(trial: TrialResult, histograms: dict[str, Histogram], **load: Any) -> str:  # noqa: ANN401 - any key
    return "\n".join(line.text for line in lines_of(trial, histograms, **load))


def one_line(text: str) -> str:
    return " ".join(text.split())


def test_all_that_a_trial_has() -> None:
    finding = Finding(
        code="failures",
        severity="suspect",
        text="Some requests failed, and it takes a sentence that is longer than a line to say how many of them did.",
        evidence="12 of 40,015 requests failed (0.03 %)",
        advice="Look at the server's log.",
    )
    trial, histograms = measured(
        verdict=Verdict(state="suspect", findings=[finding]),
        outcomes={"ok": 40_000, "status": 12, "timeout": 3, "cut": 50, "dropped": 0},
        statuses={"500": 12, "200": 40_000},
        connects={"opened": 7, "failed": {"refused": 2}},
        retried=4,
        tls={"version": "TLSv1.3", "cipher": "TLS_AES_256_GCM_SHA384"},
        client_ns=summarise_latency(histogram_of(1_000)).model_dump(by_alias=True),
        handshake_ns=summarise_latency(histogram_of(30)).model_dump(by_alias=True),
        idle={
            "wanted": 10_000,
            "opened": 10_000,
            "alive_at_start": 10_000,
            "alive": 9_990,
            "open_seconds": 1.0,
            "holders": 1,
        },
        target=make_usage(cpu_user_ns=900_000_000, rss_bytes=50 << 20).model_copy(
            update={"cpu_ns_per_request": 22_500.0}
        ),
        failure_samples=[
            FailureSample(
                outcome="status",
                kind="items",
                reason="status 500",
                received="HTTP/1.1 500 Oops\\r\\n",
                after_ns=1_200_000,
                reused=True,
            )
        ],
    )
    text = text_of(trial, histograms, idle=10_000) + "\n"
    assert text == GOLDEN.read_text()
    assert max(map(len, text.splitlines())) <= 80


def test_percentiles_that_too_few_requests_lie_beyond_are_named_and_not_shown() -> None:
    text = text_of(*measured(500))
    assert "p99 " not in text.split("max")[0]
    assert "(p99 needs 1,000 requests, p99.9 needs 10,000 requests)" in text


@pytest.mark.parametrize("protocol", ["http", "websocket", "events"])
def test_reasons_for_three_missing_percentiles_are_broken_between_words(protocol: str) -> None:
    trial, histograms = measured(50, protocol=protocol)
    few = text_of(trial, histograms)
    trial, histograms = measured(protocol=protocol)
    summary = trial.response_ns.model_copy(update={"too_low": ["p90", "p99", "p99.9"]})
    too_low = text_of(trial.model_copy(update={"response_ns": summary}), histograms)
    assert re.search(r"\(p90 needs 100 [a-z ]+, p99 needs 1,000 [a-z ]+, p99\.9 needs 10,000 [a-z ]+\)", one_line(few))
    assert "(p90 and p99 and p99.9 not shown: slow" in one_line(too_low)
    assert max(map(len, f"{few}\n{too_low}".splitlines())) <= 80


def test_percentiles_that_are_too_low_are_named_and_not_shown() -> None:
    trial, histograms = measured()
    summary = trial.response_ns.model_copy(update={"too_low": ["p99", "p99.9"]})
    text = text_of(trial.model_copy(update={"response_ns": summary}), histograms)
    assert "(p99 and p99.9 not shown: slow requests had not ended in the window)" in one_line(text)
    assert "90 %" in text
    assert " 99 %" not in text


def test_an_invalid_measurement_has_no_throughput_and_no_curve() -> None:
    text = text_of(*measured(verdict="invalid"))
    assert "requests/s     not shown: the measurement is invalid" in text
    assert "99.9 %" not in text


def test_a_client_that_was_the_limit_makes_the_throughput_a_lower_bound() -> None:
    finding = Finding(code="client_bound", severity="suspect", text="Bound.", evidence="e", advice="a")
    assert "requests/s     at least 4,000" in text_of(*measured(verdict=Verdict(state="suspect", findings=[finding])))


def test_a_server_on_another_machine_has_no_cpu_time_and_no_memory() -> None:
    text = text_of(*measured(server={"address": "10.0.0.1:80", "remote": True}))
    assert "at 10.0.0.1:80 on another machine: 50 connections, 10 s" in text
    assert "server         on another machine: its CPU time and memory are not known" in text


def test_a_rate_and_a_connection_for_each_request_are_said() -> None:
    trial, histograms = measured(lateness_ns=summarise_latency(histogram_of(5_000)).model_dump(by_alias=True))
    trial = trial.model_copy(update={"load_model": "open"})
    text = text_of(trial, histograms, rate=5000, arrivals="poisson", connection="per-request")
    assert "50 connections, one for each request, 5,000 requests/s asked for, Poisson, 10 s" in " ".join(text.split())
    assert "sent late      p99 " in text


def test_of_a_scenario_users_and_a_rate_of_iterations_are_said() -> None:
    profile = profile_of(request=None, scenario="shop.py:checkout", rate=200)
    assert load_parts(profile) == ["50 users", "200 iterations/s asked for"]


def test_a_trial_that_failed_says_why() -> None:
    finding = Finding(code="target_died", severity="invalid", text="It died.", evidence="e", advice="")
    trial = make_trial(Verdict(state="invalid", findings=[finding]), state="failed", reason="the server ended")
    text = text_of(trial, {})
    assert "the server ended" in text


def test_what_profilers_saw_is_said_in_a_line() -> None:
    top = [{"name": f"step {number} (app.py)", "self_share": number / 10, "total_share": 0.5} for number in range(5)]
    profile = {"backend": "py-spy", "file": "cpu-py-spy.folded", "rate_hz": 100, "samples": 50, "lost": 0}
    profile |= {"blocking": False, "notes": []}
    trial, histograms = measured(
        probes={
            "syscalls": {"backend": "perf", "calls_per_request": {"read": 1.25, "sendto": 1.0, "epoll_wait": 2.0}},
            "cpu": {
                "target": {
                    "backend": "py-spy",
                    "missing": [],
                    "profiles": [{**profile, "blocking": False, "notes": [], "top": top}],
                }
            },
        }
    )
    text = text_of(trial, histograms)
    assert "calls/request  epoll_wait 2   read 1.25   sendto 1\n" in text
    assert "busy in        40\N{NO-BREAK SPACE}% step 4 (app.py)   30" in text


@pytest.mark.parametrize(
    ("advice", "shown"),
    [
        ("Raise load.connections if need be.", "Raise -c if need be."),
        ("Measure for at least 5 s (load.duration).", "Measure for at least 5 s (-z)."),
        ("With load.connection: per-request.", "With --disable-keepalive."),
        ("Set load.idle_kind, load.workers.", "Set load.idle_kind, load.workers."),
        ("Make windows longer (load.duration; with ab, --slice).", "Make windows longer (--slice)."),
    ],
)
def test_advice_names_options(advice: str, shown: str) -> None:
    assert with_options(advice) == shown


def test_an_interrupted_trial_has_the_figures_until_then_and_no_findings() -> None:
    finding = Finding(code="short_window", severity="suspect", text="Stopped early.", evidence="e", advice="a")
    text = text_of(*measured(verdict=Verdict(state="suspect", findings=[finding]), state="interrupted"))
    assert "requests/s     4,000" in text
    assert "99.9 %" in text
    assert text.endswith("interrupted: this is of the first 10 s")


def test_repeats_show_how_far_they_differ() -> None:
    trials = [measured(20_000 + 100 * number)[0] for number in range(3)]
    first, *more = [line.text for line in repeats_lines(trials)]
    assert first == "3 repeats      2,000 to 2,020 requests/s"
    assert [line.split()[0] for line in more] == ["median", "p50", "p99"]
    assert more[0].strip().startswith("median 2,010 (95 %: ")


def test_one_window_says_that_it_has_no_interval_and_what_gives_one() -> None:
    trial, _ = measured()
    [line] = repeats_lines([trial])
    assert line.text == "one window: no interval; repeat (--repeat 5), or compare servers by `loadlab ab`"
    assert [*repeats_lines([trial.model_copy(update={"verdict": Verdict(state="invalid")})])] == []


def test_the_interval_over_rounds_stands_beside_the_throughput() -> None:
    text = text_of(*measured(confidence={"requests_per_second": (3_900.0, 4_100.0)}))
    assert "requests/s     4,000   (95 %: 3,900 to 4,100)" in text


def test_websockets_are_summed_up_in_round_trips_with_what_idle_ones_take() -> None:
    times = summarise_latency(histogram_of(30)).model_dump(by_alias=True)
    trial, histograms = measured(
        protocol="websocket",
        statuses={"1011": 3},
        pings=7,
        unasked=5,
        upgrade_ns=times,
        idle={
            "wanted": 20_000,
            "opened": 20_000,
            "alive_at_start": 20_000,
            "alive": 20_000,
            "open_seconds": 1.0,
            "holders": 1,
            "protocol": "websocket",
            "pings": 40_000,
        },
        connection_memory={
            "connections": 20_000,
            "kernel_bytes": 126_000_000,
            "target_bytes": 78_000_000,
            "client_bytes": 4_800_000,
            "bytes_per_connection": 10_440.0,
        },
        target=make_usage(cpu_user_ns=900_000_000).model_copy(update={"cpu_ns_per_request": 22_500.0}),
    )
    load = {"protocol": "websocket", "idle": 20_000, "path": "/chat", "request": None}
    text = text_of(trial, histograms, **load)
    for line in (
        "\nat 127.0.0.1:8000: 50 connections, 20,000 idle WebSockets, 10 s\n\nround trips/s  4,000\n",
        "\nstatuses       1011 internal error: 3\n",
        "\nmessages       5 that nothing had asked for   7 pings answered\n",
        "\nupgrade        p50 1.22 ms\n",
        "\nidle           20,000 of 20,000 alive at the end   40,000 pings answered\n"
        "               10.2 KiB each: kernel 6.15 KiB, server 3.81 KiB, client 240 B\n",
        "22.5 µs per round trip",
    ):
        assert line in text
    assert text.startswith(f"{URL}\n")


def test_events_are_summed_up_by_their_delay_before_their_pace() -> None:
    times = summarise_latency(histogram_of(40_000)).model_dump(by_alias=True)
    pace = {"p50": 500_000_000, "max": 501_000_000, "count": 40_000}
    trial, histograms = measured(
        protocol="events", delay_ns=times, response_ns=pace, first_ns=times, received_bytes=3_200_000, ended=2
    )
    text = text_of(trial, {"delay": histograms["response"]}, protocol="events")
    assert "\nevents/s       4,000\ndelivery delay p50 1.2 ms   p90 2.25 ms" in text
    assert "\nbetween events p50 500 ms   max 501 ms\n" in text
    assert "99.9 %" in text  # the curve is that of the delay
    assert "\nfirst event    p50 1.2 ms" in text
    assert "\nbytes/s        312 KiB/s\nstreams        2 ended by the server\n" in text


def test_pieces_of_a_streamed_answer_have_a_line() -> None:
    times = summarise_latency(histogram_of(2_000)).model_dump(by_alias=True)
    text = text_of(*measured(first_ns=times, gap_ns=times))
    assert "\nfirst byte     p50 " in text
    assert "\nbetween pieces p50 " in text
