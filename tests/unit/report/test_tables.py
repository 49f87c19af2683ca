from loadlab.report.tables import count_cell, failures_cell, percentile_cell, rate_cell, size_cell, time_cell
from loadlab.results.requests import LatencySummary
from loadlab.results.trial import TrialResult
from loadlab.results.verdict import Finding, Verdict


def trial(*codes: str) -> TrialResult:
    findings = [Finding(code=code, severity="suspect", text="", evidence="", advice="") for code in codes]
    verdict = Verdict(state="suspect" if codes else "valid", findings=findings)
    return TrialResult(id="001", repeat=1, factors={}, state="done", verdict=verdict)


def test_a_rate_has_a_short_form_for_the_terminal() -> None:
    assert (rate_cell(38_214.0).text, rate_cell(38_214.0).short) == ("38,214", "38.2k")


def test_a_lower_bound_is_marked_in_both_forms() -> None:
    cell = rate_cell(38_214.0, trial("client_bound"))
    assert (cell.text, cell.short, cell.sort) == ("≥ 38,214", "≥ 38.2k", 38_214.0)
    assert cell.note
    assert not rate_cell(38_214.0, trial()).note


def test_failures_are_divided_by_outcome_in_the_note_and_what_was_never_sent_is_none() -> None:
    cell = failures_cell({"ok": 9_000, "timeout": 1_200, "reset": 3, "dropped": 7})
    assert (cell.text, cell.short, cell.sort) == ("1,203", "1.2k", 1_203)
    assert cell.note == "timeout 1,200, reset 3"


def test_what_was_not_measured_is_a_dash_that_says_why() -> None:
    for cell in (time_cell(None, "it failed"), size_cell(None, "it failed")):
        assert (cell.text, cell.sort, cell.note) == ("\N{EN DASH}", None, "it failed")
    assert "too few" in percentile_cell(LatencySummary(p99=5, count=20), "p99", "").note


def test_a_percentile_that_is_too_low_is_not_shown() -> None:
    cell = percentile_cell(LatencySummary(p99=5, count=10_000, too_low=["p99"]), "p99", "")
    assert cell.sort is None
    assert cell.note.startswith("p99 is higher than was measured")


def test_a_count_sorts_by_its_number() -> None:
    assert (count_cell(12_345).text, count_cell(12_345).sort) == ("12,345", 12_345)
