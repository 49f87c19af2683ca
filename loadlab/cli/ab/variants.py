"""What `loadlab ab` compares: two URLs with the same load, or one profile with different settings."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields, replace
from typing import Final

from loadlab import targets
from loadlab.analysis.metrics import metric_names
from loadlab.cli.ab.options import VariantOptions
from loadlab.cli.hit.options import HitOptions, LoadOptions
from loadlab.cli.hit.profile import make_profile
from loadlab.errors import LoadlabError, ProfileError
from loadlab.profile import LoadedProfile, LoadProfile, load_profile, plan_trials
from loadlab.profile.finding import find_profile
from loadlab.profile.masking import mask_command, mask_text
from loadlab.units import printable

_HOW: Final = "name two URLs, or a profile with --a and --b"
# What of the options of `hit` is one setting of a profile.
_SETTINGS: Final[Mapping[str, str]] = {
    "connections": "load.connections",
    "rate": "load.rate",
    "idle": "load.idle",
    "idle_protocol": "load.idle_protocol",
    "idle_path": "load.idle_path",
    "warmup": "load.warmup",
    "timeout": "load.timeout",
    "probes": "probes",
}
_URL_OPTIONS: Final[Mapping[str, str]] = {
    "poisson": "--poisson",
    "method": "-m",
    "headers": "-H",
    "data": "-d",
    "data_file": "-D",
    "expect": "--expect",
    "stream": "--stream",
    "events": "--events",
    "message": "--message",
    "answer": "--answer",
    "matches": "--matches",
    "subprotocol": "--subprotocol",
    "until": "--until",
    "bytes": "--bytes",
    "echo": "--echo",
    "greeting": "--greeting",
    "cacert": "--cacert",
    "insecure": "-k",
    "cert": "--cert",
    "key": "--key",
    "server_name": "--server-name",
    "disable_keepalive": "--disable-keepalive",
}


@dataclass(frozen=True, slots=True)
class VariantProfile:
    """One side of a comparison: what to call it, and its profile, which sweeps nothing."""

    label: str
    loaded: LoadedProfile

    @property
    def profile(self) -> LoadProfile:
        """The profile itself."""
        assert isinstance(self.loaded.profile, LoadProfile)
        return self.loaded.profile


@dataclass(frozen=True, slots=True)
class Variants:
    """Both sides, and notes for the user on what is not taken as it stands."""

    a: VariantProfile
    b: VariantProfile
    notes: tuple[str, ...] = ()


def make_variants(options: VariantOptions, load: LoadOptions) -> Variants:
    """Return the profiles of both sides. Raises LoadlabError, and ProfileError with every mistake in the options."""
    subjects = options.subjects
    if len(subjects) > 2:
        raise LoadlabError(f"ab compares two servers, not {len(subjects)}; {_HOW}")
    if len(subjects) == 2:
        return _of_urls(subjects[0], subjects[1], options, load)
    if not options.a and not options.b:
        raise LoadlabError(f"{printable(subjects[0])} is compared with nothing; {_HOW}")
    if "://" in subjects[0]:
        raise LoadlabError(
            f"{printable(mask_text(subjects[0]))}: --a and --b change settings of a profile; "
            "`loadlab hit URL --save-profile FILE` makes one of a URL"
        )
    return _of_profile(subjects[0], options, load)


def _of_urls(url_a: str, url_b: str, options: VariantOptions, load: LoadOptions) -> Variants:
    for url in (url_a, url_b):
        if url.endswith((".yaml", ".yml")):
            raise LoadlabError(
                f"{printable(url)} is a profile, and two profiles differ in more than one thing at a time; name one of "
                "them, with --a and --b for what differs"
            )
    if options.a or options.b or options.settings:
        raise LoadlabError("--a, --b and --set change settings of a profile; of two URLs each option is for both")
    if len(options.unix_sockets) > 2:
        raise LoadlabError("--unix-socket: name one for both servers, or A's and then B's")
    sockets = (*options.unix_sockets, *options.unix_sockets)[:2] or (None, None)
    shared = {each.name: getattr(load, each.name) for each in fields(LoadOptions)}
    made = []
    mistakes: list[str] = []
    for url, socket in zip((url_a, url_b), sockets, strict=True):
        try:
            made.append(make_profile(HitOptions(url, unix_socket=socket, **shared)))
        except ProfileError as error:
            mistakes += error.mistakes
    if mistakes:
        raise ProfileError([*dict.fromkeys(mistakes)])
    labels = _distinct([mask_text(str(each.url)) for each in made], options.unix_sockets)
    about = labels[0] if labels[0] == labels[1] else f"{labels[0]} against {labels[1]}"
    a, b = (
        VariantProfile(label, _renamed(each.loaded, each.profile.name.replace("hit-", "ab-", 1), about))
        for label, each in zip(labels, made, strict=True)
    )
    return Variants(a, b, tuple(dict.fromkeys(note for each in made for note in each.notes)))


def _distinct(labels: list[str], sockets: tuple[str, ...]) -> list[str]:
    """Return the labels with the Unix sockets, where these are what differs."""
    return (
        [f"{label} on {socket}" for label, socket in zip(labels, sockets, strict=True)] if len(sockets) == 2 else labels
    )


def _of_profile(name: str, options: VariantOptions, load: LoadOptions) -> Variants:
    if options.unix_sockets:
        raise LoadlabError("--unix-socket is for URLs; write --set target.address=unix:PATH")
    if refused := [option for key, option in _URL_OPTIONS.items() if getattr(load, key)]:
        raise LoadlabError(f"{refused[0]} is for URLs; --set, --a and --b change any setting of a profile")
    shared = [*options.settings, *_settings_of(load)]
    sides = {"--a": options.a, "--b": options.b}
    found: dict[str, LoadedProfile] = {}
    mistakes: list[str] = []
    for option, own in sides.items():
        try:
            found[option] = load_profile(
                find_profile(name),
                [*shared, *(f"{option} {each}" for each in own)],
                servers=targets.catalog(),
                metrics=metric_names(),
            )
        except ProfileError as error:
            mistakes += error.mistakes
    if mistakes:
        raise ProfileError([*dict.fromkeys(mistakes)])
    a, b = (
        VariantProfile(", ".join(mask_command(own)) or "as in the profile", _single(found[option], name))
        for option, own in sides.items()
    )
    about = f"{a.label} against {b.label}"
    a, b = (replace(each, loaded=_renamed(each.loaded, each.profile.name, about)) for each in (a, b))
    if load.allow_remote:
        a, b = (replace(each, loaded=each.loaded.allowing(load.allow_remote)) for each in (a, b))
    return Variants(a, b)


def _settings_of(load: LoadOptions) -> Iterator[str]:
    """Yield the options of `hit` that are settings of a profile too."""
    for key, path in _SETTINGS.items():
        if (value := getattr(load, key)) is not None:
            yield f"{path}=[{value}]" if key == "probes" and "," in value else f"{path}={value}"


def _single(loaded: LoadedProfile, name: str) -> LoadedProfile:
    """Return a profile without its sweep. Raises LoadlabError where that has more than one combination."""
    profile = loaded.profile
    shown = printable(name)
    if not isinstance(profile, LoadProfile):
        raise LoadlabError(f"{shown} measures no server (its kind is {profile.kind}); ab compares servers under load")
    swept = {path: values for path, values in profile.sweep.items() if len(values) > 1}
    if swept:
        path, values = next(iter(swept.items()))
        raise LoadlabError(
            f"{shown} sweeps {path} over {len(values)} values; ab compares at one of them: choose it with "
            f"--set {path}={_written(values)}"
        )
    load = profile.load
    if load.request_count is not None:
        raise LoadlabError(f"{shown} sends a number of requests (load.request_count); ab needs a load that goes on")
    if load.stages:
        raise LoadlabError(f"{shown} changes the rate as it goes on (load.rate); ab needs one rate: --set load.rate=1k")
    [trial] = plan_trials(profile.model_copy(update={"repeat": 1}), seed=0)
    return replace(loaded, profile=trial.profile)


def _written(values: Iterable[object]) -> str:
    """Return the last value as it may be written; it is the one that a sweep is about."""
    *_, last = values
    return str(last)


def _renamed(loaded: LoadedProfile, name: str, about: str) -> LoadedProfile:
    return replace(loaded, profile=loaded.profile.model_copy(update={"name": name, "about": about}))
