"""What a run says as a whole, from made-up trials."""

from loadlab.analysis.conclusion import conclude
from loadlab.profile.schema import WaitCostProfile
from loadlab.results.model import HostFingerprint, Judgement, RunDocument
from loadlab.results.speed import MachineSpeed, SpeedReading

from ...trials import make_trial

HOST = HostFingerprint(
    hostname="h",
    system="s",
    kernel="k",
    cpu="c",
    cores=2,
    memory_bytes=1,
    python="3",
    open_files_soft=1,
    open_files_hard=1,
    local_ports=(1, 2),
    load_average=0.0,
)
DESCRIPTORS = (10, 100, 1000, 5000)
VALID: tuple[Judgement, ...] = ("valid", "valid", "valid", "valid")
PROFILE = WaitCostProfile.model_validate(
    {
        "name": "x",
        "kind": "wait-cost",
        "wait": {"method": "select", "descriptors": 10, "channel": "eventfd"},
        "plot": {"x": "wait.descriptors", "y": "cost_ns"},
        "expect": ["slope of cost_ns over wait.descriptors < 20ns"],
    }
)


def document(verdicts: tuple[Judgement, ...] = VALID, interrupted: bool = False) -> RunDocument:
    """A run that planned a trial for each of DESCRIPTORS, each at 30 ns a descriptor; so many are there."""
    trials = [
        make_trial(verdict, id=f"{n:03d}", factors={"wait.descriptors": n}, cost_ns=500 + 30 * n)
        for n, verdict in zip(DESCRIPTORS, verdicts, strict=False)
    ]
    return RunDocument(
        loadlab="0",
        command=[],
        started="",
        seed=0,
        profile={},
        host=HOST,
        verdict="invalid",
        interrupted=interrupted,
        trials=trials,
        trials_planned=len(DESCRIPTORS),
    )


def test_a_whole_run_has_its_verdict_its_laws_and_what_was_expected_of_them() -> None:
    concluded = conclude(document(("valid", "valid", "suspect", "valid")), PROFILE)
    assert concluded.verdict == "suspect"
    (law,) = concluded.laws
    assert law.slope is not None
    assert 29 < law.slope < 31
    assert [expectation.met for expectation in concluded.expectations] == [False]


def test_what_is_missing_decides_nothing_about_a_law() -> None:
    for part in (document(VALID[:3]), document(interrupted=True)):
        concluded = conclude(part, PROFILE)
        assert concluded.laws
        assert concluded.expectations == []


def test_a_run_without_a_plot_has_no_laws() -> None:
    plain = PROFILE.model_copy(update={"plot": None, "expect": ()})
    assert conclude(document(), plain).laws == []


def test_trials_are_judged_again_by_the_speed_of_the_whole_run() -> None:
    readings = [SpeedReading(at=10 * at, client_ns=ns) for at, ns in enumerate([100, 100, 150, 150, 100])]
    speed = MachineSpeed(readings=readings, client_ns=100)
    trials = [make_trial(at=at, window_ns=800_000_000) for at in (2.0, 22.0)]
    concluded = conclude(document().model_copy(update={"trials": trials, "speed": speed}), PROFILE)
    assert [trial.verdict.state for trial in concluded.trials] == ["valid", "suspect"]
    assert [trial.speed.client for trial in concluded.trials] == [1.0, 100 / 150]
    assert concluded.verdict == "suspect"
