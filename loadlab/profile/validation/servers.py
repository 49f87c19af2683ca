"""What a profile demands of servers, checked against their descriptions: names, handlers, and options."""

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Protocol

from loadlab.profile.http_values import SUCCESS, is_request_path, read_statuses
from loadlab.profile.load import handler_of
from loadlab.profile.mistakes import Mistake
from loadlab.profile.paths import Data, Path, option_of, value_at
from loadlab.profile.suggestions import did_you_mean
from loadlab.profile.sweep import Written, all_values, values_in_trials
from loadlab.profile.target import HANDLER_PATTERN, Target
from loadlab.profile.values import OptionScalar, describe, list_words


class OptionSpec(Protocol):
    """The description of one option of a server."""

    def read(self, value: object, /) -> OptionScalar:
        """Return the value as the server takes it; raise ValueError with a sentence for one that it does not take."""


class ServerSpec(Protocol):
    """The part of a server's description that profiles are checked against."""

    @property
    def handlers(self) -> Collection[str]: ...
    @property
    def options(self) -> Mapping[str, OptionSpec]: ...


def server_mistakes(data: Data, servers: Mapping[str, ServerSpec]) -> Iterator[Mistake]:
    """Yield what the profile, including its sweep, demands of its servers that they do not offer.

    An option must fit every server that the sweep combines it with. A handler need only be known to one of them: where
    another lacks it, that trial is "not possible", which is a result.
    """
    for written in all_values(data, "target.server"):
        if isinstance(written.value, str) and written.value not in servers:
            hint = did_you_mean(written.value, servers) or "; `loadlab targets` lists the servers"
            yield Mistake(written.path, f"there is no bundled server {describe(written.value)}{hint}")
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
    # The schema reports what cannot be a handler or a path at all.
    named = [(path, name) for path, name in asked if isinstance(name, str) and re.fullmatch(HANDLER_PATTERN, name)]
    for path, handler in [*named, *_handlers_of_mix(data)]:
        if handler not in known:
            has_no = "{} has no" if len(chosen) == 1 else "none of {} has a"
            hint = did_you_mean(handler, known) or f"; there are {list_words(sorted(known))}"
            yield Mistake(path, f"{has_no.format(list_words(chosen))} handler {describe(handler)}{hint}")


def _handlers_of_mix(data: Data) -> Iterator[tuple[Path, str]]:
    """Yield the handlers in the paths of a mix; a request that does not expect 200, or takes it from data, need not."""
    mix = value_at(data, ("load", "mix"))
    for index, request in enumerate(mix if isinstance(mix, list) else []):
        path = request.get("path") if isinstance(request, dict) else None
        if is_request_path(path) and 200 in _expected(request.get("expect_status")):
            handler = handler_of(path)
            if "{{" not in handler:
                yield ("load", "mix", index, "path"), handler


def _expected(written: object) -> frozenset[int]:
    try:
        return read_statuses(SUCCESS if written is None else written)
    except ValueError:  # the schema reports it
        return frozenset()


def _option_mistakes(data: Data, path: str, chosen: Mapping[str, ServerSpec]) -> Iterator[Mistake]:
    name = path.removeprefix("target.")
    having = {server: spec.options[name] for server, spec in chosen.items() if name in spec.options}
    lacking = [server for server in chosen if server not in having]
    written = all_values(data, path)
    if lacking:
        verb = "has" if len(lacking) == 1 else "have"
        hint = _options_instead(name, [chosen[server] for server in lacking])
        yield Mistake(key_of(data, path), f"{list_words(lacking)} {verb} no such option{hint}", part="key")
    for value in written:
        yield from _value_mistakes(value, having)


def _value_mistakes(written: Written, having: Mapping[str, OptionSpec]) -> Iterator[Mistake]:
    """Yield what is wrong with one value, once for all servers that refuse it with the same words."""
    if not isinstance(written.value, OptionScalar):
        return  # the schema reports it
    refusals: dict[str, list[str]] = {}
    for server, option in having.items():
        try:
            option.read(written.value)
        except ValueError as error:
            refusals.setdefault(str(error), []).append(server)
    for what, servers in refusals.items():
        yield Mistake(written.path, f"for {list_words(servers)}: {what}")


def _options_instead(name: str, specs: list[ServerSpec]) -> str:
    """Return what the author may have meant: a key of `target`, or an option that all these servers have."""
    shared = set.intersection(*(set(spec.options) for spec in specs))
    near = did_you_mean(name, {*Target.model_fields, *shared})
    if near or not shared:
        return near
    return f"; {'its options are' if len(specs) == 1 else 'all have'} {list_words(sorted(shared))}"
