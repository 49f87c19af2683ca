"""What a shell offers on Tab: profiles, servers, and the settings that `--set` may change."""

from typing import Final

from loadlab.installation import bundled_directory

# What a profile is, or what it compares: a command line that changes these had better be another file.
_NOT_OVERRIDDEN: Final = frozenset({"name", "about", "kind", "sweep"})


def complete_profiles(incomplete: str) -> list[str]:
    """Return the names of profiles that ship; where none begins like that, the shell offers files."""
    names = sorted(path.stem for path in bundled_directory("profiles").glob("*.yaml"))
    return [name for name in names if name.startswith(incomplete)]


def complete_servers(incomplete: str) -> list[str]:
    """Return the names of the bundled servers."""
    from loadlab import targets

    return [name for name in targets.catalog() if name.startswith(incomplete)]


def complete_settings(incomplete: str) -> list[str]:
    """Return the settings that `--set` may change, up to the sign that a value follows."""
    from loadlab import targets
    from loadlab.profile.paths import keys_of, sweepable_paths, swept_sections
    from loadlab.profile.schema import KINDS

    paths = {f"target.{option}" for target in targets.catalog().values() for option in target.options}
    for model in KINDS.values():
        paths |= {*keys_of(model, ()), *sweepable_paths(model)} - {*swept_sections(model)}
    return [f"{path}=" for path in sorted(paths - _NOT_OVERRIDDEN) if path.startswith(incomplete)]


def complete_methods(incomplete: str) -> list[str]:
    """Return the methods of HTTP that `hit -m` is asked for."""
    methods = ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT")
    return [method for method in methods if method.startswith(incomplete)]


def complete_probes(incomplete: str) -> list[str]:
    """Return what may stand next in a list of probes, such as `procfs,sys`."""
    from loadlab.profile.schema import ALL_PROBES

    *before, last = incomplete.split(",")
    known = [probe for probe in ALL_PROBES if probe not in before] if before else ["all", *ALL_PROBES]
    return [",".join([*before, probe]) for probe in known if probe.startswith(last)]


def complete_idle_protocols(incomplete: str) -> list[str]:
    """Return what idle connections can speak."""
    return [name for name in ("events", "http", "tcp", "websocket") if name.startswith(incomplete)]


def complete_formats(incomplete: str) -> list[str]:
    """Return the formats of `export`."""
    from loadlab.export import Format

    return [str(each) for each in Format if each.startswith(incomplete)]


def complete_compared(incomplete: str) -> list[str]:
    """Return the figures that `ab --on` can decide."""
    figures = ("cpu_per_request", "errors", "p50", "p90", "p99", "throughput")
    return [figure for figure in figures if figure.startswith(incomplete)]
