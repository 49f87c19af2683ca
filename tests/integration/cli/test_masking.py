"""No credential of a profile, of its data or of the command line is in anything that a run writes or prints."""

import os
import sys
from pathlib import Path
from typing import Final

import pytest

from . import echo_server
from .foreign_servers import echo_serving
from .program import ANY_VERDICT, Program

SECRETS: Final = (
    "hdr5ecret",
    "c00kie-value",
    "js0npassw0rd",
    "qu3rytoken",
    "r0w-token-1",
    "r0w-token-2",
    "c0mmented-out",
    "s3t-on-the-line",
    "p4ss-in-url",
)
PROFILE: Final = """\
name: secretive
# Once it was Authorization: Bearer c0mmented-out
target: {address: 127.0.0.1:1}
load:
  connections: 2
  warmup: 0
  duration: 300ms
  timeout: 20s
  mix:
    - name: headers
      path: /a?token=qu3rytoken&page=2
      headers: {X-Echo: headers, Authorization: Bearer hdr5ecret, Cookie: "sid=c00kie-value"}
    - path: /b?access_token=qu3rytoken
      headers: {X-Echo: path}
    - name: body
      path: /c
      headers: {X-Echo: body, Referer: "http://me:p4ss-in-url@localhost/"}
      json: {user: me, password: js0npassw0rd, link: "http://me:p4ss-in-url@localhost/"}
    - name: rows
      path: /d
      headers: {X-Echo: body, X-Row: "{{token}}"}
      body: "it is {{token}}"
  data: {file: rows.csv}
"""


def texts_of(directory: Path) -> dict[str, str]:
    files = [Path(folder, name) for folder, _, names in os.walk(directory) for name in names]
    return {str(path.relative_to(directory)): path.read_text(errors="replace") for path in files}


@pytest.mark.parametrize("extra", [(), ("--json",)])
def test_no_credential_is_written_or_printed(program: Program, extra: tuple[str, ...]) -> None:
    (program.directory / "rows.csv").write_text("token\nr0w-token-1\nr0w-token-2\n")
    with echo_serving() as server:
        address = f"target.address={server.address}"
        mix = "about=https://me:p4ss-in-url@example/?api_key=s3t-on-the-line"
        ended = program.measure(PROFILE, "--set", address, "--set", mix, *extra, ANY_VERDICT)
        program.run("report", str(program.run_directory()))
    written = texts_of(program.reports)
    assert any(name.endswith("profile.yaml") for name in written)
    assert any(name.endswith("trial.json") for name in written)
    for name, text in {**written, "stdout": ended.stdout, "stderr": ended.stderr}.items():
        assert [secret for secret in SECRETS if secret in text] == [], name
    (trial,) = program.document()["trials"]
    samples = [sample["received"] for sample in trial["failure_samples"]]
    assert samples
    assert any("***" in sample for sample in samples)  # which shows that they would have been there
    assert program.document()["profile"]["load"]["mix"][0]["headers"]["X-Echo"] == "headers"
    assert "b?access_token=***" in [kind["name"] for kind in trial["kinds"]]


def test_what_a_program_of_the_user_is_given_and_prints_is_masked(program: Program) -> None:
    profile = f"""\
name: command
target:
  command: [{sys.executable}, {echo_server.__file__}, --port, "{{port}}", --token, t0ken-argument]
  env: {{DATABASE_URL: "postgresql://me:p4ss-in-url@db/x", APP_SECRET: env5ecret}}
load: {{connections: 1, warmup: 0, duration: 100ms, timeout: 20s, request: {{headers: {{X-Api-Key: hdr5ecret}}}}}}
"""
    ended = program.measure(profile, ANY_VERDICT)
    written = texts_of(program.reports)
    log = written[f"{program.run_directory().name}/trials/001/target.log"]
    assert "'APP_SECRET': '***'" in log
    assert "'--token', '***'" in log
    secrets = ("t0ken-argument", "p4ss-in-url", "env5ecret", "hdr5ecret")
    for name, text in {**written, "stdout": ended.stdout, "stderr": ended.stderr}.items():
        assert [secret for secret in secrets if secret in text] == [], name


def test_mistakes_do_not_show_credentials(program: Program) -> None:
    profile = PROFILE.replace("Bearer hdr5ecret", '"hdr5ecret\\r\\n"').replace("rows.csv", "none.csv")
    ended = program.measure(profile, "--set", "load.request.headers.X-Api-Key=[s3t-on-the-line")
    assert ended.code == 2
    assert "load.mix.headers.Authorization: *** contains the character U+000D" in ended.stderr
    assert [secret for secret in SECRETS if secret in ended.stderr] == []
