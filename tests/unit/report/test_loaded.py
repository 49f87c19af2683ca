"""Which servers a run has loaded, where more is to be said than their names."""

from typing import Any

import pytest

from loadlab.report.loaded import loaded_lines, servers_of
from loadlab.report.sections.provenance import Fact, facts_of, machine_of
from loadlab.results.run import RunDocument
from loadlab.results.trial import LoadedServer, TlsSession, TrialResult

from ...sample_run import sample_document
from ...trials import make_trial

TLS = TlsSession(version="TLSv1.3", cipher="TLS_AES_256_GCM_SHA384")


def trial(address: str, *, remote: bool = False, **fields: Any) -> TrialResult:  # noqa: ANN401 - any field
    return make_trial(server=LoadedServer(address=address, remote=remote), **fields)


def document(name: str | None, *trials: TrialResult) -> RunDocument:
    target = {"server": "epoll"} if name is None else {"address": name, "pid": None}
    return sample_document([*trials], profile={"name": "x", "target": target})


@pytest.mark.parametrize(
    ("name", "loaded", "lines"),
    [
        ("127.0.0.1:80", trial("127.0.0.1:80"), []),
        ("localhost:80", trial("[::1]:80"), ["Loaded localhost:80 ([::1]:80)."]),
        (
            "staging.internal:443",
            trial("10.0.0.5:443", remote=True, tls=TLS),
            [
                "Loaded staging.internal:443 (10.0.0.5:443), on another machine, TLSv1.3 with TLS_AES_256_GCM_SHA384; "
                "its CPU time and memory are not known."
            ],
        ),
        (None, trial("127.0.0.1:40123"), []),
        (None, trial("127.0.0.1:40123", tls=TLS), ["Loaded the target, TLSv1.3 with TLS_AES_256_GCM_SHA384."]),
    ],
)
def test_the_terminal_says_what_does_not_follow_from_the_name(
    name: str | None, loaded: TrialResult, lines: list[str]
) -> None:
    assert list(loaded_lines(document(name, loaded, loaded))) == lines


def test_a_server_that_gets_another_port_in_each_trial_is_listed_once() -> None:
    trials = [trial(f"127.0.0.1:4012{number}", tls=TLS) for number in range(3)]
    assert len([*loaded_lines(document(None, *trials))]) == 1


def test_swept_addresses_are_listed_each_once() -> None:
    trials = [
        trial("127.0.0.1:81", factors={"target.address": "old:81"}),
        trial("127.0.0.1:82", factors={"target.address": "new:82"}),
        trial("127.0.0.1:82", factors={"target.address": "new:82"}),
    ]
    swept = document("old:81", *trials)
    assert [loaded.text for loaded in servers_of(swept)] == ["old:81 (127.0.0.1:81)", "new:82 (127.0.0.1:82)"]


def test_the_page_names_a_server_on_another_machine_and_what_is_not_known_of_it() -> None:
    remote = document("staging:80", trial("10.0.0.5:80", remote=True, placement={"target": [], "load": [0, 1]}))
    assert "the server at staging:80 (10.0.0.5:80), on another machine" in facts_of(remote)
    machine = [*machine_of(remote)]
    assert Fact("CPU time and memory of the target", "not known: it is not on this machine") in machine
    assert Fact("Placement", "client on CPU 0, 1") in machine


def test_a_trial_that_never_reached_its_server_has_the_name_only() -> None:
    assert "the server at localhost:80" in facts_of(document("localhost:80", make_trial()))
