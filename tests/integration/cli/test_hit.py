"""`loadlab hit` on servers that it knows nothing of: what they are asked, what the user sees, and what is left."""

import json
import os
import re
import shlex
import socket
import subprocess
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import trustme

from loadlab.errors import ExitCode
from loadlab.results.run import RunDocument

from ...tls_peers import write_pem
from .foreign_servers import (
    asked_of,
    faulty_serving,
    files_serving,
    nginx_serving,
    node_serving,
    recording_serving,
    uvicorn_serving,
)
from .program import Ended, Program
from .terminal import open_terminal

pytestmark = pytest.mark.timeout(180)

SHORT = ("-z", "300ms", "--warmup", "50ms", "-c", "4")
# The machine that runs the tests has other things to do: a verdict on that is no failure here.
MEASURED = (ExitCode.DONE, ExitCode.INVALID)


def check_summary(ended: Ended) -> str:
    """Check what each summary has, and its width; return it."""
    assert ended.code in MEASURED, ended.stderr
    assert re.search(r"^GET http://127\.0\.0\.1:\d+/", ended.stdout)
    assert re.search(r"^requests/s +\S", ended.stdout, re.MULTILINE)
    assert re.search(r"^outcomes +ok [1-9]", ended.stdout, re.MULTILINE)
    assert re.search(r"^(?:valid|suspect|invalid)", ended.stdout, re.MULTILINE)
    assert max(map(len, ended.stdout.splitlines())) <= 80
    assert "\x1b" not in ended.stdout + ended.stderr
    return ended.stdout


@pytest.mark.parametrize("kind", ["files", "node", "nginx", "uvicorn"])
def test_any_server_at_the_first_attempt(
    kind: str, program: Program, tmp_path: Path, need_program: Callable[[str], str]
) -> None:
    before = set(tmp_path.iterdir())
    with ExitStack() as stack:
        if kind == "files":
            (folder := tmp_path / "files").mkdir()
            server = stack.enter_context(files_serving(folder))
        elif kind == "node":
            server = stack.enter_context(node_serving(need_program("node")))
        elif kind == "nginx":
            (folder := tmp_path / "nginx").mkdir()
            server = stack.enter_context(nginx_serving(need_program("nginx"), folder))
        else:
            server = stack.enter_context(uvicorn_serving())
        ended = program.run("hit", f"http://{server.address}/", *SHORT)
        assert server.process.poll() is None
    summary = check_summary(ended)
    assert re.search(r"^server +CPU \S+", summary, re.MULTILINE)
    assert ended.stderr == ""
    left = set(tmp_path.iterdir()) - before - {tmp_path / "files", tmp_path / "nginx"}
    assert not left


def test_a_number_of_requests_arrives_exactly(program: Program) -> None:
    with recording_serving() as server:
        ended = program.run("hit", f"{server.address}/a?b=c", "-n", "1234", "-c", "7", "--json")
        asked = asked_of(server)
    document = RunDocument.model_validate_json(ended.stdout)
    assert document.trials[0].outcomes["ok"] == 1234
    assert sum(document.trials[0].outcomes.values()) == 1234
    host = {"Host": server.address}
    # The last one is the check that the server is there.
    assert (["GET", "/a?b=c", host, ""], 1234) in [(request, count) for request, count in asked]


def test_a_number_of_requests_at_a_rate_arrives_exactly(program: Program) -> None:
    with recording_serving() as server:
        ended = program.run("hit", server.address, "-n", "300", "-q", "500", "-c", "20", "--warmup", "0s", "--json")
    (trial,) = RunDocument.model_validate_json(ended.stdout).trials
    assert trial.load_model == "open"
    assert sum(trial.outcomes.values()) == 300


def test_method_headers_and_body_are_sent_as_they_were_typed(program: Program, tmp_path: Path) -> None:
    (tmp_path / "new.json").write_text('{"n": 1}\n')
    options = ["-n", "20", "-c", "2", "-H", "Accept: text/html", "-H", "X-Empty;"]
    with recording_serving() as server:
        program.run("hit", *options, "-d", '{"a": "ü"}', f"http://jo:pw@{server.address}/")
        program.run("hit", f"http://{server.address}/b", *options, "-X", "put", "-D", str(tmp_path / "new.json"))
        asked = asked_of(server)
    usual = {"Accept": "text/html", "X-Empty": "", "Host": server.address, "Content-Type": "application/json"}
    posted = ["POST", "/", {**usual, "Authorization": "Basic am86cHc="}, '{"a": "ü"}']
    put = ["PUT", "/b", usual, '{"n": 1}\n']
    assert (posted, 20) in asked
    assert (put, 20) in asked


