"""What was run, when, on which machine, and the error that the client itself adds."""

import shlex
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, ClassVar, Final

import yaml

from loadlab.profile.target import describe_command
from loadlab.report.load_model import describe_calibration
from loadlab.report.loaded import servers_of
from loadlab.report.machines import describe_origin
from loadlab.report.sections.section import Run, Section
from loadlab.results.run import RunDocument
from loadlab.results.trial import TrialResult
from loadlab.units import format_size_bytes

_MOST_MACHINES: Final = 16


@dataclass(frozen=True, slots=True)
class Fact:
    """A name and a value, for the lists of what was used."""

    name: str
    value: str


@dataclass(frozen=True, slots=True)
class Provenance(Section):
    """`profile` is what was run as YAML: the file with what `--set` and `--repeat` changed in it."""

    machine: tuple[Fact, ...]
    calibration: str
    command: str
    profile: str
    template: ClassVar[str] = "provenance.html"


def sections_of(run: Run) -> Iterator[Provenance]:
    """Yield the section."""
    document = run.document
    yield Provenance(
        machine=tuple(machine_of(document)),
        calibration=describe_calibration(document.calibration),
        command=shlex.join(document.command),
        profile=format_profile(document.profile),
    )


def format_profile(profile: Mapping[str, Any]) -> str:
    """Return the profile that was run as YAML, in the order of its sections and without what was left open."""
    return yaml.dump(_without_empty(profile), Dumper=_ProfileDumper, sort_keys=False, allow_unicode=True, width=100)


def facts_of(document: RunDocument) -> Iterator[str]:
    """Yield the key facts, each a few words."""
    target, sweep = document.profile.get("target") or {}, document.profile.get("sweep") or {}
    if "command" in target and "target.command" not in sweep:
        yield describe_command(target["command"])
    elif target.get("address") is not None and "target.address" not in sweep:
        servers = {loaded.name: loaded.text for loaded in servers_of(document)}
        yield f"the server at {servers.get(str(target['address']), target['address'])}"
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
    if hosts := _hosts(document):
        yield f"target on {', '.join(hosts)}"
    if origin := describe_origin(document.trials):
        yield origin


def machine_of(document: RunDocument) -> Iterator[Fact]:
    """Yield what the run was made on and with, as far as it bears on the figures."""
    host = document.host
    yield Fact("Machine", f"{host.hostname}{' (virtual)' if host.virtualised else ''}")
    yield Fact("Processor", f"{host.cpu}, {host.cores} cores")
    yield Fact("Memory", format_size_bytes(host.memory_bytes))
    yield Fact("System", f"{host.system}, kernel {host.kernel}")
    yield Fact("Python", host.python)
    yield Fact("loadlab", document.loadlab)
    yield Fact("Open files", f"{host.open_files_soft:,} soft, {host.open_files_hard:,} hard")
    yield Fact("Local ports", f"{host.local_ports[0]} to {host.local_ports[1]}")
    yield Fact("Load average before the run", f"{host.load_average:.2f}")
    yield Fact("Seed", str(document.seed))
    yield from _load_machines(document)
    servers = servers_of(document)
    for loaded in servers:
        yield Fact("Server", loaded.text)
    if hosts := _hosts(document):
        yield Fact("Target on", ", ".join(hosts))
    if any(loaded.is_unknown for loaded in servers):
        yield Fact("CPU time and memory of the target", "not known: it is not on this machine")
    placements = Counter(_format_placement(trial) for trial in document.trials if trial.placement)
    for placement, number in placements.items():
        yield Fact("Placement", placement if len(placements) == 1 else f"{placement} ({number} trials)")


def _hosts(document: RunDocument) -> list[str]:
    """Return the machines of a cluster that had targets."""
    return list(dict.fromkeys(trial.server.on for trial in document.trials if trial.server and trial.server.on))


def _load_machines(document: RunDocument) -> Iterator[Fact]:
    """Yield the machines that generated the load, each once, with its host where that is another name."""
    machines = {machine.name: machine for trial in document.trials for machine in trial.machines}
    listed = [
        f"{name} ({f'{machine.host}, ' if machine.host != name else ''}{machine.cores} "
        f"core{'' if machine.cores == 1 else 's'})"
        for name, machine in machines.items()
    ]
    if listed:
        more = f" and {len(listed) - _MOST_MACHINES} more" if len(listed) > _MOST_MACHINES else ""
        yield Fact("Load from", ", ".join(listed[:_MOST_MACHINES]) + more)


class _ProfileDumper(yaml.SafeDumper):
    """Writes lists of plain values in one line, as people do."""

    def represent_list(self, data: Iterable[Any]) -> yaml.SequenceNode:
        is_plain = not any(isinstance(each, Mapping | list) for each in data)
        return self.represent_sequence("tag:yaml.org,2002:seq", data, flow_style=is_plain)


_ProfileDumper.add_representer(list, _ProfileDumper.represent_list)


def _moment(text: str | None) -> datetime | None:
    try:
        return datetime.fromisoformat(text or "").astimezone(UTC)
    except ValueError:
        return None


def _format_placement(trial: TrialResult) -> str:
    placement, host = trial.placement, trial.server.on if trial.server else None
    # In run.json the client's side is called load; a microbenchmark has no other.
    if [*placement] == ["load"]:
        return f"CPU {_join(placement['load'])}"
    sides = {"client" if role == "load" else role: cpus for role, cpus in placement.items() if cpus}
    of_host = {"target": f" of {host}"} if host else {}
    return "; ".join(f"{side} on CPU {_join(cpus)}{of_host.get(side, '')}" for side, cpus in sorted(sides.items()))


def _join(cpus: Iterable[int]) -> str:
    return ", ".join(map(str, cpus))


def _without_empty(value: Any) -> Any:  # noqa: ANN401 - a profile holds what YAML can
    if isinstance(value, Mapping):
        kept = {str(key): _without_empty(each) for key, each in value.items()}
        return {key: each for key, each in kept.items() if each not in (None, {}, [])}
    return [_without_empty(each) for each in value] if isinstance(value, list) else value
