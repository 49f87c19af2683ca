"""Options of `loadlab hit` that exclude or need one another, or mean nothing for the scheme of the URL.

All else is checked as in a profile.
"""

from collections.abc import Iterator, Mapping
from typing import Final

from loadlab.cli.hit.options import HitOptions
from loadlab.cli.hit.url import Url

_HTTP: Final = "http:// and https://"
_WEBSOCKET: Final = "ws:// and wss://"
_TCP: Final = "tcp:// and tls://"
# Which schemes an option is for; options that are not here are for all of them.
_SCHEMES: Final[Mapping[str, tuple[tuple[str, str], ...]]] = {
    _HTTP: (
        ("method", "-m"),
        ("data", "-d"),
        ("data_file", "-D"),
        ("expect", "--expect"),
        ("stream", "--stream"),
        ("events", "--events"),
    ),
    _WEBSOCKET: (("answer", "--answer"), ("matches", "--matches"), ("subprotocol", "--subprotocol")),
    _TCP: (("until", "--until"), ("bytes", "--bytes"), ("echo", "--echo"), ("greeting", "--greeting")),
}
_TLS: Final[Mapping[str, str]] = {
    "cacert": "--cacert",
    "insecure": "-k",
    "cert": "--cert",
    "key": "--key",
    "server_name": "--server-name",
}
_ENCRYPTED: Final[Mapping[str, str]] = {"http": "https", "ws": "wss", "tcp": "tls"}
_ENDS: Final[Mapping[str, str]] = {"until": "--until", "bytes": "--bytes", "echo": "--echo"}


def find_contradictions(options: HitOptions, url: Url) -> Iterator[str]:
    """Yield a sentence for each."""
    yield from _of_scheme(options, url)
    if options.requests is not None and options.duration is not None:
        yield "-n and -z exclude one another: -n sends so many requests, however long that takes"
    if options.poisson and options.rate is None and not options.events:
        yield "--poisson needs a rate, -q: without one each connection sends when its response has arrived"
    for name, value in (("--idle-protocol", options.idle_protocol), ("--idle-path", options.idle_path)):
        if value is not None and options.idle is None:
            yield f"{name} needs --idle, the number of idle connections"
    if url.protocol == "http":
        yield from _of_http(options)
    elif url.protocol == "tcp":
        yield from _of_tcp(options, url)
    yield from _of_tls(options, url)


def _of_scheme(options: HitOptions, url: Url) -> Iterator[str]:
    for schemes, names in _SCHEMES.items():
        if f"{url.scheme}://" not in schemes:
            given = [option for name, option in names if getattr(options, name)]
            yield from (f"{option} is for {schemes}, not for {url.scheme}://" for option in given)
    if options.message is not None and url.protocol == "http":
        yield f"--message is for {_WEBSOCKET}, {_TCP}; the body of a request is -d"
    if options.headers and url.protocol == "tcp":
        yield f"-H is for {_HTTP}, {_WEBSOCKET}, not for {url.scheme}://"


def _of_http(options: HitOptions) -> Iterator[str]:
    if options.data is not None and options.data_file is not None:
        yield "-d and -D are both the body of the request; remove one of them"
    if not options.events:
        return
    if options.stream:
        yield "--events and --stream exclude one another: of a stream that is read on and on, or of one response"
    useless = {"-q": options.rate, "--poisson": options.poisson, "--disable-keepalive": options.disable_keepalive}
    for name in (name for name, value in useless.items() if value):
        yield f"{name} has no effect with --events: each connection reads its stream, and the server says when"


def _of_tcp(options: HitOptions, url: Url) -> Iterator[str]:
    given = [option for name, option in _ENDS.items() if getattr(options, name)]
    if len(given) > 1:
        yield f"{' and '.join(given)} exclude one another: each says how an answer ends"
    if not given:
        yield f"{url.scheme}:// needs --until, --bytes or --echo: nothing else says where an answer ends"
    if options.message is None and options.echo:
        yield "--echo needs --message, the text that comes back"
    if options.message is None and options.greeting is not None:
        yield "--greeting needs --message; where the server speaks first and that is all, --until or --bytes is its end"


def _of_tls(options: HitOptions, url: Url) -> Iterator[str]:
    if not url.over_tls:
        encrypted = _ENCRYPTED[url.scheme]
        given = [option for name, option in _TLS.items() if getattr(options, name)]
        yield from (f"{option} has no effect on {url.scheme}://; write {encrypted}://" for option in given)
    if options.key is not None and options.cert is None:
        yield "--key needs --cert, the certificate that it belongs to"
    if options.insecure and options.cacert is not None:
        yield "-k and --cacert exclude one another: -k verifies nothing"
