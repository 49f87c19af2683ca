"""docs/cluster.md and the files beside it, as far as they can be checked without a cluster."""

import re
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

import loadlab
from loadlab.capacity import PORTS_PER_SOURCE, WIDEST_PORTS, ports_per_source

DOCS: Final = Path(loadlab.__file__).parents[1] / "docs"
OBJECTS: Final[list[dict[str, Any]]] = list(yaml.safe_load_all((DOCS / "cluster/kubernetes.yaml").read_text()))
NUMBER: Final = r"([\d,.]+)[^/=|\d]*?"
CALCULATION: Final = re.compile(rf"{NUMBER} (\N{{MULTIPLICATION SIGN}}|/) {NUMBER} = {NUMBER}")


def objects(kind: str) -> list[dict[str, Any]]:
    return [each for each in OBJECTS if each["kind"] == kind]


def pods() -> dict[str, dict[str, Any]]:
    """Return the labels and the specification of each kind of pod, by the name of what makes it."""
    made = {each["metadata"]["name"]: each["spec"]["template"] for each in objects("Deployment")}
    return made | {each["metadata"]["name"]: each for each in objects("Pod")}


def labels_of(pod: dict[str, Any]) -> set[tuple[str, str]]:
    return set(pod["metadata"]["labels"].items())


def test_kubernetes_has_one_object_of_each_name() -> None:
    names = [(each["kind"], each["metadata"]["name"]) for each in OBJECTS]
    assert len(names) == len(set(names))
    assert all(each["apiVersion"] and each["spec"] for each in OBJECTS)


@pytest.mark.parametrize("name", ["loadlab-scheduler", "loadlab-worker", "loadlab"])
def test_kubernetes_guarantees_each_pod_what_it_asks_for(name: str) -> None:
    (container,) = pods()[name]["spec"]["containers"]
    assert container["image"] == "loadlab"  # what the document replaces
    assert container["resources"]["requests"] == container["resources"]["limits"]
    assert set(container["resources"]["limits"]) == {"cpu", "memory"}


def test_kubernetes_selects_the_pods_that_it_makes() -> None:
    for deployment in objects("Deployment"):
        selected = set(deployment["spec"]["selector"]["matchLabels"].items())
        assert selected <= labels_of(deployment["spec"]["template"])
    (policy,) = objects("NetworkPolicy")
    for selector in (policy["spec"]["podSelector"], policy["spec"]["ingress"][0]["from"][0]["podSelector"]):
        assert all(set(selector["matchLabels"].items()) <= labels_of(pod) for pod in pods().values())


def test_kubernetes_workers_find_the_scheduler() -> None:
    (service,) = objects("Service")
    (port,) = service["spec"]["ports"]
    scheduler, worker = pods()["loadlab-scheduler"], pods()["loadlab-worker"]
    assert set(service["spec"]["selector"].items()) <= labels_of(scheduler)
    (listening,) = scheduler["spec"]["containers"][0]["ports"]
    assert port["targetPort"] == listening["name"]
    address = f"tcp://{service['metadata']['name']}:{port['port']}"
    assert address in worker["spec"]["containers"][0]["args"]
    assert f"--cluster {address}" in (DOCS / "cluster.md").read_text()
    arguments = scheduler["spec"]["containers"][0]["args"]
    assert arguments[arguments.index("--port") + 1] == str(listening["containerPort"])


def calculations() -> list[tuple[str, ...]]:
    _, _, section = (DOCS / "cluster.md").read_text().partition("\n## Ten million connections\n")
    return CALCULATION.findall(section)


def test_ten_million_connections_are_calculated() -> None:
    assert len(calculations()) >= 10
    divisors = {right.replace(",", "") for _, operation, right, _ in calculations() if operation == "/"}
    assert {str(PORTS_PER_SOURCE), str(ports_per_source(WIDEST_PORTS))} <= divisors


@pytest.mark.parametrize("calculation", calculations(), ids=" ".join)
def test_the_arithmetic_of_ten_million_connections(calculation: tuple[str, ...]) -> None:
    left, operation, right, result = (part.replace(",", "") for part in calculation)
    expected = float(left) / float(right) if operation == "/" else float(left) * float(right)
    assert float(result) == pytest.approx(expected, rel=0.005)
