"""The load of a trial, divided among its load workers: what each sends, where and when, rendered to bytes."""

import math
import os
from collections.abc import Sequence
from dataclasses import replace
from typing import Final, Literal

import msgspec
import numpy as np

from loadlab.fleet.division import Share, split_evenly
from loadlab.fleet.messages import (
    ClosedPacing,
    Endpoint,
    LoadPart,
    OpenPacing,
    ScenarioPart,
    SlowSending,
    WeightedRequest,
)
from loadlab.load.rendering import RenderedKind, encoded, render_messages, render_requests
from loadlab.profile.address import Address, socket_address
from loadlab.profile.files import Table, read_table
from loadlab.profile.http_values import expand_statuses
from loadlab.profile.load import Load
from loadlab.profile.request import MixedRequest
from loadlab.profile.scenario import read_scenario
from loadlab.profile.schema import LoadProfile
from loadlab.protocols.answers import AnswerEnd
from loadlab.protocols.openings import Asked, Greeting, IdleOpening, Opening, Subscription, Upgrade
from loadlab.protocols.upgrade import KEY_BYTES, accept_for, offered_subprotocols, upgrade_request

NOTHING_SHARED: Final = b"null"
"""What is shared by the users of a scenario without setup."""

_OF_DATA: Final = 1  # keeps the draws for the rows of data apart from what else the seed is used for


def load_parts(
    profile: LoadProfile,
    address: Address,
    authority: str,
    seed: int,
    stamped_every: int,
    shares: Sequence[Share],
    shared: bytes = NOTHING_SHARED,
) -> list[LoadPart]:
    """Return the parts of the workers, one for each share of the connections to the target at `address`.

    `authority` is what the header Host says. `shared` is what the setup of a scenario returned, as JSON.
    """
    load = profile.load
    kinds = [] if load.scenario else rendered_kinds(profile, authority)
    opening = opening_of(profile, authority)
    scenarios = scenario_parts(profile, authority, seed, shares, shared) if load.scenario else [None] * len(shares)
    if load.data is not None and load.data.order == "random":
        kinds = [replace(kind, contents=_shuffled(kind.contents, seed)) for kind in kinds]
    pacings = _pacings(load, len(shares))
    slow_shares = split_evenly(load.slow_connections, len(shares))
    return [
        LoadPart(
            share=number,
            shares=len(shares),
            endpoint=Endpoint(socket_address(address), share, profile.target.tls_settings),
            requests=[
                WeightedRequest(
                    _part_of(kind.contents, number, len(shares)),
                    sorted(kind.statuses),
                    kind.weight,
                    kind.method,
                    kind.expected_body,
                    list(kind.expected_headers),
                    kind.end,
                    kind.streams,
                )
                for kind in kinds
            ],
            seed=seed,
            pacing=pacings[number],
            slow=SlowSending(load.senders == "slow", slow, load.pace_ns),
            timeout_ns=load.timeout_ns,
            retry=load.retry,
            per_request=load.connection == "per-request",
            protocol=load.protocol,
            opening=opening,
            stamped_every=stamped_every,
            scenario=scenario,
        )
        for number, (share, slow, scenario) in enumerate(zip(shares, slow_shares, scenarios, strict=True))
    ]


def preparing_part(
    profile: LoadProfile,
    address: Address,
    authority: str,
    seed: int,
    phase: Literal["setup", "teardown", "trace"],
    shared: bytes = NOTHING_SHARED,
) -> LoadPart:
    """Return the part of a process that does not measure: with one user, and all rows of the data."""
    (part,) = load_parts(profile, address, authority, seed, 1, [[(None, 1)]], shared)
    assert part.scenario is not None
    rows = _rows_of_data(profile.load, seed)[1]
    return msgspec.structs.replace(part, scenario=msgspec.structs.replace(part.scenario, phase=phase, rows=rows))


def scenario_parts(
    profile: LoadProfile, authority: str, seed: int, shares: Sequence[Share], shared: bytes = NOTHING_SHARED
) -> list[ScenarioPart]:
    """Return the scenario of a profile for each share of its users, who get the rows of its data one after the other.

    Raises what reading its files does.
    """
    load = profile.load
    assert load.scenario is not None
    path, _, function = load.scenario.rpartition(":")
    source, folder = read_scenario(path, function), os.path.dirname(path)
    columns, rows = _rows_of_data(load, seed)
    return [
        ScenarioPart(
            function=function,
            main=os.path.join(folder, source.main),
            files={os.path.join(folder, name): text for name, text in source.files.items()},
            authority=authority,
            statuses=sorted(expand_statuses(load.expect_status)),
            columns=columns,
            rows=_rows_of(rows, number, len(shares), sum(users for _, users in share)),
            shared=shared,
            allow_remote=[*profile.allow_remote],
        )
        for number, share in enumerate(shares)
    ]


