"""All rules in their order, and how their findings add up."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Final

from loadlab.analysis.verdict import (
    client,
    connections,
    delayed_ack,
    duration,
    host,
    machine_speed,
    machines,
    requests,
    scenario,
    shared_cores,
    steadiness,
    streams,
)
from loadlab.analysis.verdict.evidence import WindowEvidence
from loadlab.results.machine import MachineResult
from loadlab.results.speed import NO_SPEEDS, MachineSpeed
from loadlab.results.trial import TrialResult
from loadlab.results.verdict import Finding, Judgement, Severity, Verdict

# From the least grave to the gravest.
_JUDGEMENTS: Final[tuple[Judgement, ...]] = ("valid", "suspect", "invalid")

_Rule = Callable[[TrialResult, WindowEvidence], Finding | None]

_RULES: Final[tuple[_Rule, ...]] = (
    requests.no_requests,
    requests.failures,
    requests.dropped,
    scenario.script_errors,
    scenario.blocking_code,
    scenario.iterations_cut,
    scenario.too_many_names,
    duration.window_too_short,
    connections.idle_not_opened,
    connections.idle_died,
    connections.each_request_connects,
    streams.streams_ended,
    streams.streams_late,
    streams.unasked_messages,
    streams.two_clocks,
    connections.connects_failed,
    connections.listen_queue_full,
    connections.client_out_of_files,
    connections.client_out_of_ports,
    connections.target_out_of_files,
    connections.target_process_ended,
    client.client_bound,
    shared_cores.shared_core,
    client.late,
    client.client_added,
    delayed_ack.delayed_ack,
    host.stolen,
    host.throttled,
    host.short_of_memory,
    host.disturbed,
    host.target_unseen,
    host.clock_jumped,
    steadiness.unsteady,
    requests.few_samples,
    duration.short_window,
    machine_speed.machine_speed,  # last, as it alone is judged again
)

# What the client of each of several machines is judged by.
_RULES_FOR_CLIENTS: Final[tuple[_Rule, ...]] = (
    requests.failures,
    client.client_bound,
    client.late,
    client.client_added,
)
_RULES_FOR_THEIR_MACHINES: Final[tuple[_Rule, ...]] = (
    host.stolen,
    host.throttled,
    host.short_of_memory,
    host.disturbed,
    host.clock_jumped,
    host.clock_offset,
    machine_speed.machine_speed,
)


def judge_trial(result: TrialResult, window: WindowEvidence) -> Verdict:
    """Return the verdict on a trial that was measured: every finding, and the state of the gravest.

    Where several machines generated its load they have been judged before, and are named.
    """
    return _verdict(machines.with_machines(_apply(_RULES, result, window), result.machines))


def judge_machine(machine: MachineResult, trial: TrialResult, window: WindowEvidence) -> Verdict:
    """Return the verdict on one of several machines that generated the load of a trial, by the rules for any client.

    `window` has its own evidence beside that on the trial.
    """
    alone = machines.as_one_client(machine, trial)
    of_client = tuple(pool for pool in window.pools if pool.owner == "client")
    return _verdict(
        [
            *_apply(_RULES_FOR_CLIENTS, alone, replace(window, unexpected_statuses={})),
            *_apply(_RULES_FOR_THEIR_MACHINES, alone, replace(window, pools=of_client)),
        ]
    )


def judge_speed_again(
    result: TrialResult, machine: MachineSpeed | None, clients: Mapping[str, MachineSpeed] = NO_SPEEDS
) -> TrialResult:
    """Return a trial that was judged, with its speed against all of the run, and the verdict that follows from that.

    `machine` is the speed of this one over the run, if it was measured, `clients` those of the machines of a cluster.
    """
    known = machine_speed.at_final_speed(result, machine, clients)
    if known.state not in ("done", "interrupted"):
        return known
    by_machine = [_with_speed_judged(each, known) for each in known.machines]
    findings = machines.with_machines(
        _with_speed(known.verdict.findings, known), [_on_speed_alone(each) for each in by_machine]
    )
    verdict = known.verdict if findings == known.verdict.findings else _verdict(findings)
    return known.model_copy(update={"verdict": verdict, "machines": by_machine})


def judge_failure(reason: str, target_died: bool) -> Verdict:
    """Return the verdict on a trial that failed for `reason`, which is a sentence: invalid, whatever it measured."""
    return Verdict(state="invalid", findings=[connections.target_died(reason)] if target_died else [])


def judge_run(trials: Iterable[TrialResult]) -> Judgement:
    """Return the gravest verdict of the trials that were attempted; a failed one is invalid, and so is none at all.

    What is not possible on this machine says nothing against the rest.
    """
    attempted = [trial for trial in trials if trial.state != "not possible"]
    if not any(trial.state == "done" for trial in attempted):
        return "invalid"
    return _gravest("invalid" if trial.state == "failed" else trial.verdict.state for trial in attempted)


def _apply(rules: Iterable[_Rule], result: TrialResult, window: WindowEvidence) -> list[Finding]:
    return [finding for rule in rules if (finding := rule(result, window)) is not None]


def _with_speed(findings: Iterable[Finding], result: TrialResult) -> list[Finding]:
    """Return findings with that on the speed of a result as it is known now."""
    others = [finding for finding in findings if finding.code != machine_speed.CODE]
    return [*others, *_apply([machine_speed.machine_speed], result, WindowEvidence())]


def _with_speed_judged(machine: MachineResult, trial: TrialResult) -> MachineResult:
    findings = _with_speed(machine.verdict.findings, machines.as_one_client(machine, trial))
    return machine.model_copy(update={"verdict": _verdict(findings)})


def _on_speed_alone(machine: MachineResult) -> MachineResult:
    of_speed = [finding for finding in machine.verdict.findings if finding.code == machine_speed.CODE]
    return machine.model_copy(update={"verdict": _verdict(of_speed)})


def _verdict(findings: list[Finding]) -> Verdict:
    return Verdict(state=_gravest(_judgement_of(finding.severity) for finding in findings), findings=findings)


def _gravest(judgements: Iterable[Judgement]) -> Judgement:
    return max(judgements, key=_JUDGEMENTS.index, default="valid")


def _judgement_of(severity: Severity) -> Judgement:
    return "valid" if severity == "note" else severity