def test_https_with_a_private_ca(program: Program, tmp_path: Path) -> None:
    authority = trustme.CA()
    ca = write_pem(authority.cert_pem, tmp_path / "ca.pem")
    cert = write_pem(authority.issue_cert("localhost").private_key_and_cert_chain_pem, tmp_path / "server.pem")
    with recording_serving("--cert", cert) as server:
        url = f"https://localhost:{server.port}/"
        verified = program.run("hit", url, *SHORT, "--cacert", ca)
        insecure = program.run("hit", url, *SHORT, "-k")
        refused = program.run("hit", url, *SHORT)
        plain = program.run("hit", url.replace("https", "http"), *SHORT)
    for ended in (verified, insecure):
        assert ended.code in MEASURED
        assert re.search(r"^TLSv1\.[23] with TLS_\w+|^TLSv1\.[23] with \S+", ended.stdout, re.MULTILINE)
        assert re.search(r"^outcomes +ok [1-9]", ended.stdout, re.MULTILINE)
    assert refused.code == ExitCode.INVALID
    assert "issued by a CA that is not trusted here" in " ".join(refused.stdout.split())
    assert "--cacert FILE" in " ".join(refused.stdout.split())
    assert plain.code == ExitCode.INVALID


def test_https_to_a_port_that_speaks_http(program: Program) -> None:
    with recording_serving() as server:
        ended = program.run("hit", f"https://127.0.0.1:{server.port}/", *SHORT)
    assert ended.code == ExitCode.INVALID
    assert "use http://" in " ".join(ended.stdout.split()) or "does not speak TLS" in " ".join(ended.stdout.split())


def test_a_unix_socket(program: Program, tmp_path: Path) -> None:
    path = tmp_path / "app.sock"
    with recording_serving("--unix", str(path)) as server:
        ended = program.run("hit", "http://app.internal/a", "--unix-socket", str(path), "-n", "50", "-c", "3")
        asked = asked_of(server)
    assert ended.code in MEASURED
    assert f"at unix:{path}: 3 connections" in " ".join(ended.stdout.split())
    assert (["GET", "/a", {"Host": "app.internal"}, ""], 50) in asked


def test_a_connection_for_each_request(program: Program) -> None:
    with recording_serving() as server:
        ended = program.run("hit", server.address, "-n", "200", "-c", "4", "--disable-keepalive")
    assert ended.code in MEASURED
    assert re.search(r"^connections +\d+ opened in the window", ended.stdout, re.MULTILINE)
    assert re.search(r"^connecting +p50 ", ended.stdout, re.MULTILINE)


def test_failures_have_their_statuses_and_samples(program: Program) -> None:
    with recording_serving() as server:
        failed = program.run("hit", f"{server.address}/503", *SHORT)
        expected = program.run("hit", f"{server.address}/503", *SHORT, "--expect", "503")
    assert failed.code == ExitCode.INVALID
    assert re.search(r"^statuses +503: [1-9]", failed.stdout, re.MULTILINE)
    assert "received: HTTP/1.1 503 x" in " ".join(failed.stdout.split())
    assert re.search(r"^outcomes +ok [1-9]", expected.stdout, re.MULTILINE)


def test_repeats_are_compared(program: Program) -> None:
    with recording_serving() as server:
        ended = program.run("hit", server.address, *SHORT, "--repeat", "2")
    assert "2 repeats" in ended.stdout or ended.code == ExitCode.INVALID


def test_the_page_the_run_directory_and_the_profile_are_kept_where_asked_for(program: Program, tmp_path: Path) -> None:
    html, saved, out = tmp_path / "page.html", tmp_path / "my.yaml", tmp_path / "runs"
    with recording_serving() as server:
        options = ["--html", str(html), "--save-profile", str(saved), "--out", str(out)]
        ended = program.run("hit", f"{server.address}/a", *SHORT, *options)
        again = program.run("run", str(saved), "--no-calibrate", "--json", "--out", str(tmp_path / "again"))
    check_summary(ended)
    assert f"written: {html}" in ended.stderr
    (directory,) = out.iterdir()
    assert html.read_text() == (directory / "index.html").read_text()
    measured = RunDocument.model_validate_json((directory / "run.json").read_text())
    assert RunDocument.model_validate_json(again.stdout).profile == measured.profile


