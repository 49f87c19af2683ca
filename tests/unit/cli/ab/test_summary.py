"""What is printed of a comparison: the answer first, a table of at most 80 columns, and each finding once."""

from loadlab.cli.ab.summary import condition_lines, summarise
from loadlab.profile import LoadProfile
from loadlab.results.run import RunDocument
from loadlab.results.verdict import Expectation, Finding, Verdict

from ....paired_run import document_of, paired_document, paired_rounds, paired_trial

PROFILE = LoadProfile.model_validate(
    {
        "name": "x",
        "target": {"address": "localhost:80"},
        "load": {"connections": 16, "idle": 100, "duration": "1s", "request": {"path": "/"}},
    }
)


def lines_of(document: RunDocument) -> list[str]:
    return [line.text.replace("\N{NO-BREAK SPACE}", " ") for line in summarise(document, PROFILE)]


def finding(code: str, severity: str) -> Finding:
    return Finding.model_validate(
        {"code": code, "severity": severity, "text": f"It is {code}.", "evidence": "evidence", "advice": "advice"}
    )


def test_the_answer_comes_first_then_who_is_who_then_the_table() -> None:
    lines = lines_of(paired_document(change=-0.05))
    assert lines[0].startswith("B answers ")
    assert lines[2:5] == [
        "A  http://localhost:8000/",
        "B  http://localhost:8001/",
        "each: 16 connections, 100 idle connections",
    ]
    assert lines[6].split() == ["A", "B", "B", "vs.", "A", "95", "%", "interval"]
    assert [line.split("  ")[0] for line in lines[7:13]] == [
        "requests/s", "CPU per request", "p50", "p90", "p99", "failed",
    ]  # fmt: skip
    assert lines[7].endswith("  worse")
    assert max(map(len, lines)) <= 80


def test_what_was_found_of_both_is_printed_once_the_gravest_first() -> None:
    a_rounds, b_rounds = paired_rounds(0.0, 20)
    a = paired_trial("A", a_rounds, verdict=Verdict(state="valid", findings=[finding("late", "note")]))
    both = [finding("late", "note"), finding("odd", "suspect")]
    b = paired_trial("B", b_rounds, verdict=Verdict(state="suspect", findings=both))
    lines = lines_of(document_of(a, b))
    found = [line for line in lines if line.startswith("- ")]
    assert found == ["- B: It is odd.", "- note: A and B: It is late."]


def test_a_comparison_of_nothing_has_no_table() -> None:
    dead = paired_trial("B", [], state="failed", reason="it died", verdict=Verdict(state="invalid"))
    lines = lines_of(document_of(paired_trial("A", []), dead, ended="failed", differences=[]))
    assert lines[0] == "B failed: it died."
    assert not any(line.startswith("requests/s") for line in lines)


def test_each_condition_has_its_outcome() -> None:
    expectations = [
        Expectation(text="not p99 worse by 1%", met=False, measured="B is worse by 2 % to 3 % (95 %)"),
        Expectation(text="not p50 worse by 1%", met=True, measured="B is better by 2 % to 3 % (95 %)"),
        Expectation(text="not errors worse", met=True, measured="not sure: B is the same (95 %); a longer one"),
    ]
    assert [(line.text, line.tone) for line in condition_lines(expectations)] == [
        ("failed: not p99 worse by 1%: B is worse by 2 % to 3 % (95 %)", "invalid"),
        ("passed: not p50 worse by 1%: B is better by 2 % to 3 % (95 %)", "valid"),
        ("not sure: not errors worse: B is the same (95 %); a longer one", "suspect"),
    ]
