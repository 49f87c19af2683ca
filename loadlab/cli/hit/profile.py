"""What `loadlab hit` is asked for, as a profile: it is measured as any other, and can be saved as one."""

import json
import mimetypes
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from loadlab import targets
from loadlab.analysis.metrics import metric_names
from loadlab.cli.hit.options import HitOptions
from loadlab.cli.hit.saved import format_profile
from loadlab.cli.hit.url import Url, parse_url
from loadlab.errors import LoadlabError, ProfileError
from loadlab.profile import LoadedProfile, LoadProfile
from loadlab.profile.address import authority_of
from loadlab.profile.files import resolve_files
from loadlab.profile.loading import without_credential
from loadlab.profile.masking import Masker, mask_source, mask_text
from loadlab.profile.paths import Data, put
from loadlab.profile.source import resolve_plain
from loadlab.profile.validation import find_mistakes
from loadlab.units import parse_count, quote

CONNECTIONS: Final = "50"
DURATION: Final = "10s"
WARMUP: Final = "500ms"
TIMEOUT: Final = "5s"

_FORM: Final = "application/x-www-form-urlencoded"
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"})
_COLUMN: Final = "{{"
_TLS_OPTIONS: Final = {"ca": "--cacert", "cert": "--cert", "key": "--key", "server_name": "--server-name"}

_Path = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class HitProfile:
    """The profile, its plain data in the order in which a file has them, the URL, and notes for the user."""

    loaded: LoadedProfile
    data: Data
    url: Url
    notes: tuple[str, ...]

    @property
    def profile(self) -> LoadProfile:
        """The profile itself."""
        assert isinstance(self.loaded.profile, LoadProfile)
        return self.loaded.profile


def make_profile(options: HitOptions) -> HitProfile:
    """Return the profile that the options ask for.

    Raises LoadlabError for the URL, and ProfileError with every mistake in the options.
    """
    url = parse_url(options.url)
    settings = _Settings()
    if contradictions := [*_contradictions(options, url)]:
        raise ProfileError(contradictions)
    mistakes = []
    for fill in (_fill_target, _fill_load, _fill_request, _fill_rest):
        try:
            fill(settings, options, url)
        except LoadlabError as error:
            mistakes.append(str(error))
    resolve_files(settings.data, Path())
    found = [
        without_credential(settings.data, mistake)
        for mistake in find_mistakes(settings.data, targets.catalog(), metric_names())
    ]
    mistakes += [f"{settings.option_of(mistake.path)}: {mistake.what}" for mistake in found]
    if mistakes:
        raise ProfileError([*dict.fromkeys(map(mask_text, mistakes))])
    masker = Masker.of(settings.data)
    text = mask_source(format_profile(settings.data, Path()), masker)
    loaded = LoadedProfile(LoadProfile.model_validate(settings.data), text, "", masker)
    return HitProfile(loaded, settings.data, url, tuple(map(mask_text, url.notes)))


class _Settings:
    """The data of the profile under way, and which option each path of it comes from."""

    def __init__(self) -> None:
        self.data: Data = {}
        self._options: dict[_Path, str] = {}

    def set(self, path: str | _Path, value: object, option: str = "URL") -> None:
        """Put a value at a path; text that was typed is read as in a file of YAML."""
        keys = tuple(path.split(".")) if isinstance(path, str) else path
        put(self.data, keys, value)
        self._options[keys] = option

    def read(self, path: str, text: str | None, option: str) -> None:
        """Put the value of an option at a path, unless it is None."""
        if text is not None:
            self.set(path, resolve_plain(text), f"{option} {text}")

    def option_of(self, path: tuple[Any, ...]) -> str:
        """Return the option that set the path, or one above it."""
        while path and path not in self._options:
            path = path[:-1]
        return self._options.get(path, "URL")


def _contradictions(options: HitOptions, url: Url) -> Iterator[str]:
    """Yield a sentence for options that exclude or need one another; all else is checked as in a profile."""
    if options.requests is not None and options.duration is not None:
        yield "-n and -z exclude one another: -n sends so many requests, however long that takes"
    if options.data is not None and options.data_file is not None:
        yield "-d and -D are both the body of the request; remove one of them"
    if options.poisson and options.rate is None:
        yield "--poisson needs a rate, -q: without one each connection sends when its response has arrived"
    tls = {"--cacert": options.cacert, "-k": options.insecure or None, "--cert": options.cert, "--key": options.key,
           "--server-name": options.server_name}  # fmt: skip
    if not url.over_tls:
        yield from (f"{name} has no effect on http://; write https://" for name, value in tls.items() if value)
    if options.key is not None and options.cert is None:
        yield "--key needs --cert, the certificate that it belongs to"
    if options.insecure and options.cacert is not None:
        yield "-k and --cacert exclude one another: -k verifies nothing"


