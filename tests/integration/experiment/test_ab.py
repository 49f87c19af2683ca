"""Two servers compared in the same seconds, for real."""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from loadlab.errors import LoadlabError
from loadlab.experiment.ab import AbPlan, PairedExperiment
from loadlab.experiment.context import RunContext, Unobserved, resources_of_host
from loadlab.profile import load_profile
from loadlab.profile.loading import LoadedProfile
from loadlab.results.directory import RunDirectory
from loadlab.results.paired import Difference
from loadlab.results.run import RunDocument

pytestmark = pytest.mark.timeout(180)

SECOND_NS = 1_000_000_000
HANDLER = "name: ab\ntarget: {server: epoll}\nload: {connections: 4, duration: 1s, warmup: 50ms, path: '%s'}\n"


class Pairs(Unobserved):
    """Notes what it hears of the difference."""

    def __init__(self) -> None:
        self.heard: list[tuple[int, Difference | None]] = []

    def compared(self, pairs: int, difference: Difference | None) -> None:
        self.heard.append((pairs, difference))


def written(folder: Path, text: str) -> LoadedProfile:
    path = folder / f"{len([*folder.iterdir()])}.yaml"
    path.write_text(text)
    return load_profile(path)


def comparison(
    folder: Path, a: str, b: str, plan: AbPlan, observer: Unobserved, check: Callable[[], None] = lambda: None
) -> PairedExperiment:
    context = RunContext(resources_of_host(), observer, check)
    directory = RunDirectory.create(folder / "reports", "ab", "name: ab\n", datetime.now(UTC))
    return PairedExperiment(written(folder, a), written(folder, b), plan, 1, ["loadlab", "ab"], context, directory)


def differences(document: RunDocument) -> dict[str, Difference]:
    assert document.ab is not None
    return {each.metric: each for each in document.ab.differences}


def test_the_slower_of_two_is_found_and_the_document_holds_all_pairs(tmp_path: Path) -> None:
    pairs = Pairs()
    plan = AbPlan("fast", "slow", within=0.2, at_most_ns=60 * SECOND_NS)
    a, b = HANDLER % "/cpu?us=1000", HANDLER % "/cpu?us=2000"
    document = comparison(tmp_path, a, b, plan, pairs).run()
    assert document.ab is not None
    assert (document.ab.a.label, document.ab.b.label, document.ab.ended) == ("fast", "slow", "within")
    throughput = differences(document)["requests_per_second"]
    assert throughput.is_clear
    assert throughput.change == pytest.approx(-0.5, abs=0.2)
    assert differences(document)["target.cpu_ns_per_request"].change == pytest.approx(0.9, abs=0.5)
    first, second = document.trials
    assert (first.factors, second.factors) == ({"variant": "A"}, {"variant": "B"})
    assert len(first.rounds) == len(second.rounds) >= 20
    assert all(abs(x.at - y.at) < 5 for x, y in zip(first.rounds, second.rounds, strict=True))
    assert {x.at < y.at for x, y in zip(first.rounds, second.rounds, strict=True)} == {True, False}
    assert pairs.heard[-1][0] == len(first.rounds)


def test_it_ends_at_its_time_and_says_so(tmp_path: Path) -> None:
    plan = AbPlan("a", "b", within=0.000001, at_most_ns=2 * SECOND_NS, slice_ns=SECOND_NS // 20)
    document = comparison(tmp_path, HANDLER % "/hello", HANDLER % "/hello", plan, Unobserved()).run()
    assert document.ab is not None
    assert document.ab.ended == "at most"
    assert [trial.state for trial in document.trials] == ["done", "done"]


def test_what_was_compared_until_ctrl_c_is_kept(tmp_path: Path) -> None:
    end = time.monotonic() + 4

    def check() -> None:
        if time.monotonic() > end:
            raise KeyboardInterrupt

    plan = AbPlan("a", "b", within=0.000001, slice_ns=SECOND_NS // 20)
    document = comparison(tmp_path, HANDLER % "/hello", HANDLER % "/hello", plan, Unobserved(), check).run()
    assert document.interrupted
    assert document.ab is not None
    assert document.ab.ended == "interrupted"
    assert differences(document)["requests_per_second"].interval is not None


def test_a_side_that_does_not_start_ends_the_comparison(tmp_path: Path) -> None:
    command = "[python3, -c, 'raise SystemExit(3)', '{port}']"
    broken = f"name: ab\ntarget: {{command: {command}}}\nload: {{connections: 4, duration: 1s}}\n"
    plan = AbPlan("a", "b", at_most_ns=2 * SECOND_NS)
    document = comparison(tmp_path, HANDLER % "/hello", broken, plan, Unobserved()).run()
    assert document.ab is not None
    assert document.ab.ended == "failed"
    assert document.trials[1].state == "failed"
    assert document.trials[1].reason


@pytest.mark.parametrize(
    ("load", "problem"),
    [
        ("{connections: 4, request_count: 100}", "number of requests"),
        ("{connections: 4, rate: [{for: 1s, from: 10, to: 100}]}", "constant"),
    ],
)
def test_a_load_that_has_no_slices_is_refused(tmp_path: Path, load: str, problem: str) -> None:
    text = f"name: ab\ntarget: {{server: epoll}}\nload: {load}\n"
    with pytest.raises(LoadlabError, match=problem):
        comparison(tmp_path, text, text, AbPlan("a", "b"), Unobserved())
