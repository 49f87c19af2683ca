"""Credentials are masked: by their names, by patterns in any text, and by the values that a profile has."""

from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from loadlab.profile import LoadProfile, load_profile, plan_trials
from loadlab.profile.masking import (
    MASK,
    Masker,
    is_secret_name,
    mask_command,
    mask_data,
    mask_quotes,
    mask_source,
    mask_swept,
    mask_text,
)

from .reading import find_mistakes


@pytest.mark.parametrize(
    "name",
    [
        "Authorization",
        "proxy-authorization",
        "COOKIE",
        "Set-Cookie",
        "X-Api-Key",
        "X-CSRF-Token",
        "client_secret",
        "DB_PASSWORD",
        "passwd",
        "SECRET_KEY",
        "key",
        "apikey",
        "--access-token",
    ],
)
def test_names_of_credentials(name: str) -> None:
    assert is_secret_name(name)


@pytest.mark.parametrize(
    "name",
    ["Accept", "MONKEY_PATCH", "keyboard", "Keep-Alive", "WORKERS", "id", "authority", "--ssl-keyfile", "key_path"],
)
def test_names_of_anything_else(name: str) -> None:
    assert not is_secret_name(name)


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ('{"token":"a\\"b","n":1}', '{"token":"***","n":1}'),
        ('{"n": 1, "token": 12345}', '{"n": 1, "token": ***}'),
        ('{\\"password\\": \\"x y\\", \\"n\\": 1}', '{\\"password\\": \\"***\\", \\"n\\": 1}'),
        ("{'secret': 'x', 'n': 1}", "{'secret': '***', 'n': 1}"),
        ('{"password":"cut sh', '{"password":"***'),
        (
            "HTTP/1.1 200 OK\\r\\nSet-Cookie: sid=abc; Path=/\\r\\nAge: 1",
            "HTTP/1.1 200 OK\\r\\nSet-Cookie: ***\\r\\nAge: 1",
        ),
        ("authorization: Basic abc=\r\nAge: 1", "authorization: ***\r\nAge: 1"),
        ("X-Api-Key: abc", "X-Api-Key: ***"),
        ("password: x", "password: ***"),
        ("/a?page=2&access_token=abc&n=1#x", "/a?page=2&access_token=***&n=1#x"),
        ("host=db password=abc dbname=x", "host=db password=*** dbname=x"),
        ("postgresql://me:p%40w@db:5432/x", "postgresql://me:***@db:5432/x"),
        ("redis://:pw@h and amqp://a:b@c/d", "redis://:***@h and amqp://a:***@c/d"),
        ("it says Bearer eyJhbGciOi.x-y_z", "it says Bearer ***"),
    ],
)
def test_credentials_in_a_text(text: str, masked: str) -> None:
    assert mask_text(text) == masked
    assert mask_text(masked) == masked


@pytest.mark.parametrize(
    "text",
    [
        "Authorization: Bearer {{token}}",
        "token=null&key=",
        '{"token": null, "key": true, "monkey": "x"}',
        "http://127.0.0.1:8080/a@b?c=d",
        "cannot read its key: Permission denied",
        "the key of a mapping; token 5 is missing",
        "MONKEY_PATCH=1",
    ],
)
def test_a_text_without_credentials_stays_as_it_is(text: str) -> None:
    assert mask_text(text) == text


@pytest.mark.parametrize(
    ("command", "masked"),
    [
        ("-H|Authorization: Bearer abc", "-H|Authorization: ***"),
        ("--set|load.request.headers.Authorization=Bearer a b", "--set|load.request.headers.Authorization=***"),
        ("--set|target.tls.key=a.key", "--set|target.tls.key=a.key"),
        ("--db-password|abc|--port|80", "--db-password|***|--port|80"),
        ("--api-key=abc|x", "--api-key=***|x"),
        ("--token|--verbose", "--token|--verbose"),
        ('-d|{"password": "abc"}', '-d|{"password": "***"}'),
        ("http://me:abc@localhost/?key=abc", "http://me:***@localhost/?key=***"),
        ("env|SECRET=a b c|python", "env|SECRET=***|python"),
    ],
)
def test_credentials_on_a_command_line(command: str, masked: str) -> None:
    assert mask_command(command.split("|")) == masked.split("|")