def _fill_target(settings: _Settings, options: HitOptions, url: Url) -> None:
    settings.set("name", _name(url))
    settings.set("about", str(url))
    if options.unix_socket is not None:
        path = options.unix_socket
        absolute = path if path.startswith("@") else os.path.abspath(path)
        settings.set("target.address", f"unix:{absolute}", f"--unix-socket {path}")
    else:
        address = url.address
        host = f"[{address.host}]" if ":" in address.host else address.host
        settings.set("target.address", f"{host}:{address.port}")
    if not url.over_tls:
        return
    settings.set("target.tls", {})
    given = {"ca": options.cacert, "cert": options.cert, "key": options.key, "server_name": options.server_name}
    for key, value in given.items():
        if value is not None:
            settings.set(f"target.tls.{key}", value, f"{_TLS_OPTIONS[key]} {value}")
    if options.unix_socket is not None and options.server_name is None:
        settings.set("target.tls.server_name", url.host)
    if options.insecure:
        settings.set("target.tls.verify", False, "-k")


def _fill_load(settings: _Settings, options: HitOptions, _url: Url) -> None:
    settings.read("load.connections", options.connections or CONNECTIONS, "-c")
    settings.read("load.rate", options.rate, "-q")
    if options.poisson:
        settings.set("load.arrivals", "poisson", "--poisson")
    settings.read("load.idle", options.idle, "--idle")
    settings.read("load.warmup", options.warmup or (WARMUP if options.requests is None else "0s"), "--warmup")
    if options.requests is None:
        settings.read("load.duration", options.duration or DURATION, "-z")
    elif options.rate is None:
        settings.read("load.request_count", options.requests, "-n")
    else:
        settings.set("load.duration", DURATION)  # so that a mistake here is the only one
        settings.set("load.duration", _duration_of(options.requests, options.rate), f"-n {options.requests}")
    settings.read("load.timeout", options.timeout or TIMEOUT, "--timeout")
    if options.disable_keepalive:
        settings.set("load.connection", "per-request", "--disable-keepalive")


def _duration_of(requests: str, rate: str) -> str:
    """Return how long a schedule at a rate takes for so many requests: the last is due before its end."""
    try:
        count = parse_count(requests)
    except ValueError as error:
        raise LoadlabError(f"-n {requests}: {error}") from None
    try:
        per_second = max(parse_count(rate), 1)
    except ValueError:  # reported where it is read
        per_second = 1
    if count < 1:
        raise LoadlabError(f"-n {requests}: must be at least 1")
    return f"{-(-count * 1_000_000_000 // per_second)}ns"


def _fill_request(settings: _Settings, options: HitOptions, url: Url) -> None:
    request = ("load", "request")
    if options.method is not None:
        name = options.method.upper() if options.method.upper() in _METHODS else options.method
        settings.set((*request, "method"), name, f"-m {options.method}")
    settings.set((*request, "path"), url.path)
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


def _fill_body(settings: _Settings, options: HitOptions, has_type: bool) -> None:
    body, file = options.data, options.data_file
    if body is None and file is None:
        return
    option = "-D" if body is None else "-d"
    if body is not None and body.startswith("@"):
        file, body = body[1:], None
    if file in ("-", ""):
        raise LoadlabError(f"{option}: name a file; standard input cannot be sent again and again")
    if body is not None and _COLUMN in body:
        raise LoadlabError(
            f"-d: {quote(_COLUMN)} stands for a column of data in a profile; put the body in a file (-D)"
        )
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
    if _COLUMN in value:
        raise LoadlabError(
            f"-H {name}: {quote(_COLUMN)} stands for a column of data in a profile; use one, with load.data"
        )
    return name.strip(), value.strip()


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


def _fill_rest(settings: _Settings, options: HitOptions, _url: Url) -> None:
    if options.probes is not None:
        probes = [each.strip() for each in options.probes.split(",")]
        settings.set("probes", probes[0] if len(probes) == 1 else probes, f"--probes {options.probes}")
    settings.read("repeat", options.repeat, "--repeat")
    if options.allow_remote:
        settings.set("allow_remote", [*options.allow_remote], "--allow-remote")


def _name(url: Url) -> str:
    host = "".join(character if character.isalnum() or character in ".-" else "-" for character in url.host)
    return f"hit-{host.strip('-.')[:48]}-{url.address.port}"
