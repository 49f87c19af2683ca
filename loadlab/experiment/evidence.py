"""From what was used over a window to the evidence that a verdict rests on: of the trial, and of each machine."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

from loadlab.analysis.verdict import CorePool, WindowEvidence
from loadlab.experiment.context import Resources
from loadlab.experiment.core_pools import CoreShare, core_pool, pools_side_by_side
from loadlab.experiment.load_record import LoadRecord
from loadlab.experiment.machine_usage import LoadMachine
from loadlab.experiment.usage import WindowUsage
from loadlab.profile.http_values import expand_statuses
from loadlab.profile.schema import LoadProfile
from loadlab.recording.outcomes import Outcome
from loadlab.recording.recorder import Metric


def evidence_of(
    usage: WindowUsage | None,
    resources: Resources,
    profile: LoadProfile,
    record: LoadRecord,
    windows: int = 1,
    machines: Sequence[LoadMachine] = (),
) -> WindowEvidence:
    """Return what the verdict has to know of the window, or of so many windows together.

    `usage` is None if the trial did not come to its end. The load came from `machines`, where there were several.
    """
    load = profile.load
    target_cores, load_cores = set(resources.placement.target), set(resources.placement.load)
    known = WindowEvidence(
        asked_ns=load.duration_ns * windows if load.request_count is None else None,
        steady_load=len({rate for stage in load.stages or () for rate in (stage.from_rate, stage.to_rate)}) <= 1,
        target_cores=len(target_cores if resources.is_apart else target_cores | load_cores),
        shared_cores=tuple(sorted(resources.shared_cores)),
        # Of slow senders the time that sending takes is no part of the response time.
        # A number of requests may be too few for all users, and leaves none in flight at the end.
        # Those of a scenario do whatever it says in between.
        users=None
        if load.stages or load.think_ns or load.senders == "slow" or load.request_count or load.scenario
        else load.connections,
        in_flight=record.cut_ages,
        service_times=record.totals.histograms[Metric.SERVICE],
        connects_per_request=load.connection == "per-request",
        answers_are_matched=bool(load.sent) and all(message.matches for message in load.sent),
        unexpected_statuses=_unexpected_statuses(profile, record),
    )
    if usage is None:
        return known
    return replace(
        known,
        client_busy_by_worker=tuple(min(1.0, busy / usage.active) for busy in usage.client_busy_by_worker),
        target_busy=usage.target.busy / usage.active if usage.target.processes else None,
        target_threads=usage.threads.target,
        client_threads=usage.threads.client,
        threads_beside=usage.threads.beside,
        pools=_of_trial(usage, resources, machines),
        listen_queue=usage.listen_queue,
        fullest_target=usage.fullest_target,
        target_processes=usage.target_processes,
        target_processes_ended=usage.target_processes_ended,
        clock_set_ns=usage.clocks.set_ns,
        clock_asleep_ns=usage.clocks.asleep_ns,
        clock_corrected_ns=usage.clocks.corrected_ns,
        control_groups=usage.control_groups,
        memory_pressure_ns=usage.pressure.memory_ns,
    )


def evidence_by_machine(
    known: WindowEvidence, usage: WindowUsage | None, resources: Resources, machines: Sequence[LoadMachine]
) -> dict[str, WindowEvidence]:
    """Return what a verdict on each of `machines` has to know, by its name, beside what is `known` of the window.

    Of one whose counters were not read at both ends of the window nothing is known.
    """
    if usage is None:
        return {}
    _, pools = _pools(usage, resources, machines)
    found = {}
    for machine in machines:
        if (use := usage.machines.get(machine.result.name)) is not None:
            evidence = use.evidence(known, machine, pools[machine.result.name], usage.active)
            shared = _busy_of_shared_core(usage, machine, machines)
            found[machine.result.name] = replace(
                evidence, client_busy_by_worker=(*evidence.client_busy_by_worker, *shared)
            )
    return found


def _unexpected_statuses(profile: LoadProfile, record: LoadRecord) -> dict[str, int]:
    """Return how many answers had which status that was not expected; slow senders come last and are left out.

    A scenario may expect others of single requests: what its requests expect is known by whether any of a name failed.
    """
    found: Counter[str] = Counter()
    if profile.load.scenario is not None:
        statuses = expand_statuses(profile.load.expect_status)
        expected = set(map(str, statuses))
        for totals in record.by_kind:
            if totals.outcomes[Outcome.STATUS]:
                found.update({status: count for status, count in totals.statuses.items() if status not in expected})
        return dict(found)
    kinds = [each.expected_statuses for each in profile.requests]
    if profile.load.sent:  # their answers have no status, but the ends of WebSockets have codes
        kinds = [frozenset()] * len(profile.load.sent)
    for statuses, totals in zip(kinds, record.by_kind, strict=False):
        expected = set(map(str, statuses))
        found.update({status: count for status, count in totals.statuses.items() if status not in expected})
    return dict(found)


def _of_trial(usage: WindowUsage, resources: Resources, machines: Sequence[LoadMachine]) -> tuple[CorePool, ...]:
    """Return what became of the cores of each side, or of all together where the sides were not kept apart.

    Several machines that generate the load have cores of their own.
    """
    if usage.machines:
        of_target, _ = _pools(usage, resources, machines)
        return () if of_target is None else (of_target,)
    target, load = frozenset(resources.placement.target), frozenset(resources.placement.load)
    beside = usage.client.busy + usage.beside_busy
    shares = [
        CoreShare("target", "", target, usage.cores, usage.target.busy),
        CoreShare("client", "", load, usage.cores, beside),
    ]
    if _are_together(resources):
        shares = [CoreShare("both", "", target | load, usage.cores, usage.target.busy + beside)]
    return tuple(pool for share in shares if (pool := core_pool(share, usage.active)) is not None)


def _busy_of_shared_core(
    usage: WindowUsage, machine: LoadMachine, machines: Sequence[LoadMachine]
) -> tuple[float, ...]:
    """Return how busy the load workers of all machines kept a core that one shares with others; none if it is alone.

    No worker can fill a core of which others have their part, but together they may be the bottleneck.
    """
    sharing = [
        each
        for each in machines
        if each.kernel == machine.kernel and set(each.cores) & set(machine.cores) and each.result.name in usage.machines
    ]
    if len(sharing) < 2:
        return ()
    busy = sum(usage.machines[each.result.name].client.busy for each in sharing)
    cores = {core for each in sharing for core in each.cores}
    return (min(1.0, busy / len(cores) / usage.active),)


def _pools(
    usage: WindowUsage, resources: Resources, machines: Sequence[LoadMachine]
) -> tuple[CorePool | None, Mapping[str, CorePool | None]]:
    """Return what became of the cores of the target, and of those of each machine that generates load, by its name."""
    known = [(machine, use) for machine in machines if (use := usage.machines.get(machine.result.name)) is not None]
    here = next((machine.kernel for machine in machines if machine.is_here), "")
    target, load = frozenset(resources.placement.target), frozenset(resources.placement.load)
    # On a machine of the cluster the target has the cores of that one, which others may run on too.
    where, readings = (here, usage.cores) if usage.host is None else (usage.host.kernel, usage.host.cores)
    beside = {here: usage.beside_busy}
    if usage.host is not None:
        beside[where] = beside.get(where, 0.0) + usage.host.beside_busy
    shares = [
        CoreShare("both", here, target | load, usage.cores, usage.target.busy)
        if _are_together(resources)
        else CoreShare("target", where, target, readings, usage.target.busy),
        *(CoreShare("client", machine.kernel, frozenset(machine.cores), use.cores, use.busy) for machine, use in known),
    ]
    of_target, *of_machines = pools_side_by_side(shares, beside, usage.active)
    return of_target, {machine.result.name: pool for (machine, _), pool in zip(known, of_machines, strict=True)}


def _are_together(resources: Resources) -> bool:
    """Return whether target and load were not kept apart on this machine."""
    target, load = set(resources.placement.target), set(resources.placement.load)
    if resources.target_on is not None:
        return False
    return bool(load) and (not resources.pinned or bool(target & load))
