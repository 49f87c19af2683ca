"""The kinds that load workers record: those of their part, in its order, and those that a scenario finds as it runs."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from loadlab.fleet.messages import KindLabel
from loadlab.profile.load import SLOW_SENDERS
from loadlab.profile.metrics import ITERATION_SECTION, KIND_SECTION, STEP_SECTION, MetricName
from loadlab.profile.schema import LoadProfile
from loadlab.results.latency_log import tag_of
from loadlab.results.requests import KindLevel


@dataclass(frozen=True, slots=True)
class RecordedKind:
    """A kind of request, a step of a scenario, or its iterations.

    One that is `apart` does not count in the trial's own figures: slow senders, and what is no request.
    """

    name: str
    apart: bool = False
    level: KindLevel = "request"

    @property
    def metric_section(self) -> MetricName:
        """How the names of its metrics begin."""
        match self.level:
            case "request":
                return MetricName(KIND_SECTION, self.name, "")
            case "step":
                return MetricName(STEP_SECTION, self.name, "")
            case "iteration":
                return MetricName(ITERATION_SECTION, "", "")

    @property
    def tag(self) -> str:
        """What its histograms are tagged with in a latency log, behind the metric."""
        return tag_of(self.name, self.level)


def kinds_of(profile: LoadProfile) -> "RecordedKinds":
    """Return the kinds that the load workers of a profile record; none yet, where a scenario finds them."""
    if profile.load.scenario is not None:
        return RecordedKinds([], are_found=True)
    kinds = [RecordedKind(name) for name in profile.kind_names]
    return RecordedKinds([*kinds, RecordedKind(SLOW_SENDERS, apart=True)] if profile.load.slow_connections else kinds)


class RecordedKinds:
    """All kinds so far, numbered in the order in which they came.

    Those of a part are known beforehand, and messages have them in this order. Where they `are_found`, each message
    names its own by labels. Workers find them in different order.
    """

    def __init__(self, kinds: Sequence[RecordedKind], are_found: bool = False) -> None:
        self.are_found = are_found
        self._kinds = list(kinds)
        self._in_order = range(len(kinds))
        self._numbers = {(kind.level, kind.name): number for number, kind in enumerate(kinds)}

    def __iter__(self) -> Iterator[RecordedKind]:
        return iter(self._kinds)

    def __len__(self) -> int:
        return len(self._kinds)

    def __getitem__(self, number: int) -> RecordedKind:
        return self._kinds[number]

    @property
    def are_listed(self) -> bool:
        """Whether a trial has figures of each kind: of several, and of whatever a scenario does."""
        return self.are_found or len(self._kinds) > 1

    def numbers_of(self, labels: Sequence[KindLabel]) -> Sequence[int]:
        """Return the numbers of a message's kinds, those of new ones too; without labels it has all of the part."""
        if not labels:
            return () if self.are_found else self._in_order
        return [self._number_of(label) for label in labels]

    def _number_of(self, label: KindLabel) -> int:
        key = (label.level, label.name)
        if (number := self._numbers.get(key)) is None:
            number = self._numbers[key] = len(self._kinds)
            self._kinds.append(RecordedKind(label.name, label.level != "request", label.level))
        return number
