"""The page as plain data: everything it says, and nothing of how it looks."""

import shlex
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from loadlab.recording.histogram import Histogram
from loadlab.report.arrangement import Arrangement, Setting, arrange, side_by_side
from loadlab.report.client_error import describe_calibration
from loadlab.report.contents import CaptionedChart, charts_of, overview_of, tables_of
from loadlab.report.curves import CurvePanel, curves_of
from loadlab.report.findings import FindingGroup, group_findings
from loadlab.report.load_model import describe_load, model_suffix, models_of
from loadlab.report.over_time import OverTime, over_time_of
from loadlab.report.sentences import describe_gaps, describe_impossible, describe_verdict
from loadlab.report.sockets import describe_sockets
from loadlab.report.stacked import StackedChart
from loadlab.report.tables.cells import Table
from loadlab.report.tables.kinds import tabulate_kinds
from loadlab.report.tables.plain import PlainTable
from loadlab.report.tables.trials import tabulate
from loadlab.report.why import Chapter, calls_of, chapter_of, describe_vain
from loadlab.results.cpu import Stack
from loadlab.results.model import HostFingerprint, LoadModel, RunDocument, TrialResult
from loadlab.units import format_size_bytes


@dataclass(frozen=True, slots=True)
class ExpectationResult:
    """One line of the profile's `expect`, over all trials it was checked in; `missed` are those that fell short."""

    text: str
    checked: int
    missed: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Fact:
    """A name and a value, for the lists of what was used."""

    name: str
    value: str


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
        facts=(*describe_load(document.profile, models), *_facts(document)),
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
        machine=tuple(_machine(document)),
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


def _facts(document: RunDocument) -> Iterable[str]:
    """The key facts, each a few words."""
    target, sweep = document.profile.get("target") or {}, document.profile.get("sweep") or {}
    if "address" in target and "target.address" not in sweep:
        yield f"the server at {target['address']}"
    states = Counter(trial.state for trial in document.trials)
    counted = f"{document.trials_planned} trial{'' if document.trials_planned == 1 else 's'}"
    if states["done"] != document.trials_planned:
        listed = ", ".join(f"{number} {state}" for state, number in states.most_common())
        not_run = document.trials_planned - states.total()
        counted += f" ({', '.join(part for part in (listed, f'{not_run} not run' if not_run else '') if part)})"
    yield counted
    started, finished = _moment(document.started), _moment(document.finished)
    yield f"{started:%Y-%m-%d %H:%M} UTC" if started else document.started
    if document.interrupted:
        yield "interrupted"
    elif started and finished:
        minutes, seconds = divmod(round((finished - started).total_seconds()), 60)
        yield f"{minutes} min {seconds} s" if minutes else f"{seconds} s"
    else:
        yield "did not finish"
    yield f"{document.host.hostname}, {document.host.cores} cores"


def _moment(text: str | None) -> datetime | None:
    try:
        return datetime.fromisoformat(text or "").astimezone(UTC)
    except ValueError:
        return None


def _machine(document: RunDocument) -> Iterable[Fact]:
    host: HostFingerprint = document.host
    yield Fact("Machine", f"{host.hostname}{' (virtual)' if host.virtualised else ''}")
    yield Fact("Processor", f"{host.cpu}, {host.cores} cores")
    yield Fact("Memory", format_size_bytes(host.memory_bytes))
    yield Fact("System", f"{host.system}, kernel {host.kernel}")
    yield Fact("Python", host.python)
    yield Fact("loadlab", document.loadlab)
    yield Fact("Open files", f"{host.open_files_soft:,} soft, {host.open_files_hard:,} hard")
    yield Fact("Local ports", f"{host.local_ports[0]} to {host.local_ports[1]}")
    yield Fact("Load before", f"{host.load_average:.2f}")
    yield Fact("Seed of the order", str(document.seed))
    placements = Counter(_format_placement(trial.placement) for trial in document.trials if trial.placement)
    for placement, number in placements.items():
        yield Fact("Placement", placement if len(placements) == 1 else f"{placement} ({number} trials)")


def _format_placement(placement: Mapping[str, Any]) -> str:
    return "; ".join(f"{role} on CPU {', '.join(str(cpu) for cpu in cpus)}" for role, cpus in sorted(placement.items()))
