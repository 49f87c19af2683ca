import pytest

from loadlab.report.certainty import chance_of, describe_certainty, speed_moved
from loadlab.results.run import RunDocument
from loadlab.results.speed import MachineSpeed, SpeedReading
from loadlab.results.trial import Round, TrialResult
from loadlab.results.verdict import Verdict

from ...sample_run import sample_document

NBSP = "\N{NO-BREAK SPACE}"


def trial(number: int = 1, severity: str = "", rounds: int = 0, **changes: object) -> TrialResult:
    """A trial of 100 requests per second with a finding of this severity, in one window or several rounds."""
    found = [{"code": "late", "severity": severity, "text": "", "evidence": "", "advice": ""}] if severity else []
    state = {"": "valid", "note": "valid"}.get(severity, severity)
    fields: dict[str, object] = {
        "id": f"{number:03}",
        "repeat": 1,
        "factors": {"load.idle": number},
        "state": "done",
        "verdict": Verdict.model_validate({"state": state, "findings": found}),
        "requests_per_second": 100.0,
        "rounds": [Round(at=at, window_ns=1, requests=1, requests_per_second=100.0) for at in range(rounds)],
        "confidence": {"requests_per_second": (98.0, 102.0)} if rounds else {},
    }
    return TrialResult.model_validate(fields | changes)


def document(*trials: TrialResult, **changes: object) -> RunDocument:
    return sample_document(list(trials), **{"verdict": "valid", **changes})


def speed(*target_ns: int) -> MachineSpeed:
    return MachineSpeed(readings=[SpeedReading(at=at, target_ns=ns) for at, ns in enumerate(target_ns)])


def certainty(*trials: TrialResult, **changes: object) -> list[str]:
    return [clause.text for clause in describe_certainty(document(*trials, **changes))]


def test_one_window_has_no_interval_and_that_is_said_before_that_nothing_was_found() -> None:
    assert certainty(trial(), trials_planned=1) == [
        "One window: no interval. To know how sure this is, measure in several rounds, or compare two servers with "
        "loadlab ab.",
        "No finding casts doubt on the figures.",
    ]


def test_one_window_per_trial_says_how_much_may_be_chance() -> None:
    first, *_ = certainty(trial(1), trial(2))
    assert first == (
        f"One window per trial: no intervals, and differences below 20{NBSP}% may be chance; rounds would show."
    )


def test_with_rounds_there_are_intervals() -> None:
    assert certainty(trial(1, rounds=20), trial(2, rounds=20))[0] == (
        "Figures are medians of 20 rounds; in parentheses: their 95 % intervals."
    )
    assert certainty(trial(1, rounds=20), trial(2, rounds=12))[0].startswith("Figures are medians of 12 to 20 rounds")
    assert certainty(trial(1, rounds=20), trial(2))[0] == (
        "Figures are medians of up to 20 rounds; 1 of 2 trials have 95 % intervals."
    )


def test_two_rounds_have_no_intervals() -> None:
    two = trial(1, rounds=2, confidence={})
    assert certainty(two, two)[0] == (f"2 rounds are too few for intervals: differences below 20{NBSP}% may be chance.")


def test_repeats_have_intervals_if_they_are_enough() -> None:
    assert certainty(trial(1), trial(1, repeat=2))[0].startswith("Trials were repeated 2 times, in one window each")
    assert certainty(trial(1), trial(1, repeat=2), trial(1, repeat=3))[0] == (
        "Figures are medians of 3 repeats; in parentheses: their 95 % intervals."
    )


def test_the_speed_of_the_machine_says_how_much_may_be_chance() -> None:
    moving = speed(3300, 3300, 4400, 4400, 3300)
    assert certainty(trial(1), trial(2), speed=moving)[:2] == [
        f"One window per trial: no intervals, and differences below 25{NBSP}% may be chance; rounds would show.",
        f"The machine's speed moved by 25{NBSP}% during the run.",
    ]
    assert chance_of(document(trial(), speed=speed(100, 100, 100, 101))) == pytest.approx(0.1)


def test_single_readings_do_not_make_a_machine_that_moves() -> None:
    assert speed_moved(speed(*[100] * 19, 500)) == 0
    assert speed_moved(speed(100, 200)) is None
    assert speed_moved(None) is None


def test_the_verdict_counts_trials_and_leads_to_the_findings() -> None:
    *_, doubt = describe_certainty(document(trial(1), trial(2, "suspect"), verdict="suspect"))
    assert (doubt.text, doubt.anchor) == ("Findings cast doubt on 1 of 2 trials.", "findings")
    *_, lost = describe_certainty(document(trial(1), trial(2, "invalid"), verdict="invalid"))
    assert lost.text == "1 of 2 trials is invalid, and not compared."
    not_possible = trial(3, state="not possible", verdict=Verdict(state="invalid"))
    *_, doubt = describe_certainty(document(trial(1), trial(2, "suspect"), not_possible, verdict="suspect"))
    assert doubt.text == "Findings cast doubt on 1 of 2 trials."
    *_, noted = describe_certainty(document(trial(1, "note")))
    assert (noted.text, noted.anchor) == ("No finding casts doubt on the figures.", "findings")


def test_what_was_measured_again_is_said() -> None:
    *_, again = describe_certainty(document(trial(1), spoiled=[trial(1, "suspect"), trial(1, "suspect", attempt=2)]))
    assert (again.text, again.anchor) == ("1 trial was measured again, as the machine had spoiled it.", "spoiled")


def test_batches_were_measured_at_different_times() -> None:
    assert any("in 2 batches" in text for text in certainty(trial(1, batch=1), trial(2, batch=2)))
    assert not any("batches" in text for text in certainty(trial(1, batch=1), trial(2, batch=1)))


def test_with_load_from_a_cluster_it_is_the_speed_of_the_target() -> None:
    speed = MachineSpeed.of([SpeedReading(at=float(at), target_ns=100) for at in range(4)])
    document = sample_document(speed=speed, client_speeds={"a": speed})
    said = [clause.text for clause in describe_certainty(document)]
    assert f"The speed of the target's cores was steady within 0{NBSP}% during the run." in said
