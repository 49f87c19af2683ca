"""A program of the user's as the target: started, measured and ended; and what is said of one that fails."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import trustme

from . import own_server
from .foreign_servers import faulty_serving
from .program import ANY_VERDICT, Program, wait_until

SERVER = own_server.__file__
LOAD = "load: {connections: 2, warmup: 50ms, duration: 200ms, timeout: 2s}\n"
LONG = "load: {connections: 2, warmup: 0ms, duration: 1m, timeout: 2s}\n"


def profile(fault: str, *arguments: str, more: str = "", load: str = LOAD) -> str:
    """Return the profile of an own server with that fault."""
    words = ", ".join(f'"{word}"' for word in (sys.executable, SERVER, fault, *(arguments or ("{port}",))))
    return f"name: own\ntarget: {{command: [{words}]{more}}}\n{load}"


def only_trial(program: Program) -> dict[str, Any]:
    """Return the one trial of the run."""
    (trial,) = program.document()["trials"]
    found: dict[str, Any] = trial
    return found


def reason_of(program: Program, text: str) -> str:
    """Run a profile whose trial fails, and return why."""
    ended = program.measure(text)
    assert ended.code == 3, ended.stderr
    trial = only_trial(program)
    assert trial["state"] == "failed", trial
    assert isinstance(trial["reason"], str)
    return trial["reason"]


def target_log(program: Program) -> str:
    """Return what the target of the first trial printed."""
    return (program.run_directory() / "trials" / "001" / "target.log").read_text()


@pytest.mark.parametrize(
    ("fault", "where", "more"),
    [
        ("none", "{port}", ""),
        ("none", "{socket}", ""),
        ("late", "{port}", ""),
        ("ipv6", "{port}", ""),
        ("none", "{port}", ", ready: {path: /health, status: 2xx}"),
        ("none", "{socket}", ", ready: {path: /health, status: [200, 204]}"),
        ("unhealthy", "{port}", ""),
    ],
)
def test_it_is_measured_like_a_bundled_server(program: Program, fault: str, where: str, more: str) -> None:
    load = LOAD.replace("connections: 2", "connections: 2, idle: 60, expect_status: [200, 500]")
    ended = program.measure(profile(fault, where, more=more, load=load), ANY_VERDICT)
    assert ended.code == 0, ended.stderr
    trial = only_trial(program)
    assert trial["state"] == "done"
    assert trial["requests"] > 0
    assert trial["target"]["cpu_system_ns"] + trial["target"]["cpu_user_ns"] > 0
    assert (trial["idle"]["opened"], trial["idle"]["problem"]) == (60, None)
    assert target_log(program) == f"{fault} starts with WORKERS=None\n"
    program.check_drawable()


def test_commands_and_their_environment_are_swept(program: Program) -> None:
    old, new = ([sys.executable, SERVER, fault, "{port}"] for fault in ("none", "late"))
    sweep = f"sweep: {{target.command: [{old}, {new}], target.env.WORKERS: [1, '2']}}\n".replace("'", '"')
    ended = program.measure(profile("none") + sweep, ANY_VERDICT)
    assert ended.code == 0, ended.stderr
    trials = program.document()["trials"]
    assert len({(trial["factors"]["target.command"], trial["factors"]["target.env.WORKERS"]) for trial in trials}) == 4
    for trial in trials:
        fault = "late" if " late " in trial["factors"]["target.command"] else "none"
        log = program.run_directory() / "trials" / trial["id"] / "target.log"
        assert log.read_text() == f"{fault} starts with WORKERS={trial['factors']['target.env.WORKERS']}\n"
    program.check_drawable()


def test_one_that_dies_at_once_is_reported_with_its_last_words(program: Program) -> None:
    ended = program.measure(profile("dies"), "--repeat", "2")
    assert ended.code == 3
    for trial in program.document()["trials"]:
        assert trial["state"] == "failed"
        assert trial["reason"].endswith(" ended with code 1 before it was ready: there is no database")
    file = program.run_directory() / "trials" / "001" / "target.log"
    assert file.read_text() == "dies starts with WORKERS=None\nthere is no database\n"
    shown = f"The last lines of {file}:\n  dies starts with WORKERS=None\n  there is no database\n"
    assert ended.stderr.count(shown) == 1


def test_one_that_never_listens_is_given_up(program: Program) -> None:
    reason = reason_of(program, profile("never", more=", ready: {within: 300ms}"))
    assert " does not listen at port " in reason
    assert reason.endswith("after 300ms (target.ready.within): never starts with WORKERS=None")


def test_one_that_listens_elsewhere_is_found_there(program: Program) -> None:
    reason = reason_of(program, profile("elsewhere", more=", ready: {within: 1s}"))
    assert " after 1s (target.ready.within), but at 127.0.0.1:" in reason


@pytest.mark.parametrize(
    ("fault", "reported"),
    [
        ("unhealthy", "it answers /missing with 500, not 2xx (target.ready)"),
        ("silent", "it does not answer /missing within 1 s"),
        ("gibberish", "what it answers to a request for /missing is not HTTP"),
    ],
)
def test_one_that_is_never_ready_is_given_up_with_what_it_answers(program: Program, fault: str, reported: str) -> None:
    reason = reason_of(program, profile(fault, more=", ready: {path: /missing, status: 2xx, within: 600ms}"))
    assert f", but after 600ms (target.ready.within) {reported}" in reason


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A file with a certificate for localhost and its private key; the CA is in ca.pem beside it."""
    ca = trustme.CA()
    ca.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    path = tmp_path / "server.pem"
    ca.issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(str(path))
    return path


