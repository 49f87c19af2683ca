"""What the machines of a cluster are called, and which versions they have."""

from typing import Final

import msgspec
import pytest

pytest.importorskip("distributed")

from loadlab.cluster.machine import Machine
from loadlab.cluster.messages import MachineInfo
from loadlab.cluster.workers import name_machines, versions_of
from loadlab.installation import DISTRIBUTION

HERE: Final = Machine("").describe()


def info(name: str, host: str) -> MachineInfo:
    return msgspec.structs.replace(HERE, name=name, host=host)


def names(*machines: tuple[str, str]) -> list[str]:
    """Return the names of machines that have these names and hosts, in their order."""
    return list(name_machines({f"tcp://a:{number}": info(*each) for number, each in enumerate(machines)}).values())


@pytest.mark.parametrize(
    ("machines", "expected"),
    [
        ([("node 1", "h"), ("Zürich", "h")], ["node 1", "Zürich"]),
        ([("tcp://a:0", "h"), ("tcp://a:1", "g")], ["h", "g"]),
        ([("0", "h"), ("1", "h"), ("2", "g")], ["h-1", "h-2", "g"]),
        ([("h", "x"), ("tcp://a:1", "h")], ["h", "h-1"]),
        ([("h-1", "x"), ("0", "h"), ("1", "h")], ["h-1", "h-2", "h-3"]),
    ],
    ids=["as given", "hosts", "numbered", "one is called like a host", "one is called like a number"],
)
def test_names_are_those_given_or_of_hosts_and_never_the_same(
    machines: list[tuple[str, str]], expected: list[str]
) -> None:
    assert names(*machines) == expected


def test_versions_are_of_what_has_to_agree() -> None:
    packages = {"python": "3.11.4.final.0", DISTRIBUTION: "0.1", "distributed": "2026.8.0", "numpy": "2"}
    assert versions_of({"packages": packages}) == ("0.1", "3.11", "2026.8.0")
    assert versions_of({"packages": {**packages, DISTRIBUTION: None}})[0] == ""
