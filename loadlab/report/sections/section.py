"""What a section of the page is, and the run that it is made from."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import ClassVar

import plotly.graph_objects as go

from loadlab.report.certainty import chance_of
from loadlab.report.curves import ReadLatencies, ReadRounds
from loadlab.report.layout import Arrangement, arrange, side_by_side
from loadlab.report.load_model import models_of
from loadlab.results.folded_stacks import Stack
from loadlab.results.run import RunDocument
from loadlab.results.trial import LoadModel, TrialResult
from loadlab.results.vocabulary import Vocabulary

ReadStacks = Callable[[str, str], dict[Stack, int]]
"""Returns a profile by the id of its trial and the name of its file, as RunDirectory.read_stacks does."""


@dataclass(frozen=True, slots=True)
class Run:
    """A run as its sections see it.

    `drawn` is the arrangement with its lines side by side where x has one value, as charts show it.
    """

    document: RunDocument
    arrangement: Arrangement
    drawn: Arrangement
    read_latencies: ReadLatencies
    read_stacks: ReadStacks
    read_rounds: ReadRounds

    @classmethod
    def of(
        cls,
        document: RunDocument,
        read_latencies: ReadLatencies,
        read_stacks: ReadStacks,
        read_rounds: ReadRounds = lambda _trial, _metric: (),
    ) -> "Run":
        """Lay out the trials of a document as its profile asks."""
        arrangement = replace(arrange(document.profile, document.trials, document.spoiled), chance=chance_of(document))
        return cls(document, arrangement, side_by_side(arrangement), read_latencies, read_stacks, read_rounds)

    @property
    def kind(self) -> str:
        """The profile's: load, wait-cost or switch-cost."""
        return str(self.document.profile.get("kind") or "load")

    @property
    def trials(self) -> list[TrialResult]:
        """All trials, by line and then along x."""
        return [trial for setting in self.arrangement.settings for trial in setting.trials]

    @property
    def models(self) -> tuple[LoadModel, ...]:
        """The load models of its trials."""
        return models_of(self.trials)

    @property
    def words(self) -> Vocabulary:
        """The words for what its load counts."""
        return self.arrangement.words


class Section:
    """A section of the page: a dataclass of plain data, and a template that shows it as `section`.

    `template` is a path below this directory, as those of `assets` are.
    """

    __slots__ = ()
    template: ClassVar[str]

    @property
    def assets(self) -> tuple[str, ...]:
        """The scripts and styles that the page has to carry for it, as paths without `.js` and `.css`."""
        return ()

    def draw(self) -> dict[str, go.Figure]:
        """Return its figures, each by the id of the element that it is drawn in."""
        return {}

    def data(self) -> dict[str, object]:
        """Return what its script needs, by the id of the element that holds it as JSON."""
        return {}
