"""Which cores the load takes beside a target that runs already."""

from types import SimpleNamespace
from typing import cast

import pytest

from loadlab.cluster.remote import Cluster
from loadlab.experiment.context import Resources, RunContext, Unobserved, resources_beside, resources_of_host
from loadlab.processes import Placement
from loadlab.profile import LoadProfile

GIB = 1 << 30
GIVEN = Resources(Placement(target=(0, 1), load=(2, 3)), pinned=True, open_files=1024)


def profile(**changes: object) -> LoadProfile:
    data = {"name": "x", "target": {"address": "127.0.0.1:80"}, "load": {"connections": 1, "duration": "1s"}, **changes}
    return LoadProfile.model_validate(data)


@pytest.mark.parametrize(
    ("target", "load"),
    [
        ({3}, (0, 1, 2)),
        ({0, 1, 2}, (3,)),
        ({0, 1, 2, 3}, (2, 3)),
        ({0, 1, 2, 3, 4, 5}, (2, 3)),
        ({7}, (0, 1, 2, 3)),
    ],
)
def test_the_load_keeps_off_the_target_where_it_can(target: set[int], load: tuple[int, ...]) -> None:
    found = resources_beside(GIVEN, profile(), target, range(4))
    assert found.placement == Placement(target=tuple(sorted(target)), load=load)
    assert (found.pinned, found.open_files) == (True, 1024)


def test_cores_that_the_profile_names_stay() -> None:
    given = Resources(Placement(target=(1, 2, 3), load=(0,)), pinned=True, open_files=1024)
    found = resources_beside(given, profile(placement={"load": [0]}), {0, 1}, range(4))
    assert found.placement == Placement(target=(0, 1), load=(0,))


@pytest.mark.parametrize(
    ("target", "load", "pinned", "shared"),
    [
        ((0,), (1,), True, set()),
        ((0, 1), (1,), True, {1}),
        ((0,), (1,), False, {0, 1}),
        ((), (0, 1), True, set()),  # on another machine
        ((), (0, 1), False, set()),
    ],
)
def test_cores_are_shared_where_both_sides_may_run(
    target: tuple[int, ...], load: tuple[int, ...], pinned: bool, shared: set[int]
) -> None:
    assert Resources(Placement(target, load), pinned, open_files=1024).shared_cores == shared


def test_load_from_other_machines_takes_no_core_beside_a_target_that_runs_already() -> None:
    given = Resources(Placement(target=(0, 1, 2, 3), load=()), pinned=True, open_files=1024)
    found = resources_beside(given, profile(), {0, 1}, range(4))
    assert found.placement == Placement(target=(0, 1), load=())
    assert found.shared_cores == set()
    assert found.cores == ((0, 1), (0, 1))
    assert found.cores_by_side() == {"target": [0, 1]}


def cluster(*here: bool) -> Cluster:
    """Machines of a cluster: whether each is this one."""
    return cast(Cluster, SimpleNamespace(machines=here, is_here=bool, is_here_alone=all(here)))


@pytest.mark.parametrize(("here", "is_here"), [((False, False), False), ((True, False), False), ((True, True), True)])
def test_a_target_has_all_cores_where_no_load_is_beside_it(here: tuple[bool, ...], is_here: bool) -> None:
    given = resources_of_host()
    context = RunContext(given, Unobserved(), lambda: None).with_cluster(cluster(*here))
    assert context.load_is_here is is_here
    all_cores = {*given.placement.target, *given.placement.load}
    expected = given.placement if any(here) else Placement(tuple(sorted(all_cores)), ())
    assert context.resources.placement == expected


def test_cores_that_were_named_stay_the_target_s() -> None:
    given = Resources(Placement(target=(90,), load=(91,)), pinned=True, open_files=1024)
    context = RunContext(given, Unobserved(), lambda: None).with_cluster(cluster(False))
    assert context.resources.placement == Placement((90,), ())


def test_without_a_cluster_the_load_is_here() -> None:
    assert RunContext(GIVEN, Unobserved(), lambda: None).load_is_here


@pytest.mark.parametrize(
    ("boots", "client_bytes"), [(("x", "y"), 2 * 3 * GIB), (("x", "x"), 4 * GIB), (("", ""), 2 * 3 * GIB)]
)
def test_machines_on_one_kernel_have_its_memory_between_them(boots: tuple[str, str], client_bytes: int) -> None:
    machines = [
        SimpleNamespace(name=name, info=SimpleNamespace(boot=boot, memory_bytes=3 * GIB, kernel_memory_bytes=4 * GIB))
        for name, boot in zip("ab", boots, strict=True)
    ]
    elsewhere = cast(Cluster, SimpleNamespace(machines=machines, is_here=lambda _: False, is_here_alone=False))
    assert RunContext(GIVEN, Unobserved(), lambda: None, cluster=elsewhere).client_bytes == client_bytes
    assert RunContext(GIVEN, Unobserved(), lambda: None).client_bytes is None
