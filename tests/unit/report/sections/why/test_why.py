import pytest

from loadlab.report.sections.section import Run
from loadlab.report.sections.why import Why, sections_of
from loadlab.results.directory import RunDirectory
from loadlab.results.folded_stacks import Stacks
from loadlab.results.probe_data import Probes, SyscallsProbe
from loadlab.results.run import RunDocument
from loadlab.results.trial import TrialResult

from .....probed_run import MISSING_PERF, cpu_profile, syscalls_probe
from ...laid_out import run_of


def chapter(run: RunDirectory) -> Why:
    [section] = sections_of(run_of(run.read_document(), run))
    return section


@pytest.fixture(scope="module")
def why(probed_run: RunDirectory) -> Why:
    return chapter(probed_run)


def test_the_line_that_grew_most_comes_first_and_those_without_probes_not_at_all(why: Why) -> None:
    assert [series.name for series in why.series] == ["select", "epoll"]


def test_what_grew_is_told_with_its_figures(why: Why) -> None:
    select, epoll = why.series
    assert select.sentences == (
        # The highest x that was measured: at 19,000 it was not possible.
        "From 0 to 10,000 idle connections the time in pselect6 rises 241-fold per request, from 3 µs to 723 µs; "
        "the number of calls per request does not change (2.10).",
        "Each waiting call returns 10 events at 0 idle connections and 10 at 10,000 on average.",
        "pselect6 (libc.so.6) takes 14.3\N{NO-BREAK SPACE}% of the CPU samples at 0 idle connections and "
        "97.6\N{NO-BREAK SPACE}% at 10,000.",
    )
    assert epoll.sentences[0] == (
        "From 0 to 19,000 idle connections no system call takes much more time per request; "
        "the number of calls per request does not change (2.10)."
    )


def test_both_ends_stand_beside_each_other_with_the_cost_of_looking(why: Why) -> None:
    table = why.series[0].table
    assert table is not None
    assert [group.title for group in table.groups] == ["at 0 idle connections", "at 10,000 idle connections"]
    assert table.rows[0] == (
        "pselect6", "0.10", "30 µs", "3 µs", "28.6\N{NO-BREAK SPACE}%",
        "0.10", "7.23 ms", "723 µs", "99\N{NO-BREAK SPACE}%",
    )  # fmt: skip
    assert [row[0] for row in table.rows] == ["pselect6", "sendto", "recvfrom"]
    assert "by bpftrace; it cost 30\N{NO-BREAK SPACE}% of the throughput at 0 idle connections" in table.note
    assert "by py-spy; it cost 12\N{NO-BREAK SPACE}%" in why.series[0].flames_note


def test_the_flame_graphs_are_before_after_and_their_difference(why: Why) -> None:
    [flames] = why.series[0].flames
    before, after, difference = flames.graphs
    assert (before.title, after.title) == ("0 idle connections", "10,000 idle connections")
    assert difference.before_total == before.total == 70
    assert why.assets == ("why/flame",)


def test_the_client_is_told_of_in_brief(why: Why) -> None:
    assert "The client's calls per request: write 1.00." in why.series[0].client
    told = why.series[0].client.replace("\N{NO-BREAK SPACE}", " ")
    assert "Its busiest functions (py-spy): epoll_wait (libc.so.6) 80 %, write (libc.so.6) 20 %." in told


def test_what_is_missing_is_told_once(why: Why) -> None:
    [missing] = why.missing
    assert missing.text == f"CPU: {MISSING_PERF}"
    assert len(missing.places) == 9
    assert missing.places[0] == "select at 0 idle connections"


def test_a_run_without_probes_has_no_chapter(sample_run: RunDirectory) -> None:
    assert [*sections_of(run_of(sample_run.read_document(), sample_run))] == []


def with_syscalls(document: RunDocument, probes: dict[str, SyscallsProbe]) -> list[TrialResult]:
    """The trials of these servers, each with that probe."""
    return [
        trial.model_copy(update={"probes": Probes(syscalls=probes[str(trial.factors["target.server"])])})
        for trial in document.trials
        if trial.factors["target.server"] in probes
    ]


def test_a_backend_that_takes_no_times_still_tells_the_calls(sample_run: RunDirectory) -> None:
    document = sample_run.read_document()
    probe = syscalls_probe("epoll", 0, slowdown=-0.02)
    assert probe.target is not None
    calls = [call.model_copy(update={"time_ns": None}) for call in probe.target.calls]
    target = probe.target.model_copy(update={"calls": calls})
    trials = with_syscalls(document, {"epoll": probe.model_copy(update={"target": target})})
    [told] = sections_of(run_of(document.model_copy(update={"trials": trials}), sample_run))
    [epoll] = told.series
    assert (
        epoll.sentences[0]
        == "From 0 to 19,000 idle connections the number of calls per request does not change (2.10)."
    )
    assert epoll.table is not None
    assert epoll.table.rows[0] == ("recvfrom", "1.00", "1.00")
    assert "at no visible cost in throughput" in epoll.table.note
    assert "waiting" not in epoll.table.note
    assert told.assets == ()