def test_credentials_are_in_no_file_but_the_profile_that_was_asked_for(program: Program, tmp_path: Path) -> None:
    out = tmp_path / "runs"
    with recording_serving() as server:
        url = f"http://jo:hunter2secret@{server.address}/401?token=t0psecret"
        ended = program.run("hit", url, *SHORT, "-H", "X-Api-Key: k3ysecret", "--out", str(out))
    texts = [ended.stdout, ended.stderr]
    texts += [path.read_bytes().decode("latin-1") for path in out.rglob("*") if path.is_file()]
    assert len(texts) > 4
    for secret in ("hunter2secret", "t0psecret", "k3ysecret", "am86aHVudGVyMnNlY3JldA"):
        assert not any(secret in text for text in texts), secret


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("http://127.0.0.1:{port}/", "nothing listens at 127.0.0.1:{port}; start the server first"),
        ("http://no-such-host.invalid/", "the name no-such-host.invalid cannot be resolved"),
        ("htp://localhost/", "'htp://' is no scheme that loadlab speaks; did you mean 'http'?"),
        ("192.0.2.1 -z 1s", "192.0.2.1:80 is not on this machine, and loadlab loads other machines only if asked to"),
        ("localhost -n 5 -z 1s", "-n and -z exclude one another"),
        ("-q 0 localhost", "-q 0: must be at least 1, not 0"),
        ("localhost -d a -D b", "-d and -D are both the body of the request"),
        ("--unix-socket /no/such.sock localhost", "nothing listens at unix:/no/such.sock"),
        ("localhost --html /no/such/page.html", "cannot write /no/such/page.html: No such file or directory"),
        ("localhost --save-profile /no/such.yaml", "cannot write /no/such.yaml: No such file or directory"),
    ],
)
def test_what_cannot_be_measured_is_one_sentence(arguments: str, message: str, program: Program) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))  # and does not listen
        port = unused.getsockname()[1]
        ended = program.run("hit", *shlex.split(arguments.format(port=port)))
    assert ended.code == ExitCode.USAGE
    assert ended.stdout == ""
    assert message.format(port=port) in ended.stderr
    assert len(ended.stderr.strip().splitlines()) == 1


@dataclass(frozen=True, slots=True)
class Contained(Program):
    """The program in a PID namespace of its own, from which it sees no process but its own."""

    def command(self, *arguments: str) -> list[str]:
        return ["unshare", "--pid", "--fork", "--mount-proc", *Program.command(self, *arguments)]


def test_a_server_whose_processes_cannot_be_seen_is_measured_without_them(tmp_path: Path) -> None:
    allowed = subprocess.run(["unshare", "--pid", "--fork", "--mount-proc", "true"], capture_output=True, check=False)
    if allowed.returncode != 0:
        pytest.skip("this user may not make a PID namespace")
    with recording_serving() as server:
        ended = Contained(tmp_path).run("hit", server.address, *SHORT)
        assert server.process.poll() is None
    summary = " ".join(check_summary(ended).split())
    assert "server cannot be seen from here: its CPU time and memory are not known" in summary
    assert "Other processes used the CPU" not in summary


def test_a_server_that_ends_half_way(program: Program) -> None:
    with faulty_serving("dying") as server:
        ended = program.run("hit", server.address, "-z", "5s", "--warmup", "0s")
    assert ended.code == ExitCode.INVALID
    assert "ended" in ended.stdout


def test_control_c_on_a_terminal_has_a_summary_of_what_was_measured(program: Program) -> None:
    options = ["-z", "60s", "-c", "4"]
    with recording_serving() as server, open_terminal(program, "hit", server.address, *options) as terminal:
        terminal.wait_shown(r"\d s left   [\d,]+ requests/s   p50 \S+ \S+   p99 \S+ \S+   0 failed")
        terminal.press_control_c()
        assert terminal.wait_ended() == ExitCode.INTERRUPTED
        assert re.search(r"outcomes +ok [1-9]", terminal.shown)
    program.check_nothing_left()


def test_nothing_is_left_in_the_folder_for_temporary_files(program: Program, tmp_path: Path) -> None:
    (folder := tmp_path / "temporary").mkdir()
    program = replace(program, settings={"TMPDIR": str(folder)})
    with recording_serving() as server:
        check_summary(program.run("hit", server.address, *SHORT))
    assert not os.listdir(folder)


def test_machine_output_is_json_alone(program: Program) -> None:
    with recording_serving() as server:
        ended = program.run("hit", server.address, *SHORT, "--json")
    assert json.loads(ended.stdout)["trials"][0]["requests"] > 0
    assert ended.stderr == ""
