"""Two servers compared in the same seconds: both stand, and are measured in slices in turn, until the answer is known.

Slices of a pair follow each other within a tenth of a second, in an order drawn anew for each pair. So what the machine
does in the meantime falls on both alike.
"""

import random
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import Final, Literal

from loadlab.analysis.conclusion import conclude
from loadlab.analysis.pairs import StoppingRule, difference_in, differences
from loadlab.errors import ClusterFailed, LoadlabError, ScenarioError
from loadlab.experiment.context import RunContext
from loadlab.experiment.rounds import RoundsRun
from loadlab.experiment.run import keep_trial, new_document, now, place_logs
from loadlab.profile.loading import LoadedProfile
from loadlab.profile.masking import mask_data
from loadlab.profile.schema import LoadProfile
from loadlab.profile.sweep import Trial
from loadlab.results.directory import RunDirectory
from loadlab.results.paired import PairedComparison, Variant
from loadlab.results.run import RunDocument

# Asking the rule takes a millisecond, and the terminal shows no more than a few figures a second.
_ASKED_EVERY: Final = 4
# A profiler's pass lasts as long as so many slices.
_SLICES_OF_A_PASS: Final = 20

Ending = Literal["within", "at most", "interrupted", "failed"]


@dataclass(frozen=True, slots=True)
class AbPlan:
    """What to call both sides, and when the comparison ends: metric `on` known to `within`, or after `at_most_ns`."""

    a_label: str
    b_label: str
    on: str = "throughput"
    within: float = 0.02
    at_most_ns: int = 60_000_000_000
    slice_ns: int = 100_000_000


class PairedExperiment:
    """One comparison. `document` is what it has found so far; neither holds credentials."""

    def __init__(
        self,
        a: LoadedProfile,
        b: LoadedProfile,
        plan: AbPlan,
        seed: int,
        command: Sequence[str],
        context: RunContext,
        directory: RunDirectory,
    ) -> None:
        """Raises LoadlabError for profiles that cannot be measured in slices, ValueError for an unknown metric."""
        self._plan = plan
        self._rule = StoppingRule(plan.on, plan.within)
        self._context = context
        self._directory = directory
        self._draw = random.Random(seed)
        self._loaded = (a, b)
        self._profiles = tuple(_in_slices(loaded.profile, plan.slice_ns) for loaded in (a, b))
        self.trials = [
            Trial(name, 1, {"variant": name}, profile, seed) for name, profile in zip("AB", self._profiles, strict=True)
        ]
        self._runs = [RoundsRun(trial, context, None, place_logs(directory, trial)) for trial in self.trials]
        self.document = new_document(a, seed, command, trials_planned=2)

    def run(self) -> RunDocument:
        """Measure both until the answer is known, and return the document.

        It says `interrupted`, and has what was measured until then, where the context's `check` wants an end. Raises
        ScenarioError, once it is written, where a scenario cannot be run, and ReportError when the run directory cannot
        be written any more.
        """
        self._directory.write_document(self.document)
        ended: Ending = "failed"
        unusable: ScenarioError | None = None
        try:
            with ExitStack() as standing:
                for run in self._runs:
                    self._context.observer.trial_begins(run.trial)
                    standing.push(run.close)
                    run.stand()
                ended = self._measure_pairs()
                for run in self._runs:
                    self._watch(run)
                self._context.observer.phase("closing", None)
        except KeyboardInterrupt:
            ended = "interrupted"
        except ClusterFailed:
            pass  # which one, and why, is the reason of the side that it failed
        except ScenarioError as error:
            unusable = error
        for loaded, run in zip(self._loaded, self._runs, strict=True):
            result = keep_trial(self._directory, run.result(), run.latency_intervals(), loaded.masker)
            self._change(trials=[*self.document.trials, result])
            self._context.observer.trial_ended(result)
        self._change(
            interrupted=ended == "interrupted",
            finished=now(),
            speed=self._context.speed.so_far(),
            client_speeds=self._context.client_speeds,
            ab=self._comparison(ended),
        )
        # Laws are about sweeps.
        self.document = conclude(self.document, self._profiles[0].model_copy(update={"plot": None, "expect": ()}))
        self._directory.write_document(self.document)
        if unusable is not None:
            for loaded in self._loaded:
                unusable = unusable.masked(loaded.masker.mask)
            raise unusable
        return self.document

    def _measure_pairs(self) -> Ending:
        """Measure pair after pair; return what ended that."""
        a, b = self._runs
        end = time.monotonic() + self._plan.at_most_ns / 1e9
        a.read_speed()
        pairs = 0
        while not any(run.has_ended for run in self._runs):
            for run in self._draw.sample(self._runs, k=2):
                run.measure()
            a.read_speed()
            pairs = min(len(a.rounds), len(b.rounds))
            is_over = time.monotonic() >= end
            if pairs % _ASKED_EVERY == 0 or is_over:
                self._context.observer.compared(pairs, difference_in(self._rule.on, a.rounds, b.rounds))
                is_known = self._rule.is_met(a.rounds, b.rounds)
                if is_known or is_over:
                    for run in self._runs:
                        run.end_rounds()
                    return "within" if is_known else "at most"
        return "failed"

    def _watch(self, run: RoundsRun) -> None:
        if run.state == "done":
            run.watch(partial(self._directory.write_stacks, run.trial.id))

    def _comparison(self, ended: Ending) -> PairedComparison:
        plan, (a, b) = self._plan, self._runs
        of_a, of_b = (
            Variant(label=loaded.masker.mask(label), profile=mask_data(profile.model_dump(mode="json", by_alias=True)))
            for label, loaded, profile in zip((plan.a_label, plan.b_label), self._loaded, self._profiles, strict=True)
        )
        return PairedComparison(
            a=of_a,
            b=of_b,
            on=self._rule.on,
            within=plan.within,
            at_most_ns=plan.at_most_ns,
            slice_ns=plan.slice_ns,
            ended=ended,
            differences=differences(a.rounds, b.rounds, (a.response_times, b.response_times)),
        )

    def _change(self, **changes: object) -> None:
        self.document = self.document.model_copy(update=changes)


def _in_slices(profile: object, slice_ns: int) -> LoadProfile:
    """Return a profile with windows of that length. Raises LoadlabError where a slice of its load makes no sense."""
    if not isinstance(profile, LoadProfile):
        raise LoadlabError("ab compares servers under load, and this profile measures something else")
    load = profile.load
    if load.request_count is not None:
        raise LoadlabError("ab measures in slices of time: leave out the number of requests (load.request_count, -n)")
    if len({rate for stage in load.stages or () for rate in (stage.from_rate, stage.to_rate)}) > 1:
        raise LoadlabError("ab measures in slices, for which the rate has to be constant: give load.rate as a number")
    changed = {"duration_ns": slice_ns, "rate": load.rate[0].from_rate if isinstance(load.rate, tuple) else load.rate}
    return profile.model_copy(
        update={"load": load.model_copy(update=changed), "sweep": {}, "rounds": _SLICES_OF_A_PASS, "plot": None}
    )
