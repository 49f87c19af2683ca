"""The strips of the machine's speed, and how steady it was, in a sentence."""

import pytest

from loadlab.report.sections.speed import HEIGHT, WIDTH, SpeedSection, Strip, describe_speed, sections_of
from loadlab.results.directory import RunDirectory
from loadlab.results.run import RunDocument
from loadlab.results.speed import MachineSpeed, SpeedReading
from loadlab.results.trial import LoadedServer, Round
from loadlab.results.verdict import Finding, Verdict

from ....trials import make_trial
from ..laid_out import run_of

SECOND_NS = 1_000_000_000
SLOW = Verdict(
    state="suspect",
    findings=[Finding(code="machine_speed", severity="suspect", text="", evidence="the evidence", advice="")],
)


def speed(target_ns: list[int | None], client_ns: list[int | None]) -> MachineSpeed:
    """One reading a second; the run's median is 100 ns on either side."""
    pairs = enumerate(zip(target_ns, client_ns, strict=True))
    readings = [SpeedReading(at=10.0 + at, target_ns=target, client_ns=client) for at, (target, client) in pairs]
    return MachineSpeed(readings=readings, target_ns=100, client_ns=100)


@pytest.fixture
def document(sample_run: RunDirectory) -> RunDocument:
    return sample_run.read_document()


def section(document: RunDocument, **changes: object) -> SpeedSection:
    [found] = sections_of(run_of(document.model_copy(update=changes)))
    return found


def corners(strip: Strip) -> list[str]:
    (line,) = strip.lines
    return line.split()


def test_each_side_has_a_line_over_the_run(document: RunDocument) -> None:
    found = section(document, speed=speed([100, 100, 200, 100, 100], [100] * 5))
    target, client = found.strips
    assert (found.low, found.high) == ("50\N{NO-BREAK SPACE}%", "120\N{NO-BREAK SPACE}%")
    assert (found.begin, found.end) == ("10 s", "14 s")
    assert corners(target)[2] == f"{WIDTH / 2},{float(HEIGHT)}"  # the slowest, in the middle and at the bottom
    assert {point.split(",")[1] for point in corners(client)} == {str(found.median_at)}
    assert (target.title, client.title) == ("The target's cores", "The client's cores")


def test_a_side_that_was_not_measured_has_no_strip(document: RunDocument) -> None:
    found = section(document, speed=speed([None] * 4, [100] * 4))
    assert [strip.title for strip in found.strips] == ["The client's cores"]


def test_a_microbenchmark_has_a_single_core(wait_cost: RunDocument) -> None:
    moving = speed([None] * 4, [100, 100, 100, 200])
    found = section(wait_cost, speed=moving)
    assert [strip.title for strip in found.strips] == ["The core that was measured on"]
    assert found.sentence == "This machine's speed moved by 50\N{NO-BREAK SPACE}% during the run."


def test_a_line_ends_where_nothing_was_measured_for_a_while(document: RunDocument) -> None:
    readings = [SpeedReading(at=at, client_ns=100) for at in (0, 1, 2, 3, 10, 11, 12, 20)]
    found = section(document, speed=MachineSpeed(readings=readings, client_ns=100))
    assert [[point.split(",")[0] for point in line.split()] for line in found.strips[0].lines] == [
        ["0.0", "50.0", "100.0", "150.0"],
        ["500.0", "550.0", "600.0"],
        ["1000.0", "1000.0"],  # a dot
    ]


def test_of_very_many_readings_medians_are_drawn(document: RunDocument) -> None:
    found = section(document, speed=speed([100, 100, 100, 150] * 1000, [100] * 4000))
    assert len(corners(found.strips[0])) == 400
    assert {point.split(",")[1] for point in corners(found.strips[0])} == {str(found.median_at)}