DATA = {
    "name": "x",
    "target": {
        "command": ["app", "--password", "cmd-pw", "--port", "{port}"],
        "env": {"API_KEY": "env-key", "WORKERS": "4", "DATABASE_URL": "postgres://u:url-pw@h/d"},
        "tls": {"key": "client.key"},
        "token": 5,
    },
    "load": {
        "request": {
            "path": "/a?token=query-token",
            "headers": {"Authorization": "Bearer hdr-token", "Cookie": "{{cookie}}", "Accept": "*/*"},
            "json": {"user": "me", "password": "json-pw", "keys": ["k-one", 2, None, True]},
        },
        "idle_kind": "silent",
    },
    "sweep": {"load.request.headers.X-Api-Key": ["swept-a", "swept-b"], "target.env.WORKERS": ["1", "2"]},
}
VALUES = ("cmd-pw", "env-key", "url-pw", "query-token", "hdr-token", "json-pw", "k-one", "swept-a", "swept-b")


def test_credentials_in_the_data_of_a_profile() -> None:
    assert mask_data(DATA) == {
        "name": "x",
        "target": {
            "command": ["app", "--password", MASK, "--port", "{port}"],
            "env": {"API_KEY": MASK, "WORKERS": "4", "DATABASE_URL": f"postgres://u:{MASK}@h/d"},
            "tls": {"key": "client.key"},
            "token": MASK,
        },
        "load": {
            "request": {
                "path": f"/a?token={MASK}",
                "headers": {"Authorization": MASK, "Cookie": "{{cookie}}", "Accept": "*/*"},
                "json": {"user": "me", "password": MASK, "keys": [MASK, MASK, None, True]},
            },
            "idle_kind": "silent",
        },
        "sweep": {"load.request.headers.X-Api-Key": [f"{MASK}1", f"{MASK}2"], "target.env.WORKERS": ["1", "2"]},
    }


@pytest.mark.parametrize("value", VALUES)
def test_values_of_a_profile_are_masked_wherever_they_come_up(value: str) -> None:
    masker = Masker.of(DATA)
    assert masker.mask_values(f"before{value}after") == f"before{MASK}after"
    assert masker.mask_values("client.key, {port} and 5 of 4") == "client.key, {port} and 5 of 4"


def test_cookies_are_masked_each() -> None:
    masker = Masker.of({"load": {"request": {"headers": {"Cookie": "a=first-one; b=second"}}}})
    assert masker.mask_values("second, then first-one") == f"{MASK}, then {MASK}"


def test_values_of_columns_are_masked_if_they_are_credentials() -> None:
    columns = {"cookie": ["row-1", "row 22"], "api_token": ["tok-1"], "id": ["id-1"]}
    masker = Masker.of(DATA, columns)
    assert masker.mask_values("row-1row 22 row%2022 tok-1 id-1 row-") == f"{MASK}{MASK} {MASK} {MASK} id-1 row-"


def test_values_of_a_million_rows_take_no_longer_than_a_few() -> None:
    masker = Masker.of(DATA, {"token": (f"token-{number}" for number in range(100_000))})
    assert masker.mask_values("x" * 150 + "token-77123") == "x" * 150 + MASK


def test_swept_values_stay_different() -> None:
    urls = ["sqlite://", "postgres://u:one@h", "postgres://u:two@h", "postgres://u:three@other"]
    assert mask_swept("target.env.DATABASE_URL", urls) == [
        "sqlite://",
        "postgres://u:***@h (2)",
        "postgres://u:***@h (3)",
        "postgres://u:***@other",
    ]
    assert mask_swept("load.request.headers.Authorization", ["a", "b"]) == ["***1", "***2"]
    assert mask_swept("load.idle", [0, 1000]) == [0, 1000]