@pytest.mark.parametrize("where", ["{port}", "{socket}"])
@pytest.mark.parametrize("tls", ["ca: ca.pem", "verify: false"])
def test_it_is_asked_and_loaded_over_tls(program: Program, certificate: Path, where: str, tls: str) -> None:
    more = f", env: {{CERTIFICATE: {certificate}}}, tls: {{{tls}}}, ready: {{path: /health, status: 200}}"
    ended = program.measure(profile("none", where, more=more, load=LOAD.replace("2,", "2, idle: 20,", 1)), ANY_VERDICT)
    assert ended.code == 0, ended.stderr
    trial = only_trial(program)
    assert trial["requests"] > 0
    assert trial["tls"]["version"] == "TLSv1.3"
    assert (trial["idle"]["opened"], trial["idle"]["problem"]) == (20, None)


def test_one_whose_certificate_is_not_trusted_is_given_up_at_once(program: Program, certificate: Path) -> None:
    reason = reason_of(program, profile("none", more=f", env: {{CERTIFICATE: {certificate}}}, tls: {{}}"))
    assert reason.startswith("no connection to `")
    assert " over TLS: the certificate of localhost " in reason
    assert "target.tls.ca" in reason


def test_one_that_speaks_no_tls_is_given_up(program: Program) -> None:
    reason = reason_of(program, profile("none", more=", tls: {}, ready: {within: 3s}"))
    assert reason.split(" listens at ")[1].split(", but after 3s (target.ready.within) ")[1] != ""


def test_one_that_dies_in_between_ends_its_trial_and_not_the_run(program: Program) -> None:
    ended = program.measure(profile("dies-in-between", load=LONG), "--repeat", "2")
    assert ended.code == 3
    trials = program.document()["trials"]
    assert [trial["state"] for trial in trials] == ["failed", "failed"]
    assert all(trial["reason"].endswith(" ended with code 3: out of memory") for trial in trials)
    assert [finding["code"] for finding in trials[0]["verdict"]["findings"]] == ["target_died"]


def test_one_that_prints_fifty_megabytes_is_not_held_up(program: Program) -> None:
    ended = program.measure(profile("chatty"), ANY_VERDICT)
    assert ended.code == 0, ended.stderr
    # One that is not read is held up in its first answer, before which it prints more than a pipe takes.
    assert only_trial(program)["requests"] > 1
    log = program.run_directory() / "trials" / "001" / "target.log"
    assert log.stat().st_size < 3 << 20
    assert "bytes left out ...]" in log.read_text()


def test_one_that_ignores_its_signal_is_killed(program: Program) -> None:
    # It checks that nothing is left.
    ended = program.driven("--grace", "0.5").measure(profile("deaf"), ANY_VERDICT)
    assert ended.code == 0, ended.stderr


