"""What a server receives is what the profile says: methods, headers, bodies, and each row of the data."""

import json
import re
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from loadlab import __version__

from . import request_recorder
from .program import ANY_VERDICT, Program

PROFILE = """\
name: requests
target: {{command: [{python}, {server}, {file}, --port, "{{port}}"]}}
load:
  connections: 3
  warmup: 0
  duration: 300ms
  timeout: 20s
{requests}
"""
READY = "/"  # asked for with GET until the server answers


def received(program: Program, requests: str) -> list[dict[str, Any]]:
    """Return the requests that the server got of a load with these requests."""
    file = program.directory / "received"
    profile = PROFILE.format(python=sys.executable, server=request_recorder.__file__, file=file, requests=requests)
    ended = program.measure(profile, ANY_VERDICT)
    (trial,) = program.document()["trials"]
    assert (trial["state"], set(trial["outcomes"]) <= {"ok", "cut"}) == ("done", True), ended.stderr
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    return [line for line in lines if line["path"] != READY]


def test_a_request_arrives_as_it_is_written(program: Program) -> None:
    requests = """\
  request:
    method: PUT
    path: "/a b/straße?q=\\"x\\"&p=50%"
    headers: {Authorization: Bearer abc, X-Count: 5, X-Name: Zoë}
    json: {name: "é \\" \\\\", n: [1, 0.5, null, true], "{": {}}
    expect: {status: [200, 201], body: '"ok": true', header: {content-type: json}}
"""
    lines = received(program, requests)
    assert lines
    for line in lines:
        assert (line["method"], line["path"]) == ("PUT", "/a%20b/stra%C3%9Fe?q=%22x%22&p=50%25")
        assert json.loads(line["body"]) == {"name": 'é " \\', "n": [1, 0.5, None, True], "{": {}}
        headers = line["headers"]
        assert re.fullmatch("localhost:[0-9]+", headers.pop("host"))
        assert headers.pop("content-length") == str(len(line["body"].encode()))
        assert headers == {
            "user-agent": f"loadlab/{__version__}",
            "authorization": "Bearer abc",
            "x-count": "5",
            "x-name": "Zoë",
            "content-type": "application/json",
        }


@pytest.mark.parametrize("order", ["sequential", "random"])
def test_each_row_is_sent_as_often_as_any_other(program: Program, order: str) -> None:
    rows = [(str(number), f"token-{number}", f'Zoë "{number}" \\ b/c') for number in range(7)]
    table = "\n".join(",".join(f'"{value.replace(chr(34), 2 * chr(34))}"' for value in row) for row in rows)
    (program.directory / "users.csv").write_text(f"id,token,name\n{table}\n", encoding="utf-8")
    requests = f"""\
  request:
    path: /users/{{{{id}}}}
    headers: {{X-Token: "{{{{token}}}}"}}
    json: {{name: "{{{{name}}}}"}}
  data: {{file: users.csv, order: {order}}}
  workers: 1
"""
    counts: Counter[tuple[str, str, str]] = Counter()
    for line in received(program, requests):
        name = json.loads(line["body"])["name"]
        counts[line["path"].removeprefix("/users/"), line["headers"]["x-token"], name] += 1
    assert set(counts) == set(rows)
    assert max(counts.values()) - min(counts.values()) <= 1


def test_requests_of_a_mix_have_methods_and_bodies_of_their_own(program: Program) -> None:
    (program.directory / "body.bin").write_bytes(bytes(range(128)))
    requests = """\
  mix:
    - {path: /head, method: HEAD}
    - {path: /file, file: body.bin, method: PATCH}
    - {path: /text, body: "a\\nb"}
    - {path: /empty, method: POST}
    - {path: /gone, method: DELETE}
"""
    found = {(line["method"], line["path"], line["body"]) for line in received(program, requests)}
    assert found == {
        ("HEAD", "/head", ""),
        ("PATCH", "/file", bytes(range(128)).decode()),
        ("POST", "/text", "a\nb"),
        ("POST", "/empty", ""),
        ("DELETE", "/gone", ""),
    }


def test_a_body_of_50_megabytes_arrives_whole(program: Program, tmp_path: Path) -> None:
    body = tmp_path / "large"
    body.write_bytes(b"0123456789" * 5_000_000)
    lines = received(program, f"  request: {{path: /large, file: {body}}}\n")
    assert {len(line["body"]) for line in lines} == {50_000_000}