def test_trials_that_met_another_machine_are_shaded_where_they_were_measured(document: RunDocument) -> None:
    rounds = [Round(at=11.0, window_ns=1, requests=1, requests_per_second=1.0)]
    trials = [
        make_trial(SLOW, at=12.0, window_ns=SECOND_NS),
        make_trial(at=11.0, window_ns=SECOND_NS),
        make_trial(SLOW, at=11.0, rounds=rounds),  # all over the run
    ]
    spoiled = [make_trial(SLOW, at=10.0, window_ns=SECOND_NS)]
    found = section(document, speed=speed([100] * 5, [100] * 5), trials=trials, spoiled=spoiled)
    assert [(each.left, each.width) for each in found.stretches] == [(0.0, 250.0), (500.0, 250.0)]
    assert found.stretches[0].title == "trial 001: the evidence"


@pytest.mark.parametrize("known", [None, speed([100] * 3, [100] * 3), speed([None] * 5, [None] * 5)])
def test_without_enough_readings_there_is_no_section(document: RunDocument, known: MachineSpeed | None) -> None:
    assert [*sections_of(run_of(document.model_copy(update={"speed": known})))] == []


def test_how_far_the_speed_moved_is_said_of_both_sides() -> None:
    assert describe_speed(speed([100, 110, 125, 100], [100, 100, 200, 100])) == (
        "This machine's speed moved by 50\N{NO-BREAK SPACE}% during the run "
        "(the target's cores 20\N{NO-BREAK SPACE}%, the client's cores 50\N{NO-BREAK SPACE}%)."
    )


def test_the_scatter_of_the_readings_is_no_movement() -> None:
    assert describe_speed(speed([100, 101, 102, 103], [None] * 4)) == (
        "This machine's speed was steady within 2.9\N{NO-BREAK SPACE}% during the run."
    )


def of_client(*client_ns: int) -> MachineSpeed:
    return MachineSpeed.of([SpeedReading(at=float(at), client_ns=ns) for at, ns in enumerate(client_ns)])


def test_client_machines_have_a_strip_each_beside_that_of_the_target(document: RunDocument) -> None:
    speeds = {"b": of_client(100, 100, 100, 125), "a": of_client(*[100] * 4), "short": of_client(100)}
    found = section(document, speed=speed([100] * 4, [None] * 4), client_speeds=speeds)
    assert [strip.title for strip in found.strips] == [
        "The target's cores", "The cores of client machine b", "The cores of client machine a",
    ]  # fmt: skip
    assert found.title == "The machines' speed"
    assert found.sentence.startswith("The speed of the target's cores was steady within 0\N{NO-BREAK SPACE}%")
    assert found.sentence.endswith("The speed of the 2 client machines moved by up to 20\N{NO-BREAK SPACE}% (b).")
    assert (found.begin, found.end) == ("0 s", "13 s")


def test_without_a_target_here_there_are_only_client_machines(document: RunDocument) -> None:
    found = section(document, speed=speed([None] * 4, [None] * 4), client_speeds={"a": of_client(*[100] * 4)})
    assert found.sentence == "The speed of the client machine was steady within 0\N{NO-BREAK SPACE}%."
    assert [strip.title for strip in found.strips] == ["The cores of client machine a"]


def test_of_many_client_machines_those_that_changed_most_are_drawn(document: RunDocument) -> None:
    speeds = {f"n{number}": of_client(100, 100, 100, 100 + number) for number in range(10)}
    found = section(document, speed=None, client_speeds=speeds)
    assert [strip.title.split()[-1] for strip in found.strips] == [f"n{number}" for number in range(2, 10)]


def test_a_target_on_a_machine_of_the_cluster_has_the_speed_of_that_one(document: RunDocument) -> None:
    server = LoadedServer(address="10.0.0.9:1", remote=True, on="db")
    trials = [trial.model_copy(update={"server": server}) for trial in document.trials]
    of_db = MachineSpeed.of([SpeedReading(at=float(at), target_ns=100 + 25 * (at == 3)) for at in range(4)])
    speeds = {"db": of_db, "a": of_client(*[100] * 4)}
    found = section(document, trials=trials, speed=speed([None] * 4, [None] * 4), client_speeds=speeds)
    assert [strip.title for strip in found.strips] == ["The target's cores", "The cores of client machine a"]
    assert found.sentence == (
        "The speed of the target's cores moved by 20\N{NO-BREAK SPACE}% during the run. "
        "The speed of the client machine was steady within 0\N{NO-BREAK SPACE}%."
    )