def test_the_daemons_that_it_leaves_are_ended(program: Program, tmp_path: Path) -> None:
    with subprocess.Popen(["sleep", "1000"]) as other:
        ended = program.measure(profile("daemon", "{port}", str(tmp_path / "pid")), ANY_VERDICT)
        assert ended.code == 0, ended.stderr
        assert other.poll() is None
        other.kill()
    assert not Path(f"/proc/{(tmp_path / 'pid').read_text()}").exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_nothing_of_it_is_left_however_the_run_ends(program: Program, tmp_path: Path, number: signal.Signals) -> None:
    arguments = program.measure_arguments(profile("daemon", "{port}", str(tmp_path / "pid"), load=LONG))
    with program.started(*arguments) as process:
        wait_until(lambda: bool(program.pids_of("loadlab.fleet.worker")))
        daemon = int((tmp_path / "pid").read_text())
        os.kill(process.pid, number)
        process.wait()
        program.check_nothing_left()
    assert not Path(f"/proc/{daemon}").exists()


@pytest.mark.parametrize("fault", ["never", "silent"])
def test_an_interrupt_while_it_is_not_ready_yet_ends_the_run(program: Program, fault: str) -> None:
    arguments = program.measure_arguments(profile(fault))
    with program.started(*arguments) as process:
        wait_until(lambda: bool(program.pids_of(f"own_server.py {fault}")))
        os.kill(process.pid, signal.SIGINT)
        ended = program.finish(process)
    assert ended.code == 130
    assert program.document()["interrupted"]


def test_a_port_that_somebody_takes_first_costs_one_more_start(program: Program, tmp_path: Path) -> None:
    ended = program.measure(profile("in-use", "{port}", str(tmp_path / "tried")), ANY_VERDICT)
    assert ended.code == 0, ended.stderr
    assert target_log(program).count("in-use starts") == 2


def test_a_port_that_is_always_in_use_is_reported(program: Program, tmp_path: Path) -> None:
    reason = reason_of(program, profile("always-in-use", "{port}", str(tmp_path / "tried")))
    assert " ended with code 1 before it was ready: [Errno 98] error while attempting to bind on address" in reason
    assert target_log(program).count("always-in-use starts") == 2


def test_a_fixed_address_where_another_server_listens_is_reported(program: Program) -> None:
    with faulty_serving("slow") as other:
        reason = reason_of(program, profile("none", str(other.port), more=f", address: '{other.address}'"))
        other.check_unharmed()
    assert reason == (
        f"another server listens at {other.address} (target.address) already: stop it, or leave out target.command to "
        "measure it"
    )


def test_a_fixed_address_is_where_it_is_expected(program: Program, tmp_path: Path) -> None:
    with socket.socket() as reserved:
        reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # so that the server may have it beside us
        reserved.bind(("127.0.0.1", 0))
        port = reserved.getsockname()[1]
        ended = program.measure(profile("none", str(port), more=f", address: 'localhost:{port}'"), ANY_VERDICT)
    assert ended.code == 0, ended.stderr


@pytest.mark.parametrize(
    ("word", "reported"),
    [
        ("no-such-server", "there is no program no-such-server on the PATH"),
        ("./no-such-server", "there is no file {folder}/no-such-server"),
        ("./profile.yaml", "{folder}/profile.yaml is not executable; make it so with chmod +x"),
    ],
)
def test_one_that_cannot_be_started_is_no_trial(program: Program, word: str, reported: str) -> None:
    text = f"name: own\ntarget: {{command: [{word}, '{{port}}']}}\n{LOAD}"
    ended = program.measure(text)
    assert ended.code == 3
    trial = only_trial(program)
    assert trial["state"] == "not possible"
    assert trial["reason"].startswith(reported.format(folder=program.directory))
    doctor = program.run("doctor", str(program.directory / "profile.yaml"))
    assert doctor.code == 1
    assert reported.format(folder=program.directory) in doctor.stdout


def test_a_directory_that_is_not_there_is_a_mistake_of_the_profile(program: Program) -> None:
    ended = program.measure(profile("none", more=", cwd: ./service"))
    assert ended.code == 2
    assert f"target.cwd: there is no directory {program.directory}/service" in ended.stderr
