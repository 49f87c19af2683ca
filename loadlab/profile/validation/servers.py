"""What a profile asks of servers, checked against what they say of themselves: names, handlers, and own options."""

from collections.abc import Collection, Iterator, Mapping
from typing import Protocol

from loadlab.profile.load import handler_of
from loadlab.profile.mistakes import Mistake, did_you_mean
from loadlab.profile.paths import Data, Path, option_of, value_at
from loadlab.profile.sweep import Written, all_values, values_in_trials
from loadlab.profile.target import Target
from loadlab.profile.values import OptionScalar, describe


class OptionSpec(Protocol):
    """What a server says of one of its options."""

    def read(self, value: object, /) -> OptionScalar:
        """Return the value as the server takes it; raise ValueError with a sentence if it does not."""


class ServerSpec(Protocol):
    """What a server says of itself, as far as a profile depends on it."""

    @property
    def handlers(self) -> Collection[str]: ...
    @property
    def options(self) -> Mapping[str, OptionSpec]: ...


def server_mistakes(data: Data, servers: Mapping[str, ServerSpec]) -> Iterator[Mistake]:
    """Yield what the profile, its sweep included, asks of its servers that they do not offer.

    An option must fit every server that the product combines it with. A handler need only be known to one of them:
    where another lacks it, that trial is "not possible", which is a result.
    """
    for written in all_values(data, "target.server"):
        if isinstance(written.value, str) and written.value not in servers:
            nearest = did_you_mean(written.value, servers) or "; `loadlab targets` lists them"
            yield Mistake(written.path, f"no server is called {describe(written.value)}{nearest}")
    names = [written.value for written in values_in_trials(data, "target.server") if isinstance(written.value, str)]
    chosen = {name: servers[name] for name in names if name in servers}
    if chosen and len(chosen) == len(set(names)):
        yield from _handler_mistakes(data, chosen)
        for path in option_paths(data):
            yield from _option_mistakes(data, path, chosen)


def option_paths(data: Data) -> list[str]:
    """Return the dotted paths of all options of bundled servers that the profile sets or sweeps."""
    target, sweep = data.get("target"), data.get("sweep")
    plain = [f"target.{key}" for key in target if key not in Target.model_fields] if isinstance(target, dict) else []
    swept = [path for path in sweep if option_of(path)] if isinstance(sweep, dict) else []
    return list(dict.fromkeys(plain + swept))


def key_of(data: Data, path: str) -> Path:
    """Return where the key of an option is written: in `target`, else in the sweep."""
    plain = tuple(path.split(".", 1))
    return plain if value_at(data, plain) is not None else ("sweep", path)


def _handler_mistakes(data: Data, chosen: Mapping[str, ServerSpec]) -> Iterator[Mistake]:
    known = {handler for server in chosen.values() for handler in server.handlers}
    asked = [(written.path, written.value) for written in all_values(data, "target.handler")]
    asked += _handlers_of_mix(data)
    for path, handler in asked:
        if isinstance(handler, str) and handler not in known:
            has_no = "{} has no" if len(chosen) == 1 else "none of {} has a"
            nearest = did_you_mean(handler, known)
            yield Mistake(path, f"{has_no.format(_list_names(chosen))} handler {describe(handler)}{nearest}")


def _handlers_of_mix(data: Data) -> Iterator[tuple[Path, str]]:
    """Yield the handlers that the paths of a mix name; one that expects an error may name none."""
    mix = value_at(data, ("load", "mix"))
    for index, request in enumerate(mix if isinstance(mix, list) else []):
        path = request.get("path") if isinstance(request, dict) else None
        if isinstance(path, str) and path.startswith("/") and request.get("expect_status", 200) == 200:
            yield ("load", "mix", index, "path"), handler_of(path)


def _option_mistakes(data: Data, path: str, chosen: Mapping[str, ServerSpec]) -> Iterator[Mistake]:
    name = path.removeprefix("target.")
    having = {server: spec.options[name] for server, spec in chosen.items() if name in spec.options}
    lacking = [server for server in chosen if server not in having]
    written = all_values(data, path)
    if lacking:
        verb = "has" if len(lacking) == 1 else "have"
        hint = _options_instead(name, [chosen[server] for server in lacking])
        yield Mistake(key_of(data, path), f"{_list_names(lacking)} {verb} no such option{hint}", part="key")
    for value in written:
        yield from _value_mistakes(value, having)


def _value_mistakes(written: Written, having: Mapping[str, OptionSpec]) -> Iterator[Mistake]:
    """Yield what is wrong with one value, once for all servers that say the same of it."""
    if not isinstance(written.value, OptionScalar):
        return  # the schema tells of it
    told: dict[str, list[str]] = {}
    for server, option in having.items():
        try:
            option.read(written.value)
        except ValueError as error:
            told.setdefault(str(error), []).append(server)
    for what, servers in told.items():
        yield Mistake(written.path, f"for {_list_names(servers)}: {what}")


def _options_instead(name: str, specs: list[ServerSpec]) -> str:
    """Return what else the author may have meant: a key of `target`, or an option that all these servers have."""
    shared = set.intersection(*(set(spec.options) for spec in specs))
    near = did_you_mean(name, {*Target.model_fields, *shared})
    if near or not shared:
        return near
    return f"; there is {_list_names(sorted(shared))}"


def _list_names(names: Collection[str]) -> str:
    *all_but_one, last = names
    return f"{', '.join(all_but_one)} and {last}" if all_but_one else last
