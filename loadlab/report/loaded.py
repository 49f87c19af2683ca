"""Which servers a run has loaded: as the profile names them, where their names lead, and over what."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from loadlab.results.run import RunDocument
from loadlab.results.trial import LoadedServer, TlsSession, TrialResult

_OF_LOADLAB: Final = "the target"


@dataclass(frozen=True, slots=True)
class Loaded:
    """A server that was not started by loadlab, by its name in the profile, or one that was reached over TLS."""

    name: str
    server: LoadedServer
    tls: TlsSession | None

    @property
    def is_unknown(self) -> bool:
        """Whether nothing is known of its processes: they are on a machine that is not the cluster's either."""
        return self.server.remote and self.server.on is None

    @property
    def text(self) -> str:
        """Return its name with all that does not follow from it."""
        address = "" if self.server.address == self.name or self.name == _OF_LOADLAB else f" ({self.server.address})"
        where = f", on {self.server.on}" if self.server.on else ", on another machine" if self.server.remote else ""
        return f"{self.name}{address}{where}{f', {describe_tls(self.tls)}' if self.tls else ''}"


def servers_of(document: RunDocument) -> tuple[Loaded, ...]:
    """Return the servers that the run has loaded, each once.

    One that loadlab starts gets another port in each trial; of these the first stands for all with the same TLS.
    """
    target = document.profile.get("target") or {}
    found: dict[object, Loaded] = {}
    for trial in document.trials:
        name = _name(trial, target.get("address"))
        if trial.server is not None and name is not None:
            loaded = Loaded(name, trial.server, trial.tls)
            found.setdefault((trial.server.remote, trial.tls) if name == _OF_LOADLAB else loaded, loaded)
    return tuple(found.values())


def loaded_lines(document: RunDocument) -> Iterator[str]:
    """Yield a line on each server of which more is to be said than its name, for the terminal."""
    for loaded in servers_of(document):
        if loaded.text != loaded.name:
            unknown = "; its CPU time and memory are not known" if loaded.is_unknown else ""
            yield f"Loaded {loaded.text}{unknown}."


def describe_tls(session: TlsSession) -> str:
    """Return what a handshake agreed on: "TLSv1.3 with TLS_AES_256_GCM_SHA384"."""
    return f"{session.version} with {session.cipher}"


def _name(trial: TrialResult, of_profile: object) -> str | None:
    """Return what the profile calls the server; one that loadlab starts has a name only if over TLS."""
    name = trial.factors.get("target.address", of_profile)
    if name is not None:
        return str(name)
    return _OF_LOADLAB if trial.server and trial.tls else None
