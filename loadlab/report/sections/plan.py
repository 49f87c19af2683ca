"""A chart to be, and the plans that several kinds of runs have."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

from loadlab.analysis.summary import Percentile
from loadlab.report.measures import RESPONSE_P50, RESPONSE_P99, Measure, measure_of
from loadlab.report.panels import Split
from loadlab.report.tables import PlainTable
from loadlab.results.vocabulary import Vocabulary

NAMES_OF_TAILS: Final[Mapping[Percentile, str]] = {"p90": "90th percentile (p90)", "p99": "99th percentile (p99)"}


@dataclass(frozen=True, slots=True)
class Plan:
    """A chart to be: a panel for each of `measures`; its sentences are about `described`, behind `lead`.

    `laws` are those of that metric; `split` is what the first measure is made of, or without one all that is drawn.
    """

    key: str
    title: str
    measures: tuple[Measure, ...]
    described: tuple[Measure, ...] = ()
    lead: str = ""
    laws: str = ""
    note: str = ""
    table: PlainTable | None = None
    split: Split | None = None
    columns: Literal[2, 3] = 2

    def shows_first(self, metric: str) -> bool:
        """Whether that metric is what the chart and its sentence begin with."""
        begun = {measures[0].metric for measures in (self.measures, self.described) if measures}
        return begun == {metric} and bool(self.described)

    def worded(self, words: Vocabulary) -> "Plan":
        """Return the same plan with its measures called by the words for what is counted."""
        return replace(
            self,
            measures=tuple(measure.worded(words) for measure in self.measures),
            described=tuple(measure.worded(words) for measure in self.described),
        )


def by_kind(kinds: Sequence[str], title: str, tail: Percentile = "p99") -> Plan:
    """Return the plan of the response times of each kind of request: its median, and a percentile beyond."""
    p50s = [measure_of(f"kinds.{kind}.response_ns.p50").called(f"{kind}, median (p50)") for kind in kinds]
    beyond = NAMES_OF_TAILS[tail].lower()
    tails = [measure_of(f"kinds.{kind}.response_ns.{tail}").called(f"{kind}, {beyond}") for kind in kinds]
    pairs = tuple(measure for pair in zip(p50s, tails, strict=True) for measure in pair)
    return Plan("kinds", title, pairs, tuple(tails))


def of_all(suffix: str, words: Vocabulary) -> Plan:
    """Return the plan of the response times of all requests together."""
    p50, p99 = RESPONSE_P50.called("Median (p50)"), RESPONSE_P99.called(NAMES_OF_TAILS["p99"])
    return Plan("response", f"{words.time}{suffix}", (p50, p99), (p99,))


def describe_others(why: str, left_out: int) -> str:
    """Say why not all have a place in a chart, and that a table has the others; empty where none is left out."""
    if not left_out:
        return ""
    others = "the other one is" if left_out == 1 else f"the other {left_out} are"
    return f"These {why}; {others} in the table."
