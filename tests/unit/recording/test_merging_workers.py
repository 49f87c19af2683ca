"""However the requests of a trial are spread over workers, intervals and folds, what they recorded merges to one.

Bit for bit: the same counts in the same buckets, hence the same encoded form. Only the very largest and smallest value
are known by their bucket alone, as draining a histogram forgets them; the encoded form does not hold them either.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from random import Random
from typing import Literal

from hdrh.histogram import HdrHistogram
from hypothesis import given
from hypothesis import strategies as st

from loadlab.recording.buckets import HIGHEST_NS
from loadlab.recording.histogram import Histogram
from loadlab.recording.outcomes import FAILURES, Outcome
from loadlab.recording.recorder import EACH_INTERVAL, Metric, Recorder, Snapshot, Totals

# Around the sub-buckets' and buckets' limits of the layout, where an index is most easily wrong.
EDGES_NS = (0, 1, 1_023, 2_047, 2_048, 2_049, 4_095, 4_096, 4_097, 2**32 - 1, 2**32)
MOST_WORKERS = 5

times_ns = st.one_of(st.sampled_from(EDGES_NS), st.integers(0, 10_000_000), st.integers(0, HIGHEST_NS // 2))


@dataclass(frozen=True, slots=True)
class Answered:
    """A request that ended as expected; `client_ns` is None where its arrival was not stamped."""

    lateness_ns: int
    service_ns: int
    dispatch_ns: int
    client_ns: int | None

    def record(self, recorder: Recorder) -> None:
        """Write it down as the load does."""
        if self.lateness_ns:
            recorder.late += (self.lateness_ns, self.service_ns, self.dispatch_ns)
        else:
            recorder.prompt.append(self.service_ns)
            recorder.prompt_dispatch.append(self.dispatch_ns)
        if self.client_ns is not None:
            recorder.client.append(self.client_ns)

    def times_ns(self) -> Iterator[tuple[Metric, int]]:
        """Yield each of its times under its name."""
        yield Metric.RESPONSE, self.lateness_ns + self.service_ns
        yield Metric.SERVICE, self.service_ns
        yield Metric.LATENESS, self.lateness_ns
        yield Metric.WIRE, self.service_ns - self.dispatch_ns
        yield Metric.DISPATCH, self.dispatch_ns
        if self.client_ns is not None:
            yield Metric.CLIENT, self.client_ns


@dataclass(frozen=True, slots=True)
class Step:
    """What one worker does next: record how a request ended, and then perhaps fold, or end its interval."""

    worker: int
    ended: Answered | Outcome
    then: Literal["go on", "fold", "end the interval"]


@st.composite
def answered_requests(draw: st.DrawFn) -> Answered:
    """Requests whose parts sum to their response time, prompt and late ones."""
    service_ns = draw(times_ns)
    return Answered(
        lateness_ns=draw(st.one_of(st.just(0), times_ns)),
        service_ns=service_ns,
        dispatch_ns=draw(st.integers(0, service_ns)),
        client_ns=draw(st.one_of(st.none(), times_ns)),
    )


steps = st.builds(
    Step,
    worker=st.integers(0, MOST_WORKERS - 1),
    ended=st.one_of(answered_requests(), st.sampled_from(sorted(FAILURES))),
    then=st.sampled_from(["go on", "go on", "fold", "end the interval"]),
)


def snapshots_of(steps: list[Step]) -> list[Snapshot]:
    """Let the workers take their steps; return all that they report, as it comes out of their pipes."""
    recorders = [Recorder() for _ in range(MOST_WORKERS)]
    reported = []
    for step in steps:
        recorder = recorders[step.worker]
        if isinstance(step.ended, Answered):
            step.ended.record(recorder)
        else:
            recorder.outcomes[step.ended] += 1
        if step.then == "fold":
            recorder.fold()
        elif step.then == "end the interval":
            reported.append(recorder.take(0, 1, EACH_INTERVAL))
    reported += [recorder.take(0, 1) for recorder in recorders]
    return [Snapshot.from_bytes(snapshot.to_bytes()) for snapshot in reported]


def merged(snapshots: list[Snapshot]) -> Totals:
    totals = Totals()
    for snapshot in snapshots:
        totals.add(snapshot)
    return totals


def recorded_in_one(steps: list[Step]) -> Mapping[Metric, HdrHistogram]:
    """Record every time in one histogram for each metric, one by one, with the package's own means."""
    histograms = {metric: HdrHistogram(1, HIGHEST_NS, 3) for metric in Metric}
    for step in steps:
        if isinstance(step.ended, Answered):
            for metric, time_ns in step.ended.times_ns():
                assert histograms[metric].record_value(time_ns)
    return histograms


def assert_same_bits(merged: Histogram, single: HdrHistogram) -> None:
    assert bytes(merged.hdr.counts) == bytes(single.counts)
    assert merged.count == single.get_total_count()
    assert merged.hdr.get_min_value() == single.get_min_value()
    assert merged.hdr.get_max_value() == single.get_max_value()
    assert merged.hdr.encode() == single.encode()


@given(steps=st.lists(steps, max_size=60))
def test_merged_histograms_are_those_of_all_values_bit_for_bit(steps: list[Step]) -> None:
    totals, single = merged(snapshots_of(steps)), recorded_in_one(steps)
    for metric in Metric:
        assert_same_bits(totals.histograms[metric], single[metric])


@given(steps=st.lists(steps, max_size=60))
def test_each_request_is_counted_once_under_its_outcome(steps: list[Step]) -> None:
    outcomes = merged(snapshots_of(steps)).outcomes
    ended = [Outcome.OK if isinstance(step.ended, Answered) else step.ended for step in steps]
    assert {outcome: outcomes[outcome] for outcome in Outcome} == {outcome: ended.count(outcome) for outcome in Outcome}


@given(steps=st.lists(steps, max_size=40), order=st.randoms(use_true_random=False))
def test_the_order_in_which_snapshots_come_changes_nothing(steps: list[Step], order: Random) -> None:
    snapshots = snapshots_of(steps)
    in_order = merged(snapshots)
    order.shuffle(snapshots)
    shuffled = merged(snapshots)
    for metric in Metric:
        assert shuffled.histograms[metric].encode() == in_order.histograms[metric].encode()
        assert shuffled.histograms[metric].max_ns == in_order.histograms[metric].max_ns