def _rows_of_data(load: Load, seed: int) -> tuple[list[str], list[list[str]]]:
    """Return the names of the columns of a load's data, and its rows in the order in which users get them."""
    if load.data is None:
        return [], []
    table = read_table(load.data.file)
    rows = [list(row) for row in zip(*table.columns.values(), strict=True)]
    if load.data.order == "random":
        order = np.random.default_rng([seed, _OF_DATA]).permutation(len(rows)).tolist()
        rows = [rows[position] for position in order]
    return [*table.columns], rows


def _rows_of(rows: Sequence[list[str]], share: int, shares: int, users: int) -> list[list[str]]:
    """Return the rows of a share's users: user i is number share + i x shares of the load, and has the row of that."""
    if not rows:
        return []
    distinct = len(rows) // math.gcd(len(rows), shares)  # of one share, before they come again
    return [rows[(share + user * shares) % len(rows)] for user in range(min(users, distinct))]


def _pacings(load: Load, shares: int) -> Sequence[ClosedPacing | OpenPacing]:
    """Return the pacing of each part."""
    if load.stages:
        ramps = [(stage.for_ns, float(stage.from_rate), float(stage.to_rate)) for stage in load.stages]
        return [OpenPacing(ramps, load.arrivals, load.spin_ns)] * shares
    if load.request_count is None:
        return [ClosedPacing(load.think_ns, load.think_times)] * shares
    counts = split_evenly(load.request_count, shares)
    return [ClosedPacing(load.think_ns, load.think_times, count) for count in counts]


def _shuffled(contents: Sequence[bytes], seed: int) -> tuple[bytes, ...]:
    order = np.random.default_rng([seed, _OF_DATA]).permutation(len(contents)).tolist()
    return tuple(contents[position] for position in order)


def _part_of(contents: Sequence[bytes], share: int, shares: int) -> list[bytes]:
    """Return a worker's part of the requests of a kind: each is one worker's, if there are enough for all."""
    if len(contents) >= shares:
        return list(contents[share::shares])
    return [contents[share % len(contents)]]


def rendered_kinds(profile: LoadProfile, authority: str) -> list[RenderedKind]:
    """Return the requests of a profile as they are sent to a target whose Host header says `authority`."""
    load = profile.load
    match load.protocol:
        case "websocket" | "tcp":
            return render_messages(load.sent, _data_of(profile), load.protocol)
        case "events":
            requests = [_asking_for_events(request) for request in profile.requests]
            return render_requests(requests, _data_of(profile), authority)
        case _:
            return render_requests(profile.requests, _data_of(profile), authority, load.connection == "per-request")


def opening_of(profile: LoadProfile, authority: str) -> Opening | None:
    """Return what is exchanged once on each connection of the load, None if nothing is."""
    load = profile.load
    if load.protocol == "websocket":
        return _upgrade(profile, profile.requests[0], authority)
    if load.greeting is not None:
        return Greeting(AnswerEnd(length=load.greeting.bytes, until=encoded(load.greeting.until)))
    return None


def idle_opening_of(profile: LoadProfile, authority: str) -> IdleOpening | None:
    """Return what is exchanged once on each idle connection, None if nothing is."""
    request = profile.idle_request
    match profile.load.idle_protocol:
        case "websocket":
            return _upgrade(profile, request, authority)
        case "http":
            return Asked(_first_rendered(profile, request, authority))
        case "events":
            return Subscription(_first_rendered(profile, _asking_for_events(request), authority))
        case _:
            return None


def format_probe(profile: LoadProfile, authority: str) -> bytes:
    """Return what asks the target for some answer and changes nothing in it."""
    if profile.load.protocol == "tcp":
        return rendered_kinds(profile, authority)[0].contents[0]
    return _first_rendered(profile, profile.requests[0].without_body("GET"), authority)


def _first_rendered(profile: LoadProfile, request: MixedRequest, authority: str) -> bytes:
    return render_requests([request], _data_of(profile), authority)[0].contents[0]


def _asking_for_events(request: MixedRequest) -> MixedRequest:
    if any(name.lower() == "accept" for name in request.headers):
        return request
    return request.model_copy(update={"headers": {**request.headers, "Accept": "text/event-stream"}})


def _upgrade(profile: LoadProfile, request: MixedRequest, authority: str) -> Upgrade:
    key = os.urandom(KEY_BYTES)
    offered = offered_subprotocols(profile.load.subprotocol, request.headers)
    return Upgrade(upgrade_request(request.path, authority, request.headers, offered, key), accept_for(key), offered)


def _data_of(profile: LoadProfile) -> Table | None:
    return read_table(profile.load.data.file) if profile.load.data else None


def format_request(authority: str, path: str) -> bytes:
    """Return a request for a path as it is sent."""
    return render_requests([MixedRequest(path=path)], None, authority)[0].contents[0]
