"""TLS as a client sees it: the settings of a connection, the context made of them, and what went wrong in plain words.

It is below everything, since the profile checks the same settings that a load worker connects with. The transport that
uses it is `loadlab.kernel.tls`.
"""

import ssl
from dataclasses import dataclass
from typing import Final

ALPN_PROTOCOL: Final = "http/1.1"

_WITHOUT_VERIFYING: Final = "do not verify certificates (-k, target.tls.verify: false)"
_NAME_CA: Final = "pass that CA's certificate (--cacert FILE, target.tls.ca)"
_NAME_CLIENT_CERTIFICATE: Final = "pass one (--cert FILE and --key FILE, target.tls.cert and key)"


@dataclass(frozen=True, slots=True)
class TlsSettings:
    """How to connect over TLS. Files are PEM.

    `server_name` is what the server is asked for (SNI) and what its certificate must be valid for; a host name or an
    IP address. `ca` has the certificates to trust in place of the system's. `cert`, with the certificates that lead to
    its CA if need be, and `key` (None: it is in `cert` as well) are the client's own.
    """

    server_name: str
    ca: str | None = None
    cert: str | None = None
    key: str | None = None
    verify: bool = True


@dataclass(frozen=True, slots=True)
class TlsSession:
    """What a handshake agreed on, such as TLSv1.3 and TLS_AES_256_GCM_SHA384."""

    version: str
    cipher: str


class TlsError(OSError):
    """A TLS handshake or session failed; the text is a sentence that says why, and what to do about it."""


class TlsSettingsError(ValueError):
    """A file that the settings name is of no use; `key` is the one of `ca`, `cert` and `key` that names it."""

    def __init__(self, key: str, problem: str) -> None:
        super().__init__(problem)
        self.key = key


def make_context(settings: TlsSettings) -> ssl.SSLContext:
    """Return the context of a client with these settings. Raises TlsSettingsError.

    Like curl's, it accepts any certificate in `ca` as the end of the chain, be it the server's own. It offers TLS 1.2
    and newer, as the system's OpenSSL is configured.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.set_alpn_protocols([ALPN_PROTOCOL])
    context.options |= ssl.OP_NO_RENEGOTIATION  # TLS 1.2; nobody would send what that asks for
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    if not settings.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    elif settings.ca is None:
        context.load_default_certs()
    if settings.ca is not None:
        _load_ca(context, settings.ca)
    if settings.cert is not None:
        _load_client_certificate(context, settings.cert, settings.key)
    elif settings.key is not None:
        raise TlsSettingsError("key", "is a private key without a certificate: give cert as well")
    return context


def explain_failure(error: ssl.SSLError, settings: TlsSettings) -> str:
    """Return a sentence that says what failed, with whom, and what to do."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return _explain_verification(error, settings.server_name)
    if isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError):
        return "the server closed the connection during the TLS handshake"
    reason = error.reason or ""
    if reason in _CERTIFICATE_ALERTS and settings.cert is None:
        return f"the server requires a client certificate: {_NAME_CLIENT_CERTIFICATE}"
    if reason in _CERTIFICATE_ALERTS:
        return f"the server does not accept the client certificate {settings.cert} ({_CERTIFICATE_ALERTS[reason]})"
    if reason == _HANDSHAKE_FAILURE and settings.cert is None:  # all that TLS 1.2 has to say of it
        problem = _NO_COMMON_CIPHER.format(name=settings.server_name)
        return f"{problem}, or it requires a client certificate: {_NAME_CLIENT_CERTIFICATE}"
    if reason in _REASONS:
        return _REASONS[reason].format(name=settings.server_name)
    readable = reason.replace("_", " ").lower() or str(error)
    return f"TLS with {settings.server_name} failed: {readable}"


def explain_plain_text(received: bytes) -> str | None:
    """Return a sentence if the first bytes that a server sent in a handshake are not TLS, or None if they may be."""
    if not received or received[0] in _RECORD_TYPES:
        return None
    if received.startswith(b"HTTP/"):
        return "the server answers in plain HTTP at this port: use http:// or ws://, without target.tls"
    return f"the server does not speak TLS at this port: it sent {received[:20]!r}"


def _explain_verification(error: ssl.SSLCertVerificationError, name: str) -> str:
    code = error.verify_code
    if code in _MISMATCHES:
        return (
            f"the certificate is not valid for {name}: connect by a name that it is valid for, "
            f"or give that (--server-name NAME, target.tls.server_name)"
        )
    if code in _VERIFICATION:
        return f"the certificate of {name} {_VERIFICATION[code]}"
    return f"the certificate of {name} cannot be verified: {error.verify_message}"


