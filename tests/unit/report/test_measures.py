import pytest

from loadlab.report.measures import ANSWERED_SHARE, CPU_TIME, NUMBER, RATE, SIZE, TIME, Quantity, measure_of
from loadlab.results.directory import RunDirectory
from loadlab.results.run import RunDocument
from loadlab.results.trial import TrialResult
from loadlab.units import format_rate


def epoll(run: RunDirectory) -> TrialResult:
    wanted = {"target.server": "epoll", "load.idle": 19_000}
    return next(trial for trial in run.read_document().trials if trial.factors == wanted)


@pytest.mark.parametrize(
    ("metric", "title", "quantity", "more_is_better"),
    [
        ("requests_per_second", "Requests per second", RATE, True),
        ("response_ns.p99", "Response time (p99)", TIME, False),
        ("service_ns.p99.9", "Service time (p99.9)", TIME, False),
        ("response_ns.count", "Response time (count)", NUMBER, True),
        ("target.pss_bytes", "Memory of the target (PSS)", SIZE, False),
        ("bytes_per_unit", "Memory of one unit", SIZE, False),
        ("target.context_switches_per_request", "Context switches of the target per request", NUMBER, False),
        ("target.cpu_ns_per_request", "CPU time of the target per request", CPU_TIME, False),
        ("kinds.hello.response_ns.p99", "Response time of hello (p99)", TIME, False),
        ("kinds.sleep?ms=5.requests_per_second", "Requests per second of sleep?ms=5", RATE, True),
        ("offered_per_second", "Offered requests per second", RATE, False),
        ("wire_ns.p99", "Server and wire (p99)", TIME, False),
        ("connection_memory.bytes_per_connection", "Memory of one idle connection", SIZE, False),
        ("idle.open_seconds", "idle.open_seconds", NUMBER, False),
    ],
)
def test_a_name_gives_title_unit_and_direction(
    metric: str, title: str, quantity: Quantity, more_is_better: bool
) -> None:
    measure = measure_of(metric)
    assert (measure.title, measure.quantity, measure.more_is_better) == (title, quantity, more_is_better)


def test_figures_are_read_from_where_run_json_has_them(sample_run: RunDirectory) -> None:
    trial = epoll(sample_run)
    assert trial.target is not None
    assert trial.idle is not None
    for metric, value in (
        ("requests_per_second", trial.requests_per_second),
        ("response_ns.p99.9", trial.response_ns.p99_9),
        ("wire_ns.p50", trial.wire_ns.p50),
        ("client_ns.p99", trial.client_ns.p99),
        ("target.rss_bytes", trial.target.rss_bytes),
        ("idle.open_seconds", trial.idle.open_seconds),
        ("outcomes.cut", 16),
        ("outcomes.timeout", 0),
        ("outcomes.malformed", 0),
        ("failures", 0),
    ):
        assert measure_of(metric).read(trial) == value, metric


def test_of_runs_that_kept_its_parts_only_cpu_time_is_their_sum(sample_run: RunDirectory) -> None:
    trial = epoll(sample_run)
    assert trial.target is not None
    whole_ns = trial.target.cpu_ns_per_request
    earlier = trial.model_copy(update={"target": trial.target.model_copy(update={"cpu_ns_per_request": None})})
    assert measure_of("target.cpu_ns_per_request").read(trial) == whole_ns
    assert measure_of("target.cpu_ns_per_request").read(earlier) == pytest.approx(whole_ns)


@pytest.mark.parametrize("metric", ["cost_ns", "target.pss_bytes", "target.none", "none.at.all", "kinds.x.response_ns"])
def test_what_was_not_measured_is_none(sample_run: RunDirectory, metric: str) -> None:
    assert measure_of(metric).read(epoll(sample_run)) is None


def test_cpu_is_absent_where_it_was_not_counted(sample_run: RunDirectory) -> None:
    failed = next(trial for trial in sample_run.read_document().trials if trial.state == "failed")
    assert measure_of("target.cpu_ns_per_request").read(failed) is None


def test_a_kind_has_figures_and_samples_of_its_own(mix: RunDocument) -> None:
    trial = mix.trials[0]
    fast, slow = trial.kinds
    assert measure_of("kinds.hello.response_ns.p99").read(trial) == fast.response_ns.p99
    assert measure_of("kinds.slow.requests").read(trial) == slow.requests == 60
    assert measure_of("kinds.hello.response_ns.p99").is_firm(trial)
    assert measure_of("kinds.slow.response_ns.p50").read(trial) == slow.response_ns.p50
    assert measure_of("kinds.slow.response_ns.max").is_firm(trial)
    assert measure_of("kinds.other.response_ns.p99").read(trial) is None


def test_a_percentile_that_too_few_samples_lie_beyond_is_not_read(mix: RunDocument) -> None:
    p99 = measure_of("kinds.slow.response_ns.p99")
    assert mix.trials[0].kinds[1].response_ns.p99 is not None
    assert p99.read(mix.trials[0]) is None
    assert not p99.is_firm(mix.trials[0])


def test_only_throughput_can_be_a_lower_bound(open_load: RunDocument) -> None:
    bound = [trial for trial in open_load.trials if measure_of("requests_per_second").is_lower_bound(trial)]
    assert [trial.factors for trial in bound] == [{"target.server": "asyncio", "load.rate": 24_000}]
    assert not measure_of("response_ns.p99").is_lower_bound(bound[0])


def test_the_answered_share_is_of_what_was_offered(open_load: RunDocument, sample_run: RunDirectory) -> None:
    assert ANSWERED_SHARE.read(open_load.trials[-1]) == pytest.approx(16_666 / 24_000)
    assert ANSWERED_SHARE.read(epoll(sample_run)) is None


def test_a_trial_without_slow_senders_is_all_of_its_one_kind(slow_senders: RunDocument) -> None:
    alone = next(trial for trial in slow_senders.trials if not trial.kinds)
    assert measure_of("kinds.hello.response_ns.p99").read(alone) == alone.response_ns.p99
    assert measure_of("kinds.slow-senders.response_ns.p99").read(alone) is None


def test_a_title_within_a_sentence_keeps_its_abbreviations() -> None:
    assert measure_of("response_ns.p99").phrase == "response time (p99)"
    assert measure_of("target.cpu_ns_per_request").phrase == "CPU time of the target per request"


def test_rates_are_as_exact_as_they_are_worth() -> None:
    assert [format_rate(value) for value in (21_050.4, 640.0, 9.3456, 0.5)] == ["21,050", "640", "9.35", "0.5"]