def test_a_tracer_that_was_not_there_is_named_with_its_fix(sample_run: RunDirectory) -> None:
    document = sample_run.read_document()
    trials = with_syscalls(document, {"epoll": SyscallsProbe(missed=["perf: not found; apt-get install linux-perf"])})
    [told] = sections_of(run_of(document.model_copy(update={"trials": trials}), sample_run))
    assert (told.series, told.costs) == ((), ())
    assert [missing.text for missing in told.missing] == ["System calls: perf: not found; apt-get install linux-perf"]


def test_a_wait_that_grew_without_cpu_time_is_no_work(sample_run: RunDirectory) -> None:
    document = sample_run.read_document()
    trials = [
        trial.model_copy(
            update={"probes": Probes(syscalls=syscalls_probe("select", 1000 * int(trial.factors["load.idle"] or 0)))}
        )
        for trial in document.trials
        if trial.factors["target.server"] == "epoll"
    ]
    [told] = sections_of(run_of(document.model_copy(update={"trials": trials}), sample_run))
    assert told.series[0].sentences[1].startswith("Most of that is waiting, not work: CPU time per request goes")


def test_a_traced_pass_that_was_much_faster_is_called_disturbed(sample_run: RunDirectory) -> None:
    document = sample_run.read_document()
    trials = with_syscalls(document, {"epoll": syscalls_probe("epoll", 0, slowdown=-0.5)})
    [told] = sections_of(run_of(document.model_copy(update={"trials": trials}), sample_run))
    assert told.series[0].table is not None
    assert (
        "That pass was faster by 50\N{NO-BREAK SPACE}% at 0 idle connections and 50\N{NO-BREAK SPACE}% at 19,000: "
        "it or the trial was disturbed."
    ) in told.series[0].table.note


def test_each_profiler_has_its_graphs_and_the_one_that_sees_the_kernel_is_first(probed_run: RunDirectory) -> None:
    document = probed_run.read_document()
    stacks: Stacks = {("MainThread", "do_select_[k]"): 40}
    [perf] = cpu_profile(stacks, "target", "perf").profiles
    trials = []
    for trial in document.trials:
        probe = trial.probes.cpu
        if probe and probe.target:
            target = probe.target.model_copy(update={"profiles": [*probe.target.profiles, perf], "missing": []})
            probes = Probes(cpu=probe.model_copy(update={"target": target}))
            trials.append(trial.model_copy(update={"probes": probes}))
    by_py_spy: Stacks = {("MainThread", "serve (server.py:12)"): 7}
    run = Run.of(
        document.model_copy(update={"trials": trials}),
        lambda _trial: {},
        lambda _trial, file: dict(stacks if file == perf.file else by_py_spy),
    )
    [told] = sections_of(run)
    kernel, python = told.series[0].flames
    assert kernel.title == "CPU samples of the target: the kernel and native code, by perf"
    assert python.title == "CPU samples of the target: Python and native code, by py-spy"
    assert [graph.total for graph in kernel.graphs] == [40, 40, 40]
    assert [graph.total for graph in python.graphs] == [7, 7, 7]
    assert "by py-spy and perf; it cost 12" in told.series[0].flames_note


def test_of_many_lines_two_that_grew_most_are_told_and_the_steadiest(crowd: RunDocument) -> None:
    servers = {str(trial.factors["target.server"]) for trial in crowd.trials}
    trials = with_syscalls(crowd, dict.fromkeys(servers, syscalls_probe("epoll", 0)))
    [told] = sections_of(run_of(crowd.model_copy(update={"trials": trials})))
    assert len(told.series) == 3
    assert [series.name for series in told.series][:2] == ["select", "poll"]


@pytest.mark.parametrize(("samples", "is_said"), [(20, False), (2_000, True)])
def test_a_function_that_grew_is_named_only_where_that_is_no_chance(
    probed_run: RunDirectory, samples: int, is_said: bool
) -> None:
    before: Stacks = {("MainThread", "busy"): samples // 5, ("MainThread", "idle"): samples}
    after: Stacks = {("MainThread", "busy"): samples // 2, ("MainThread", "idle"): samples}
    document = probed_run.read_document()
    first = {trial.id for trial in document.trials if trial.factors["load.idle"] == 0}
    run = Run.of(document, lambda _trial: {}, lambda trial, _file: dict(before if trial in first else after))
    [section] = sections_of(run)
    named = [sentence for sentence in section.series[0].sentences if sentence.startswith("busy takes")]
    assert bool(named) is is_said
