import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from loadlab.cli.compare import compare
from loadlab.errors import ExitCode, LoadlabError
from loadlab.results.run import RunDocument
from tests.sample_run import HOST, sample_document, write_sample
from tests.unit.analysis.comparison.runs import make_rate, make_run

Write = Callable[[RunDocument], Path]


@pytest.fixture
def save(tmp_path: Path) -> Write:
    """Write a document to a file of its own, as `--json` prints it."""
    counter = iter(range(100))

    def write(document: RunDocument) -> Path:
        path = tmp_path / f"run-{next(counter)}.json"
        path.write_text(document.model_dump_json(by_alias=True), encoding="utf-8")
        return path

    return write


def of_rates(*rates: float, **fields: Any) -> RunDocument:  # noqa: ANN401 - any field
    return make_run([make_rate(rate, number) for number, rate in enumerate(rates, start=1)], **fields)


def run(
    *paths: Path, anyway: bool = False, as_json: bool = False, html: Path | None = None, fail_if: tuple[str, ...] = ()
) -> ExitCode:
    return compare(paths, anyway, as_json, html, fail_if)


def test_the_answer_comes_before_the_table(save: Write, capsys: pytest.CaptureFixture[str]) -> None:
    code = run(save(of_rates(50_000, 50_100, 49_900)), save(of_rates(40_000, 40_100, 39_900)))
    assert code == ExitCode.DONE
    lines = [line for line in capsys.readouterr().out.replace("\N{NO-BREAK SPACE}", " ").splitlines() if line]
    assert lines[0].startswith("A  ")
    assert lines[0].endswith("3 trials (base)")
    assert lines[2].startswith("B answers 20 % fewer requests/s than A (95 %: ")
    row = next(line for line in lines if line.startswith("throughput"))
    assert row.split()[:3] == ["throughput", "50,000", "40,000"]


def test_several_settings_have_a_row_each(save: Write, capsys: pytest.CaptureFixture[str]) -> None:
    path = save(sample_document())
    run(path, save(sample_document()))
    out = capsys.readouterr().out
    assert out.count(" → ") >= 12
    assert "Not compared: select, 19,000 idle connections: no valid trial in the base" in out


def test_a_directory_and_a_file_can_be_compared(tmp_path: Path, save: Write) -> None:
    assert run(write_sample(tmp_path).path, save(sample_document())) == ExitCode.DONE


def test_json_has_all_of_it(save: Write, capsys: pytest.CaptureFixture[str]) -> None:
    base, other = save(of_rates(50_000, 50_100)), save(of_rates(50_000, 50_200))
    run(base, other, as_json=True, fail_if=("throughput worse by 10%",))
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert found["schema"] == "loadlab.comparison/1"
    assert found["base"]["run"] == str(base)
    (compared,) = found["compared"]
    assert compared["run"] == str(other)
    assert {figure["metric"] for figure in compared["settings"][0]["figures"]} >= {"requests_per_second", "failures"}
    assert found["fail_if"][0]["answer"] == "excluded"


@pytest.mark.parametrize(
    ("rates", "condition", "code", "said"),
    [
        (
            (40_000, 40_100, 39_900),
            "throughput worse by 10%",
            ExitCode.EXPECTATION_FAILED,
            "failed: B: throughput worse",
        ),
        ((49_900, 50_000, 50_100), "throughput worse by 10%", ExitCode.DONE, "passed: B: not throughput worse by 10%"),
        ((40_000, 50_000, 60_000), "throughput worse by 10%", ExitCode.DONE, "not sure: B: throughput worse by 10%"),
        ((40_000,), "throughput worse by 10%", ExitCode.DONE, "not measured with an interval"),
    ],
)
def test_a_condition_fails_only_if_it_is_shown(
    save: Write, capsys: pytest.CaptureFixture[str], rates: tuple[float, ...], condition: str, code: ExitCode, said: str
) -> None:
    assert run(save(of_rates(50_000, 50_100, 49_900)), save(of_rates(*rates)), fail_if=(condition,)) == code
    assert said in capsys.readouterr().err


def test_a_condition_is_not_passed_where_trials_failed(save: Write, capsys: pytest.CaptureFixture[str]) -> None:
    def at(idle: int, number: int, **fields: Any) -> Any:  # noqa: ANN401 - any field
        return make_rate(50_000, number, factors={"load.idle": idle}, **fields)

    base = make_run([at(0, 1), at(0, 2), at(9, 3), at(9, 4)])
    died = at(9, 3, state="failed", reason="The target died.", verdict="invalid")
    run(save(base), save(make_run([at(0, 1), at(0, 2), died])), fail_if=("throughput worse by 10%",))
    assert "not sure" in (err := capsys.readouterr().err)
    assert "The target died." in err


def test_a_condition_that_cannot_be_read_is_a_usage_error(save: Write) -> None:
    path = save(of_rates(50_000))
    with pytest.raises(LoadlabError, match="--fail-if: "):
        run(path, save(of_rates(50_000)), fail_if=("p99 bad",))


def test_runs_of_two_machines_are_refused_unless_told_otherwise(
    save: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    base = save(of_rates(50_000))
    other = save(of_rates(50_000, host=HOST.model_copy(update={"hostname": "laptop"})))
    with pytest.raises(LoadlabError, match=r"different machines: bench-1 and laptop\.\n.*--anyway") as refusal:
        run(base, other)
    assert refusal.value.exit_code == ExitCode.USAGE
    assert run(base, other, anyway=True) == ExitCode.DONE
    assert "different machines" in capsys.readouterr().out


def test_runs_with_nothing_in_common_are_refused_anyway(save: Write) -> None:
    with pytest.raises(LoadlabError, match="has no trials"):
        run(save(of_rates(50_000)), save(make_run([])), anyway=True)


def test_a_run_is_not_compared_with_itself(save: Write) -> None:
    path = save(of_rates(50_000))
    with pytest.raises(LoadlabError, match="is named twice"):
        run(path, path)
    with pytest.raises(LoadlabError, match="two runs or more"):
        run(path)


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"schema": "loadlab.run/9"}', "\0"])
def test_a_file_that_is_no_run_is_named(save: Write, tmp_path: Path, content: str) -> None:
    path = tmp_path / "other.json"
    path.write_text(content)
    with pytest.raises(LoadlabError, match=r"other\.json"):
        run(save(of_rates(50_000)), path)


def test_several_runs_are_compared_with_the_first(
    save: Write, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "page.html"
    run(*(save(of_rates(rate, 1.01 * rate)) for rate in (50_000, 40_000, 60_000)), html=page)
    out = capsys.readouterr().out
    assert "\nB  " in out
    assert "\nC  " in out
    assert "C answers" in out
    assert 'id="C"' in page.read_text()


def test_a_page_that_cannot_be_written_is_known_before_anything_is_printed(
    save: Write, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(LoadlabError, match="cannot write"):
        run(save(of_rates(50_000)), save(of_rates(50_000)), html=tmp_path / "missing" / "page.html")
    assert capsys.readouterr().out == ""