def _load_ca(context: ssl.SSLContext, path: str) -> None:
    try:
        context.load_verify_locations(cafile=path)
    except ssl.SSLError:
        raise TlsSettingsError("ca", f"{path} has no certificate in PEM form") from None
    except OSError as error:
        raise TlsSettingsError("ca", f"cannot read {path}: {error.strerror}") from None


def _load_client_certificate(context: ssl.SSLContext, cert: str, key: str | None) -> None:
    for name, path in (("cert", cert), ("key", key)):
        try:
            if path is not None:
                open(path, "rb").close()
        except OSError as error:
            raise TlsSettingsError(name, f"cannot read {path}: {error.strerror}") from None
    try:
        context.load_cert_chain(cert, key, password=_refuse_password)
    except _Encrypted:
        problem = f"{key or cert} is encrypted: store the key without a passphrase (openssl pkey -in FILE -out FILE)"
        raise TlsSettingsError("key" if key else "cert", problem) from None
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            raise TlsSettingsError("key", f"the private key in {key or cert} is not that of {cert}") from None
        if key is None:
            raise TlsSettingsError("cert", f"{cert} needs a certificate and its private key, in PEM form") from None
        raise TlsSettingsError("cert", f"{cert} or {key} is not in PEM form") from None


class _Encrypted(Exception):
    """OpenSSL asked for a passphrase."""


def _refuse_password() -> str:
    raise _Encrypted  # otherwise OpenSSL would ask on the terminal, and wait


_RECORD_TYPES: Final = (20, 21, 22, 23)  # RFC 8446, 5.1

# X509_V_ERR_..., openssl/x509_vfy.h
_MISMATCHES: Final = (62, 63, 64)
_UNKNOWN_CA: Final = f"is issued by a CA that is not trusted here: {_NAME_CA}, or {_WITHOUT_VERIFYING}"
_VERIFICATION: Final = {
    2: _UNKNOWN_CA,
    20: _UNKNOWN_CA,
    21: _UNKNOWN_CA,
    9: f"is not valid yet: compare the clocks of both machines, or {_WITHOUT_VERIFYING}",
    10: f"has expired: renew it, or {_WITHOUT_VERIFYING}",
    18: "is self-signed: if you trust it, pass it as its own CA (--cacert FILE, target.tls.ca), "
    f"or {_WITHOUT_VERIFYING}",
    19: f"ends in a self-signed CA that is not trusted here: {_NAME_CA}, or {_WITHOUT_VERIFYING}",
}

# By OpenSSL's name of the failure; what the server sent as an alert has ALERT in it.
_CERTIFICATE_ALERTS: Final = {
    "TLSV13_ALERT_CERTIFICATE_REQUIRED": "none was sent that it would accept",
    "SSLV3_ALERT_BAD_CERTIFICATE": "bad certificate",
    "SSLV3_ALERT_UNSUPPORTED_CERTIFICATE": "unsupported certificate",
    "SSLV3_ALERT_CERTIFICATE_REVOKED": "revoked",
    "SSLV3_ALERT_CERTIFICATE_EXPIRED": "expired",
    "SSLV3_ALERT_CERTIFICATE_UNKNOWN": "unknown certificate",
    "TLSV1_ALERT_UNKNOWN_CA": "unknown CA",
    "TLSV1_ALERT_ACCESS_DENIED": "access denied",
}
_NO_COMMON_VERSION: Final = (
    f"{{name}} and this client have no version of TLS in common: this client speaks "
    f"{'TLS 1.3 and 1.2' if ssl.HAS_TLSv1_3 else 'TLS 1.2'}"
)
_HANDSHAKE_FAILURE: Final = "SSLV3_ALERT_HANDSHAKE_FAILURE"
_NO_COMMON_CIPHER: Final = (
    "{name} accepts no cipher, key exchange or signature that this client offers, or has no certificate for this name"
)
_REASONS: Final = {
    "WRONG_VERSION_NUMBER": "the server does not speak TLS at this port",
    "UNSUPPORTED_PROTOCOL": _NO_COMMON_VERSION,
    "TLSV1_ALERT_PROTOCOL_VERSION": _NO_COMMON_VERSION,
    _HANDSHAKE_FAILURE: _NO_COMMON_CIPHER,
    "TLSV1_UNRECOGNIZED_NAME": "the server has no certificate for {name}: ask for another name "
    "(--server-name NAME, target.tls.server_name)",
    "TLSV1_ALERT_NO_APPLICATION_PROTOCOL": f"{{name}} does not speak {ALPN_PROTOCOL} over TLS (ALPN)",
    "TLSV1_ALERT_INTERNAL_ERROR": "{name} reports an internal error in the TLS handshake",
}
