"""The sections of the page: for each a module and, beside it, a template of the same name; here is their order.

One that needs several modules is a package. A section that has nothing to show is not on the page.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Final

from loadlab.report.sections import (
    ab,
    charts,
    expectations,
    findings,
    glossary,
    machines,
    over_time,
    overview,
    percentiles,
    provenance,
    speed,
    steps,
    trials,
    why,
)
from loadlab.report.sections.section import Run, Section

SECTIONS: Final[tuple[Callable[[Run], Iterable[Section]], ...]] = (
    ab.sections_of,
    overview.sections_of,
    expectations.sections_of,
    charts.sections_of,
    steps.sections_of,
    why.sections_of,
    percentiles.sections_of,
    over_time.sections_of,
    findings.sections_of,
    machines.sections_of,
    trials.sections_of,
    speed.sections_of,
    provenance.sections_of,
    glossary.sections_of,
)


def sections_of(run: Run) -> Sequence[Section]:
    """Return the sections of a run's page. Why it is so stands right behind the first figures, if there are any."""
    sections = [section for sections_of in SECTIONS for section in sections_of(run)]
    reasons = [section for section in sections if isinstance(section, why.Why)]
    others = [section for section in sections if not isinstance(section, why.Why)]
    figures = (place for place, section in enumerate(others, start=1) if isinstance(section, charts.CaptionedChart))
    behind = next(figures, None)
    return sections if behind is None else [*others[:behind], *reasons, *others[behind:]]