def test_the_trials_of_a_swept_credential_have_it_and_do_not_show_it(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_text(f"{HEAD}sweep: {{load.request.headers.Authorization: [Bearer one, Bearer two]}}\n")
    trials = plan_trials(load_profile(path).profile, seed=1)
    shown = {
        str(trial.factors["load.request.headers.Authorization"]): trial.profile.requests[0].headers["Authorization"]
        for trial in trials
        if isinstance(trial.profile, LoadProfile)
    }
    assert shown == {"***1": "Bearer one", "***2": "Bearer two"}


HEAD = "name: x\ntarget: {server: epoll}\nload: {connections: 1, duration: 1s}\n"


def test_trials_are_not_selected_by_a_credential(tmp_path: Path) -> None:
    text = f"""{HEAD}sweep: {{load.request.headers.Authorization: [Bearer one-one, Bearer two-two]}}
expect: [{{expect: errors == 0, where: {{load.request.headers.Authorization: Bearer one-one}}}}]
"""
    assert find_mistakes(tmp_path, text) == [
        "x.yaml:5:40: expect.where.load.request.headers.Authorization: has credentials, which are masked in the "
        "results; select the trials by another path"
    ]


@pytest.mark.parametrize(
    ("added", "reported"),
    [
        (
            'load.request.headers.Authorization="a\\u0001"',
            "--set load.request.headers.Authorization=***: load.request.",
        ),
        ("load.request.headers.X-Key=[", "--set load.request.headers.X-Key=***: *** is not valid YAML"),
        (
            "load.request.headers.X-Key=1.25",
            "--set load.request.headers.X-Key=***: load.request.headers.X-Key: must be ",
        ),
    ],
)
def test_a_mistake_in_a_credential_does_not_show_it(tmp_path: Path, added: str, reported: str) -> None:
    (line,) = find_mistakes(tmp_path, HEAD, added)
    assert line.startswith(reported)
    assert not any(value in line.removeprefix(reported) for value in ("a\\u0001", "\\x01", "1.25"))


def test_only_quotes_of_the_value_are_masked() -> None:
    sentence = "{{ID}} names no column of users.csv; did you mean 'id'?"
    assert mask_quotes(sentence, "Bearer {{ID}}") == sentence
    assert mask_quotes("must be text, not 'abc\\n...'; write 'q'", "abc\nxyz") == "must be text, not ***; write 'q'"


SOURCE = """\
# Formerly: Authorization: Bearer c0mment
name: x   # password=c0mment
load:
  request:
    headers: {Authorization: "Bearer abc", Accept: '*/*'} # and X-Api-Key: c0mment
    json:
      password: |
        two lines
        of it
      note: hello
    path: /a?token=abc
  connections: 5
target:
  command: [app, --token, abc]
  database: postgresql://me:abc@h/x
sweep:
  load.request.headers.X-Key:
    - abc  # the first
    - def
"""
MASKED = """\
# Formerly: Authorization: ***
name: x   # password=***
load:
  request:
    headers: {Authorization: "***", Accept: '*/*'} # and X-Api-Key: ***
    json:
      password: "***"
      note: hello
    path: "/a?token=***"
  connections: 5
target:
  command: [app, --token, "***"]
  database: "postgresql://me:***@h/x"
sweep:
  load.request.headers.X-Key:
    - "***1"  # the first
    - "***2"
"""


def test_the_text_of_a_profile_is_masked_where_credentials_stand() -> None:
    assert mask_source(SOURCE, Masker.of(yaml.safe_load(SOURCE))) == MASKED
    assert mask_source(MASKED, Masker()) == MASKED


def test_a_masked_profile_is_a_profile(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_text(
        HEAD.replace("1s}", "1s, request: {headers: {Authorization: a, X-Key: 5}, json: {key: 7}}}")
        + "sweep: {load.request.headers.Token: [a, b]}\n"
    )
    loaded = load_profile(path)
    masked = mask_data(loaded.profile.model_dump(mode="json", by_alias=True))
    assert LoadProfile.model_validate(masked).requests[0].headers == {"Authorization": MASK, "X-Key": MASK}
    path.write_text(loaded.text)
    again = load_profile(path)
    assert mask_data(again.profile.model_dump(mode="json", by_alias=True)) == masked


WORDS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=4, max_size=12)


@given(WORDS, st.sampled_from(["'", '"']))
def test_whatever_a_credential_is_its_profile_does_not_show_it(credential: str, quote: str) -> None:
    if quote == "'":
        written = f"'{credential.replace(quote, quote * 2)}'"
    else:
        written = yaml.safe_dump(credential, default_style='"', width=1000, allow_unicode=True).strip()
    text = f"name: x\nload: {{request: {{headers: {{Cookie: {written}, A: b}}}}}} # end\n"
    try:
        data = yaml.safe_load(text)
    except yaml.YAMLError:  # characters that YAML does not take
        return
    masked = mask_source(text, Masker.of(data))
    assert masked == text.replace(written, '"***"' if written.strip("'\"").strip() else written) or MASK in masked
    assert yaml.safe_load(masked)["load"]["request"]["headers"]["A"] == "b"


@given(st.text(max_size=200))
def test_any_text_is_masked_once_and_for_all(text: str) -> None:
    assert mask_text(mask_text(text)) == mask_text(text)
