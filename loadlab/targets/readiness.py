"""Whether a server that was just started answers yet: asked over HTTP, on TCP or a Unix socket, with TLS or without."""

import ssl
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

from loadlab.profile.address import Address, socket_address
from loadlab.profile.http_values import expand_statuses, path_as_sent
from loadlab.profile.target import Ready
from loadlab.tls import TlsError, TlsSettings, explain_failure, make_context

if TYPE_CHECKING:
    import httpx

_FIRST_TIMEOUT_SECONDS: Final = 1.0
_LONGEST_TIMEOUT_SECONDS: Final = 10.0  # for which Ctrl-C may have to wait


class Inquiry:
    """Asks one server, again and again; a context manager. `last` says what came of the last time, as a clause.

    Imports httpx when it is entered, which takes a tenth of a second.
    """

    def __init__(self, address: Address, authority: str, ready: Ready, tls: TlsSettings | None) -> None:
        """`authority` is what the header Host says."""
        self.last = f"it does not answer {ready.path}"
        self._address = address
        self._authority = authority
        self._path = path_as_sent(ready.path)
        self._wanted = None if ready.status is None else expand_statuses(ready.status)
        self._shown_wanted = ready.status
        self._tls = tls
        self._timeout_seconds = _FIRST_TIMEOUT_SECONDS

    def __enter__(self) -> Self:
        import httpx

        # Nothing is verified where nothing is encrypted, and no certificates have to be loaded for it.
        verify = make_context(self._tls) if self._tls is not None else False
        at = socket_address(self._address)
        uds = at if isinstance(at, str) else None
        self._client = httpx.Client(transport=httpx.HTTPTransport(verify=verify, uds=uds), trust_env=False)
        host, port = ("localhost", None) if isinstance(at, str) else at
        scheme = "https" if self._tls is not None else "http"
        self._url = httpx.URL(scheme=scheme, host=host, port=port, raw_path=self._path.encode("ascii"))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()

    def ask(self) -> bool:
        """Return whether it is ready. Waits for an answer, a second at first, and longer each time.

        Raises TlsError if its certificate is not valid, which time does not change.
        """
        import httpx

        headers = {"Host": self._authority}
        extensions = {} if self._tls is None else {"sni_hostname": self._tls.server_name}
        try:
            response = self._client.get(
                self._url, headers=headers, timeout=self._timeout_seconds, extensions=extensions
            )
        except httpx.TimeoutException:
            self.last = f"it does not answer {self._path} within {self._timeout_seconds:g} s"
            self._timeout_seconds = min(2 * self._timeout_seconds, _LONGEST_TIMEOUT_SECONDS)
            return False
        except httpx.HTTPError as error:
            self.last = self._explain(error)
            return False
        if self._wanted is None or response.status_code in self._wanted:
            return True
        statuses = self._shown_wanted if isinstance(self._shown_wanted, tuple) else (self._shown_wanted,)
        expected = " or ".join(map(str, statuses))
        self.last = f"it answers {self._path} with {response.status_code}, not {expected} (target.ready)"
        return False

    def _explain(self, error: "httpx.HTTPError") -> str:
        """Return why there was no answer; raise TlsError if the certificate is not valid."""
        import httpx

        cause: BaseException | None = error
        while cause is not None:
            if isinstance(cause, ssl.SSLError) and self._tls is not None:
                explained = explain_failure(cause, self._tls)
                if isinstance(cause, ssl.SSLCertVerificationError):
                    raise TlsError(explained) from None
                return explained
            if isinstance(cause, OSError) and cause.strerror is not None:
                return f"it does not answer {self._path}: {cause.strerror}"
            cause = cause.__cause__ or cause.__context__
        if isinstance(error, httpx.RemoteProtocolError) and "disconnected" not in str(error):
            return f"what it answers to a request for {self._path} is not HTTP: {error}"
        return f"it closes the connection instead of answering {self._path}"
