"""The request that `loadlab hit` sends, put into its profile: method, path, headers, body, and what is expected."""

import json
import mimetypes
from typing import Final

from loadlab.cli.hit.options import HitOptions
from loadlab.cli.hit.settings import Settings, literal_text, named_file
from loadlab.cli.hit.url import Url
from loadlab.errors import LoadlabError
from loadlab.profile.address import authority_of
from loadlab.profile.source import resolve_plain
from loadlab.units import quote

_FORM: Final = "application/x-www-form-urlencoded"
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"})


def fill_request(settings: Settings, options: HitOptions, url: Url) -> None:
    """Put the request of HTTP into a profile, or that which opens a WebSocket. Raises LoadlabError for a mistake."""
    if url.protocol == "tcp":
        return
    if url.protocol == "websocket" and not _has_headers(options, url):
        settings.set("load.path", url.path)
        return
    request = ("load", "request")
    if options.method is not None:
        name = options.method.upper() if options.method.upper() in _METHODS else options.method
        settings.set((*request, "method"), name, f"-m {options.method}")
    settings.set((*request, "path"), url.path)
    if options.stream:
        settings.set((*request, "stream"), True, "--stream")
    headers = dict(_read_header(text) for text in options.headers)
    if len({name.lower() for name in headers}) < len(options.headers):
        raise LoadlabError("-H: a header is given twice; join its values with a comma")
    given = {name.lower() for name in headers}
    for name, value in headers.items():
        settings.set((*request, "headers", name), value, f"-H {name}")
    if url.authorization is not None and "authorization" not in given:
        settings.set((*request, "headers", "Authorization"), url.authorization)
    if options.unix_socket is not None and "host" not in given:
        settings.set((*request, "headers", "Host"), authority_of(url.address, url.over_tls))
    _fill_body(settings, options, has_type="content-type" in given)
    if options.expect is not None:
        statuses = [resolve_plain(each.strip()) for each in options.expect.split(",")]
        settings.set(
            (*request, "expect", "status"),
            statuses[0] if len(statuses) == 1 else statuses,
            f"--expect {options.expect}",
        )


def _has_headers(options: HitOptions, url: Url) -> bool:
    return bool(options.headers) or url.authorization is not None or options.unix_socket is not None


def _fill_body(settings: Settings, options: HitOptions, has_type: bool) -> None:
    body, file = options.data, options.data_file
    if body is None and file is None:
        return
    option = "-D" if body is None else "-d"
    if body is not None and body.startswith("@"):
        file, body = body[1:], None
    if file is not None:
        named_file(option, file)
    if body is not None:
        literal_text("-d", body, "put the body in a file (-D)")
    if not has_type:
        settings.set("load.request.headers.Content-Type", _content_type(body, file, option))
    if file is None:
        settings.set("load.request.body", body, option)
    else:
        settings.set("load.request.file", file, f"{option} {file}")


def _read_header(text: str) -> tuple[str, str]:
    """Return name and value of `Name: value`; `Name;` has no value, as for curl."""
    name, colon, value = text.partition(":")
    if not colon and text.endswith(";"):
        name, colon = text[:-1], ";"
    if not colon or not name.strip():
        raise LoadlabError(f"-H {quote(text)}: write a header like 'Accept: application/json'")
    return name.strip(), literal_text(f"-H {name}", value, "use one, with load.data").strip()


def _content_type(body: str | None, file: str | None, option: str) -> str:
    """Return the type of a body whose header was not given: JSON if it is that, else what curl says, or the file's."""
    if body is not None:
        return "application/json" if _is_json(body) else _FORM
    guessed, _ = mimetypes.guess_type(file or "")
    return guessed or (_FORM if option == "-d" else "application/octet-stream")


def _is_json(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict | list)
    except ValueError:
        return False
