"""Runs from Python, and the examples of docs/python.md as they stand there."""

import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any, Final

import pytest

import loadlab
from loadlab.experiment.context import Unobserved
from loadlab.results.trial import TrialResult

DOCUMENT: Final = Path(loadlab.__file__).parents[1] / "docs" / "python.md"
FIRST, PYTEST, NOTEBOOK = re.findall(r"```python\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)
QUICK: Final = {
    "name": "quick",
    "target": {"server": "epoll"},
    "load": {"connections": 4, "warmup": "50ms", "duration": "200ms"},
    "retries": 0,
}


def test_the_first_example(capsys: pytest.CaptureFixture[str]) -> None:
    exec(FIRST, {})
    assert re.fullmatch(r"[\d,]+ requests/s, p99 [\d.]+ ms, (valid|suspect|invalid)\n", capsys.readouterr().out)


def test_the_example_for_pytest(tmp_path: Path) -> None:
    (tmp_path / "test_latency.py").write_text(PYTEST)
    command = [sys.executable, "-m", "pytest", "-q", "-W", "error", "-p", "no:cacheprovider", "test_latency.py"]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert (ended.returncode, ended.stderr) == (0, ""), ended.stdout
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["test_latency.py"]


def test_the_example_for_notebooks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    exec(NOTEBOOK, names)
    assert [(row["target.server"], row["load.idle"]) for row in sorted(names["table"], key=str)] == [
        ("epoll", 0),
        ("epoll", 200),
        ("select", 0),
        ("select", 200),
    ]
    assert all(row["requests/s"] > 0 for row in names["table"])
    assert "</html>" in names["page"].read_text()


def test_nothing_is_left_behind_and_nothing_printed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    run = loadlab.run_profile(QUICK, calibrate=False)
    assert run.trial.state == "done"
    assert run.trial.requests > 0
    assert run.directory is None
    assert [*tmp_path.iterdir()] == []
    assert (capfd.readouterr().out, capfd.readouterr().err) == ("", "")


def test_a_run_in_another_thread_with_an_observer(tmp_path: Path) -> None:
    ended: list[TrialResult] = []

    class Listener(Unobserved):
        def trial_ended(self, result: TrialResult) -> None:
            ended.append(result)

    runs: list[loadlab.RunDocument] = []
    settings = {"load.idle": [0, 10]}

    def measure() -> None:
        runs.append(loadlab.run_profile(QUICK, settings=settings, out=tmp_path, calibrate=False, observer=Listener()))

    thread = threading.Thread(target=measure)
    thread.start()
    thread.join()
    (run,) = runs
    assert [each.id for each in ended] == [trial.id for trial in run.trials]
    assert run.command == ["loadlab", "run", "profile.yaml", "--set", "load.idle=[0, 10]"]
    assert run.directory is not None
    assert (run.directory / "index.html").exists()
    # What is there runs the same again.
    again = loadlab.run_profile(run.directory / "profile.yaml", settings={"load.duration": "100ms"}, calibrate=False)
    assert again.trial.state == "done"


def test_a_trial_that_fails_says_so_and_ends_nothing() -> None:
    settings = {"target.address": f"unix:/nowhere/{os.getpid()}.sock"}
    trial = loadlab.run_profile("select-vs-epoll", settings={**settings, "load.idle": 0, "rounds": 1}).trial
    assert trial.state == "not possible"
    with pytest.raises(LookupError, match=r"no step 'browse': trial 001 \(not possible: .*nowhere"):
        trial.step("browse")


def test_a_scenario_gives_its_steps_and_checks_or_its_error(tmp_path: Path) -> None:
    scenario = tmp_path / "shop.py"
    scenario.write_text("""\
async def browse(user):
    async with user.step("look"):
        answer = await user.http.get("/items")
    user.check(answer.status_code == 200, "found")
    await user.sleep(0.005)
""")
    profile = {
        "name": "browse",
        "target": {"server": "shop"},
        "load": {"scenario": f"{scenario}:browse", "connections": 2, "warmup": "50ms", "duration": "300ms"},
        "retries": 0,
    }
    trial = loadlab.run_profile(profile, calibrate=False).trial
    assert trial.step("look").requests > 0
    assert trial.check("found").failed == 0
    assert trial.request("GET /items").response_ns.p50
    assert trial.iterations is not None
    assert trial.iterations.name == "browse"
    with pytest.raises(LookupError, match="no step 'lok': trial 001 has 'look'; did you mean 'look'"):
        trial.step("lok")
    scenario.write_text("async def browse(user):\n    {}['x']\n")
    with pytest.raises(loadlab.ScenarioError, match=r"shop.py:2 in browse\n    {}\['x'\]\nKeyError: 'x'"):
        loadlab.run_profile(profile, out=tmp_path / "reports", calibrate=False)
    (directory,) = (tmp_path / "reports").iterdir()
    assert (directory / "index.html").exists()


def test_control_c_ends_all_processes_and_keeps_what_was_measured(tmp_path: Path) -> None:
    handler = signal.getsignal(signal.SIGINT)  # tests in the background ignore it
    interrupter = threading.Thread(target=interrupt_when_measuring)
    interrupter.start()
    with pytest.raises(KeyboardInterrupt):
        loadlab.run_profile(QUICK, settings={"load.duration": "60s"}, out=tmp_path, calibrate=False)
    interrupter.join()
    assert children() == []
    (directory,) = tmp_path.iterdir()
    document = loadlab.RunDocument.model_validate_json((directory / "run.json").read_text())
    assert document.interrupted
    assert document.trial.state == "interrupted"
    assert signal.getsignal(signal.SIGINT) is handler


def interrupt_when_measuring() -> None:
    deadline = time.monotonic() + 60
    while not any("loadlab.fleet.worker" in command for command in children()):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    os.kill(os.getpid(), signal.SIGINT)


def children() -> list[str]:
    """Return the command lines of this process's children that run loadlab's code."""
    found = []
    for task in Path("/proc/self/task").iterdir():
        for pid in (task / "children").read_text().split():
            try:
                command = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
            except OSError:
                continue
            if "loadlab" in command or "targets" in command:
                found.append(command)
    return found
