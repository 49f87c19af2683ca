"""What a run of one trial found, as it is on disk: its figures and its histograms."""

from loadlab.recording.histogram import Histogram
from loadlab.results.directory import RunDirectory
from loadlab.results.trial import TrialResult

from ..cli.program import Program


def only_trial(program: Program) -> TrialResult:
    """Return the one trial of the one run, after checking that it was made to its end."""
    (trial,) = RunDirectory.open(program.run_directory()).read_document().trials
    assert trial.state == "done", trial.reason
    return trial


def latencies(program: Program) -> dict[str, Histogram]:
    """Return {metric: histogram over the whole window} of that trial."""
    return RunDirectory.open(program.run_directory()).read_latencies(only_trial(program).id)


def count_above(histogram: Histogram, limit_ns: int) -> int:
    """Return how many of its values are above a limit, to the histogram's precision."""
    steps = histogram.hdr.get_recorded_iterator()
    return sum(step.count_at_value_iterated_to for step in steps if step.value_iterated_to > limit_ns)
