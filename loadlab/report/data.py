"""The page as plain data: everything it says, and nothing of how it looks."""

import shlex
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from loadlab.recording.histogram import Histogram
from loadlab.report.layout import Arrangement, Setting, arrange, side_by_side
from loadlab.report.sections.breakdown import StackedChart
from loadlab.report.sections.contents import CaptionedChart, charts_of, overview_of, tables_of
from loadlab.report.sections.findings import FindingGroup, describe_sockets, group_findings
from loadlab.report.sections.over_time import OverTime, over_time_of
from loadlab.report.sections.percentiles import CurvePanel, curves_of
from loadlab.report.sections.provenance import Fact, facts_of, machine_of
from loadlab.report.sections.tables import PlainTable, Table
from loadlab.report.sections.trials import tabulate, tabulate_kinds
from loadlab.report.sections.why import Chapter, calls_of, chapter_of, describe_vain
from loadlab.report.text.load_model import describe_calibration, describe_load, model_suffix, models_of
from loadlab.report.text.sentences import describe_gaps, describe_impossible, describe_verdict
from loadlab.results.folded_stacks import Stack
from loadlab.results.model import LoadModel, RunDocument, TrialResult


@dataclass(frozen=True, slots=True)
class ExpectationResult:
    """One line of the profile's `expect`, over all trials it was checked in; `missed` are those that fell short."""

    text: str
    checked: int
    missed: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Page:
    """All that the page shows, in its order. `charts` and `curves` are empty when no trial was measured.

    `kind` is the profile's: load, wait-cost or switch-cost. `drawn` is how the charts are laid out, with lines side by
    side where x has one value; of a single setting `tables` have the figures instead. `kinds_table` is there where
    requests are of several kinds, `calls`, `why` and `over_time` where probes ran. `model_suffix` names the load model
    behind a title, where the run has a single one.
    """

    kind: str
    load_models: tuple[LoadModel, ...]
    model_suffix: str
    title: str
    about: str
    verdict: str
    verdict_sentence: str
    facts: tuple[str, ...]
    overview: tuple[str, ...]
    arrangement: Arrangement
    drawn: Arrangement
    charts: tuple[CaptionedChart, ...]
    tables: tuple[PlainTable, ...]
    gaps: str
    curves: tuple[CurvePanel, ...]
    curves_sentence: str
    calls: StackedChart | None
    calls_in_vain: str
    why: Chapter | None
    over_time: OverTime | None
    impossible: str
    findings: tuple[FindingGroup, ...]
    expectations: tuple[ExpectationResult, ...]
    table: Table
    sockets: str
    kinds_table: Table | None
    machine: tuple[Fact, ...]
    calibration: str
    command: str
    profile_text: str


def build_page(
    document: RunDocument,
    profile_text: str,
    read_latencies: Callable[[str], Mapping[str, Histogram]],
    read_stacks: Callable[[str, str], dict[Stack, int]],
) -> Page:
    """Return the page of a run.

    `read_latencies` gives the histograms of a trial by its id, `read_stacks` a profile by that and the name of its
    file, as RunDirectory's do.
    """
    arrangement = arrange(document.profile, document.trials)
    drawn = side_by_side(arrangement)
    trials = [trial for setting in arrangement.settings for trial in setting.trials]
    curves, curves_sentence = curves_of(arrangement, read_latencies)
    models = models_of(trials)
    return Page(
        kind=str(document.profile.get("kind") or "load"),
        load_models=models,
        model_suffix=model_suffix(models),
        title=str(document.profile.get("name") or "loadlab run"),
        about=str(document.profile.get("about") or ""),
        verdict=document.verdict,
        verdict_sentence=describe_verdict(document),
        facts=(*describe_load(document.profile, models), *facts_of(document)),
        overview=overview_of(document, arrangement),
        arrangement=arrangement,
        drawn=drawn,
        charts=charts_of(document, drawn),
        tables=tables_of(document, arrangement),
        gaps=describe_gaps(trials),
        curves=curves,
        curves_sentence=curves_sentence,
        calls=calls_of(drawn) if len(arrangement.settings) > 1 else None,
        calls_in_vain=describe_vain(drawn),
        why=chapter_of(arrangement, read_stacks, read_latencies),
        over_time=over_time_of(arrangement),
        impossible=describe_impossible(arrangement),
        findings=group_findings(trials, _namer(arrangement)),
        expectations=_expectations(trials, _namer(arrangement)),
        table=tabulate(trials),
        sockets=describe_sockets(trials),
        kinds_table=tabulate_kinds(trials),
        machine=tuple(machine_of(document)),
        calibration=describe_calibration(document.calibration),
        command=shlex.join(document.command),
        profile_text=profile_text,
    )


def _namer(arrangement: Arrangement) -> Callable[[TrialResult], str]:
    settings: dict[str, Setting] = {trial.id: setting for setting in arrangement.settings for trial in setting.trials}
    repeated = any(len(setting.trials) > 1 for setting in arrangement.settings)

    def name_of(trial: TrialResult) -> str:
        name = arrangement.name_of(settings[trial.id])
        return f"{name}, repeat {trial.repeat}".lstrip(", ") if repeated else name

    return name_of


def _expectations(
    trials: Iterable[TrialResult], name_of: Callable[[TrialResult], str]
) -> tuple[ExpectationResult, ...]:
    checked: Counter[str] = Counter()
    missed: dict[str, list[str]] = {}
    for trial in trials:
        for expectation in trial.expectations:
            checked[expectation.text] += 1
            if not expectation.met:
                where = name_of(trial) or f"trial {trial.id}"
                missed.setdefault(expectation.text, []).append(f"{where}: {expectation.measured}")
    return tuple(ExpectationResult(text, number, tuple(missed.get(text, ()))) for text, number in checked.items())
