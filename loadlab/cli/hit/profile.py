"""What `loadlab hit` is asked for, as a profile: it is measured as any other, and can be saved as one."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from loadlab import targets
from loadlab.analysis.metrics import metric_names
from loadlab.cli.hit.contradictions import find_contradictions
from loadlab.cli.hit.message import fill_message
from loadlab.cli.hit.options import HitOptions
from loadlab.cli.hit.request import fill_request
from loadlab.cli.hit.saved import format_profile
from loadlab.cli.hit.settings import Settings
from loadlab.cli.hit.url import Url, parse_url
from loadlab.errors import LoadlabError, ProfileError
from loadlab.profile import LoadedProfile, LoadProfile
from loadlab.profile.files import resolve_files
from loadlab.profile.loading import without_credential
from loadlab.profile.masking import Masker, mask_source, mask_text
from loadlab.profile.paths import Data
from loadlab.profile.template import literal_path
from loadlab.profile.validation import find_mistakes
from loadlab.units import parse_count

CONNECTIONS: Final = "50"
DURATION: Final = "10s"
WARMUP: Final = "500ms"
TIMEOUT: Final = "5s"

_TLS_OPTIONS: Final = {"ca": "--cacert", "cert": "--cert", "key": "--key", "server_name": "--server-name"}


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
    url = parse_url(options.url, over_socket=options.unix_socket is not None)
    settings = Settings()
    if contradictions := [*find_contradictions(options, url)]:
        raise ProfileError(contradictions)
    mistakes = []
    for fill in (_fill_target, _fill_load, fill_request, fill_message, _fill_rest):
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


def _fill_target(settings: Settings, options: HitOptions, url: Url) -> None:
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


def _fill_load(settings: Settings, options: HitOptions, url: Url) -> None:
    if url.protocol != "http" or options.events:
        settings.set(
            "load.protocol", "events" if options.events else url.protocol, "--events" if options.events else "URL"
        )
    settings.read("load.connections", options.connections or CONNECTIONS, "-c")
    settings.read("load.rate", options.rate, "-q")
    if options.poisson:
        settings.set("load.arrivals", "poisson", "--poisson")
    settings.read("load.idle", options.idle, "--idle")
    settings.read("load.idle_protocol", options.idle_protocol, "--idle-protocol")
    if options.idle_path is not None:
        settings.set("load.idle_path", literal_path(options.idle_path), f"--idle-path {options.idle_path}")
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


def _fill_rest(settings: Settings, options: HitOptions, _url: Url) -> None:
    if options.probes is not None:
        probes = [each.strip() for each in options.probes.split(",")]
        settings.set("probes", probes[0] if len(probes) == 1 else probes, f"--probes {options.probes}")
    settings.read("repeat", options.repeat, "--repeat")
    if options.allow_remote:
        settings.set("allow_remote", [*options.allow_remote], "--allow-remote")


def _name(url: Url) -> str:
    host = "".join(character if character.isalnum() or character in ".-" else "-" for character in url.host)
    return f"hit-{host.strip('-.')[:48]}-{url.address.port}"
