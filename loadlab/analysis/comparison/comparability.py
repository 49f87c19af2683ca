"""Whether two runs may be compared at all, and what else a reader of the comparison has to know.

Obstacles are what makes a difference say nothing about the servers: another machine, another load. Differences in
`target` are what is compared, and those in how long or how often it was measured change what can be seen only.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from loadlab.profile.schema import model_of
from loadlab.profile.target import LISTS, describe_command
from loadlab.results.run import RunDocument
from loadlab.results.trial import Scalar

# Of the whole profile: what does not say what the server has to do.
_NO_LOAD: Final = frozenset(
    {"name", "about", "sweep", "repeat", "rounds", "retries", "seed", "plot", "expect", "allow_remote", "probes"}
)
_LENGTHS: Final = frozenset({"load.warmup", "load.duration", "load.request_count"})
_SUBJECT: Final = ("target.", "placement")
# Firmware and kernels report a little more or less of the same memory.
_SAME_MEMORY: Final = 0.02
_LONGEST: Final = 60


def obstacles_between(base: RunDocument, other: RunDocument) -> Iterator[str]:
    """Yield a sentence for each reason why the runs do not compare."""
    machine = "; ".join(_machine_differences(base, other))
    if machine:
        yield f"The runs were made on different machines: {machine}."
    load = "; ".join(
        f"{key}: {_spell(before)} → {_spell(after)}"
        for key, before, after in profile_differences(base, other)
        if key not in _LENGTHS and not key.startswith(_SUBJECT)
    )
    if load:
        yield f"The runs differ in what was measured: {load}."
    before, after = base.scenario_files, other.scenario_files
    changed = sorted(path for path in before.keys() | after.keys() if before.get(path) != after.get(path))
    if before and after and changed:
        yield f"The scenario has changed between the runs: {', '.join(changed)}."


def remarks_on(base: RunDocument, other: RunDocument) -> Iterator[str]:
    """Yield a sentence for whatever else differs between the runs, and may be why their figures do."""
    differing = profile_differences(base, other)
    for kind, keys in (
        ("What is compared", [each for each in differing if each[0].startswith(_SUBJECT)]),
        ("Measured for different times", [each for each in differing if each[0] in _LENGTHS]),
    ):
        if keys:
            yield f"{kind}: {'; '.join(f'{key}: {_spell(before)} → {_spell(after)}' for key, before, after in keys)}."
    system = "; ".join(
        f"{name} {getattr(base.host, field)} → {getattr(other.host, field)}"
        for name, field in (("system", "system"), ("kernel", "kernel"), ("Python", "python"))
        if getattr(base.host, field) != getattr(other.host, field)
    )
    if base.loadlab != other.loadlab:
        system = "; ".join(part for part in (system, f"loadlab {base.loadlab} → {other.loadlab}") if part)
    if system:
        yield f"The software differs too: {system}."


def profile_differences(base: RunDocument, other: RunDocument) -> list[tuple[str, Any, Any]]:
    """Return the keys in which the profiles differ in what they measure, with both values.

    A key that a run sweeps says nothing by itself, as each trial has its own value.
    """
    before, after = flatten(completed(base.profile)), flatten(completed(other.profile))
    swept = swept_paths(base, other)
    return [
        (key, before.get(key), after.get(key))
        for key in sorted(before.keys() | after.keys())
        if key.partition(".")[0] not in _NO_LOAD
        and not any(key == path or key.startswith(f"{path}.") for path in swept)
        and before.get(key) != after.get(key)
    ]


def swept_paths(*documents: RunDocument) -> list[str]:
    """Return the paths that trials of any of the runs have as factors, in their order."""
    return list(dict.fromkeys(path for run in documents for trial in run.trials for path in trial.factors))


def completed(profile: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a profile with the defaults of keys that came after the version that wrote it, where it can be read."""
    try:
        return model_of(profile).model_validate(profile).model_dump(mode="json", by_alias=True)
    except ValueError:  # pydantic's ValidationError is one
        return profile


def flatten(profile: Mapping[str, Any]) -> dict[str, Scalar]:
    """Return a profile's values by their dotted paths, as factors have them: commands as text, other lists as JSON."""
    return dict(_flatten(profile, ""))


def _flatten(section: Mapping[str, Any], above: str) -> Iterator[tuple[str, Scalar]]:
    for key, value in section.items():
        path = f"{above}{key}"
        if isinstance(value, Mapping):
            yield from _flatten(value, f"{path}.")
        elif path in LISTS and isinstance(value, list):
            yield path, describe_command(value)
        elif isinstance(value, list):
            yield path, json.dumps(value, ensure_ascii=False)
        else:
            yield path, value


def _machine_differences(base: RunDocument, other: RunDocument) -> Iterator[str]:
    before, after = base.host, other.host
    if before.hostname != after.hostname:
        yield f"{before.hostname} and {after.hostname}"
    for name, field in (("CPU", "cpu"), ("cores", "cores")):
        if getattr(before, field) != getattr(after, field):
            yield f"{name}: {getattr(before, field)} → {getattr(after, field)}"
    if abs(before.memory_bytes - after.memory_bytes) > _SAME_MEMORY * max(before.memory_bytes, after.memory_bytes):
        yield f"memory: {before.memory_bytes / (1 << 30):.1f} → {after.memory_bytes / (1 << 30):.1f} GiB"
    from_before, from_after = _describe_clients(base), _describe_clients(other)
    if None not in (from_before, from_after) and from_before != from_after:
        yield f"load from {from_before} → {from_after}"


def _describe_clients(run: RunDocument) -> str | None:
    """Say where the load came from, None where there was none.

    A cluster's machines may have other names in each run, but have to be as many.
    """
    if not any(trial.state == "done" for trial in run.trials):
        return None
    cores = {machine.name: machine.cores for trial in run.trials for machine in trial.machines}
    if not cores:
        return "this machine"
    machines, total = len(cores), sum(cores.values())
    return f"{machines} machine{'' if machines == 1 else 's'} with {total} core{'' if total == 1 else 's'}"


def _spell(value: Scalar) -> str:
    text = "none" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
