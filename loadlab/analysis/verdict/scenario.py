"""What is amiss with a scenario in Python: errors and code that blocks, iterations that do not end, too many names."""

import re
from typing import Final

from loadlab.analysis.verdict.evidence import WindowEvidence
from loadlab.recording.outcomes import FAILURES, Outcome
from loadlab.recording.recorder import OTHER
from loadlab.results.requests import KindResult
from loadlab.results.trial import TrialResult
from loadlab.results.verdict import Finding
from loadlab.units import format_duration_ns, format_share

_SOME_ERRORS: Final = 0.01


def script_errors(result: TrialResult, window: WindowEvidence) -> Finding | None:
    """Check that iterations do not end with errors of the scenario's own.

    What would have come after the error is missing from the load, so its mix of requests is another one. Single errors
    are a note; where all iterations end so, the scenario was not run at all.
    """
    iterations = result.iterations
    if iterations is None or not (errors := iterations.outcomes.get(Outcome.SCRIPT_ERROR, 0)):
        return None
    ended = _ended(iterations)
    samples = [each for each in result.failure_samples if each.outcome == Outcome.SCRIPT_ERROR]
    of_iteration = [each for each in samples if each.kind == iterations.name] or samples
    first = f"; the first: {of_iteration[0].reason}{_place_of(of_iteration[0].traceback)}" if of_iteration else ""
    all_failed = errors == ended
    return Finding(
        code="script_errors",
        severity="invalid" if all_failed else "suspect" if errors > _SOME_ERRORS * ended else "note",
        text="All iterations ended with errors of the scenario's own."
        if all_failed
        else "Iterations ended with errors of the scenario's own: what would have come after is missing from the load.",
        evidence=f"{errors:,} of {ended:,} iterations ({format_share(errors / ended)}){first}",
        advice=_ON_ERRORS,
    )


_ON_ERRORS: Final = (
    "The samples of failures have the traceback. Try the scenario with loadlab run --one; if answers are to blame, an "
    "error page where JSON was expected for one, call raise_for_status() on them."
)


def blocking_code(result: TrialResult, window: WindowEvidence) -> Finding | None:
    """Check that no line of the scenario holds its load worker up: all other users wait meanwhile, answered or not."""
    if not result.blocking:
        return None
    worst, *others = result.blocking
    beside = f"; so did {len(others)} other line{'' if len(others) == 1 else 's'}" if others else ""
    times = "once" if worst.times == 1 else f"{worst.times:,} times"
    return Finding(
        code="blocking_code",
        severity="suspect",
        text=f"The scenario blocks at {worst.where}, {worst.code}: meanwhile no other user of the load worker sends or "
        "reads anything, and their times grow.",
        evidence=f"it held a load worker up {times}, for up to {format_duration_ns(worst.longest_ns)}{beside}",
        advice="Pause with user.sleep, send requests with user.http, and call what blocks or computes for long by "
        "user.thread(f, ...).",
    )


def iterations_cut(result: TrialResult, window: WindowEvidence) -> Finding | None:
    """Check that more iterations ended in the window than its end found under way.

    Otherwise it is shorter than an iteration: those that ended are the fast ones, and what comes early in an iteration
    is requested more often than what comes late. Over rounds an iteration goes on in the next one.
    """
    iterations = result.iterations
    if iterations is None or result.rounds:
        return None
    under_way, ended = iterations.outcomes.get(Outcome.CUT, 0), _ended(iterations)
    if under_way <= ended:
        return None
    return Finding(
        code="iterations_cut",
        severity="suspect",
        text="The window is shorter than an iteration, so requests that come late in one are too few, and times of "
        "iterations are those of the fast ones.",
        evidence=f"{ended:,} iteration{'' if ended == 1 else 's'} ended in {format_duration_ns(result.window_ns)}, "
        f"{under_way:,} more {'was' if under_way == 1 else 'were'} under way at the end",
        advice="Measure for several times as long as an iteration takes (load.duration), after a warm-up as long as "
        "one (load.warmup). A scenario needs no loop of its own: each user begins again when an iteration ends.",
    )


def too_many_names(result: TrialResult, window: WindowEvidence) -> Finding | None:
    """Check that all requests, steps and checks of a scenario are shown by their own names."""
    names = {(kind.level, kind.name) for kind in result.kinds} | {("check", check.name) for check in result.checks}
    folded = [other for level, other in OTHER.items() if (level, other) in names]
    if not folded:
        return None
    return Finding(
        code="too_many_names",
        severity="note",
        text="The scenario has too many names: what exceeds their number is shown under one.",
        evidence=f"{', '.join(folded)} in the figures by name",
        advice='Name requests that differ in an id or a word of their path alike: extensions={"name": "GET item"}, or '
        "user.name(...). Names of steps and checks should not contain values.",
    )


def _ended(iterations: KindResult) -> int:
    """Return how many iterations ended in the window, whether as expected or not."""
    failed = sum(iterations.outcomes.get(outcome, 0) for outcome in FAILURES - {Outcome.DROPPED})
    return iterations.outcomes.get(Outcome.OK, 0) + failed


def _place_of(traceback: str) -> str:
    """Return where a traceback of the user's lines ends: " (shop.py:17 in checkout)"; empty if it has none."""
    places = [line for line in traceback.splitlines() if _PLACE.match(line)]
    return f" ({places[-1]})" if places else ""


_PLACE: Final = re.compile(r"\S.*:\d+ in \S+$")
