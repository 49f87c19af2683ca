"""What a client's settings make of a handshake, and the words for each way in which it fails."""

import ssl
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme

from loadlab.tls import TlsError, TlsSettings, TlsSettingsError, explain_failure, explain_plain_text, make_context

from ..tls_peers import MemoryServer, ServerSetup, shake_hands, write_pem


@pytest.fixture(scope="module")
def ca() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def certificate(ca: trustme.CA) -> trustme.LeafCert:
    return ca.issue_cert("app.internal", "127.0.0.1")


@pytest.fixture
def ca_file(ca: trustme.CA, tmp_path: Path) -> str:
    return write_pem(ca.cert_pem, tmp_path / "ca.pem")


def failure(settings: TlsSettings, certificate: trustme.LeafCert, setup: ServerSetup | None = None) -> str | None:
    """Return the sentence for how a handshake fails, or None."""
    error = shake_hands(make_context(settings), MemoryServer(certificate, setup), settings.server_name)
    return None if error is None else explain_failure(error, settings)


@pytest.mark.parametrize("name", ["app.internal", "127.0.0.1"])
def test_a_certificate_of_the_given_ca_is_accepted(name: str, ca_file: str, certificate: trustme.LeafCert) -> None:
    assert failure(TlsSettings(name, ca_file), certificate) is None


def test_the_systems_cas_do_not_include_a_private_one(certificate: trustme.LeafCert) -> None:
    sentence = failure(TlsSettings("app.internal"), certificate)

    assert sentence is not None
    assert sentence.startswith("the certificate of app.internal is issued by a CA that is not trusted here")
    assert "--cacert" in sentence
    assert "target.tls.ca" in sentence
    assert "-k" in sentence


def test_another_ca_is_not_trusted(certificate: trustme.LeafCert, tmp_path: Path) -> None:
    other = write_pem(trustme.CA().cert_pem, tmp_path / "other.pem")

    assert "not trusted here" in (failure(TlsSettings("app.internal", other), certificate) or "")


def test_a_chain_that_ends_in_an_unknown_ca_is_not_trusted(tmp_path: Path) -> None:
    root = trustme.CA()
    leaf = root.create_child_ca().issue_cert("app.internal")
    other = write_pem(trustme.CA().cert_pem, tmp_path / "other.pem")
    settings = TlsSettings("app.internal", other)

    assert "not trusted here" in (failure(settings, leaf) or "")


def test_a_certificate_for_another_name_is_not_accepted(ca_file: str, certificate: trustme.LeafCert) -> None:
    sentence = failure(TlsSettings("localhost", ca_file), certificate)

    assert sentence is not None
    assert sentence.startswith("the certificate is not valid for localhost")
    assert "--server-name" in sentence


def test_a_certificate_for_another_address_is_not_accepted(ca_file: str, certificate: trustme.LeafCert) -> None:
    assert "not valid for 127.0.0.2" in (failure(TlsSettings("127.0.0.2", ca_file), certificate) or "")


def test_an_expired_certificate_is_not_accepted(ca: trustme.CA, ca_file: str) -> None:
    expired = ca.issue_cert("app.internal", not_after=datetime.now(UTC) - timedelta(days=1))

    assert "app.internal has expired" in (failure(TlsSettings("app.internal", ca_file), expired) or "")


def test_a_certificate_of_the_future_is_not_accepted(ca: trustme.CA, ca_file: str) -> None:
    now = datetime.now(UTC)
    future = ca.issue_cert("app.internal", not_before=now + timedelta(days=1), not_after=now + timedelta(days=2))

    assert "is not valid yet" in (failure(TlsSettings("app.internal", ca_file), future) or "")


def present_itself(ca: trustme.CA, path: Path) -> ServerSetup:
    """Have a server present the CA's own certificate, which is self-signed."""
    pem = write_pem(trustme.Blob(ca.private_key_pem.bytes() + ca.cert_pem.bytes()), path)
    return lambda context: context.load_cert_chain(pem)


def test_a_self_signed_certificate_is_named_as_such(
    ca: trustme.CA, certificate: trustme.LeafCert, tmp_path: Path
) -> None:
    other = write_pem(trustme.CA().cert_pem, tmp_path / "other.pem")

    sentence = failure(TlsSettings("app.internal", other), certificate, present_itself(ca, tmp_path / "self.pem"))

    assert "is self-signed: if you trust it, pass it as its own CA (--cacert" in (sentence or "")


def test_the_servers_own_certificate_may_be_the_ca(certificate: trustme.LeafCert, tmp_path: Path) -> None:
    its_own = write_pem(certificate.cert_chain_pems[0], tmp_path / "server.pem")

    assert failure(TlsSettings("app.internal", its_own), certificate) is None


def test_without_verification_any_certificate_will_do(certificate: trustme.LeafCert) -> None:
    assert failure(TlsSettings("localhost", verify=False), certificate) is None


def test_a_server_that_speaks_another_version_is_named(ca_file: str, certificate: trustme.LeafCert) -> None:
    def speak_13_only(context: ssl.SSLContext) -> None:
        context.minimum_version = ssl.TLSVersion.TLSv1_3

    settings = TlsSettings("app.internal", ca_file)
    context = make_context(settings)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    error = shake_hands(context, MemoryServer(certificate, speak_13_only), "app.internal")

    assert error is not None
    assert "no version of TLS in common" in explain_failure(error, settings)


def test_a_server_without_a_common_cipher_is_named(ca_file: str, certificate: trustme.LeafCert) -> None:
    def speak_an_old_cipher(context: ssl.SSLContext) -> None:
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers("AES128-SHA")

    assert "no cipher" in (failure(TlsSettings("app.internal", ca_file), certificate, speak_an_old_cipher) or "")


def require_client_certificate(
    ca: trustme.CA, version: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3
) -> Callable[[ssl.SSLContext], None]:
    def setup(context: ssl.SSLContext) -> None:
        context.maximum_version = version
        context.verify_mode = ssl.CERT_REQUIRED
        ca.configure_trust(context)

    return setup


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
class TestClientCertificates:
    def test_none_where_one_is_required(
        self, version: ssl.TLSVersion, ca: trustme.CA, ca_file: str, certificate: trustme.LeafCert
    ) -> None:
        settings = TlsSettings("app.internal", ca_file)

        sentence = failure(settings, certificate, require_client_certificate(ca, version))

        assert "requires a client certificate: pass one (--cert FILE" in (sentence or "")

    def test_one_of_a_ca_that_the_server_does_not_know(
        self, version: ssl.TLSVersion, ca: trustme.CA, ca_file: str, certificate: trustme.LeafCert, tmp_path: Path
    ) -> None:
        stranger = trustme.CA().issue_cert("somebody")
        cert = write_pem(stranger.private_key_and_cert_chain_pem, tmp_path / "stranger.pem")
        settings = TlsSettings("app.internal", ca_file, cert)

        sentence = failure(settings, certificate, require_client_certificate(ca, version))

        assert sentence == f"the server does not accept the client certificate {cert} (unknown CA)"

    def test_the_right_one_in_two_files(
        self, version: ssl.TLSVersion, ca: trustme.CA, ca_file: str, certificate: trustme.LeafCert, tmp_path: Path
    ) -> None:
        client = ca.issue_cert("somebody")
        cert = write_pem(client.cert_chain_pems[0], tmp_path / "client.pem")
        key = write_pem(client.private_key_pem, tmp_path / "client.key")

        settings = TlsSettings("app.internal", ca_file, cert, key)

        assert failure(settings, certificate, require_client_certificate(ca, version)) is None


def test_plain_text_is_recognised() -> None:
    assert "plain HTTP" in (explain_plain_text(b"HTTP/1.1 400 Bad Request\r\n") or "")
    assert "it sent b'SSH-2.0-OpenSSH" in (explain_plain_text(b"SSH-2.0-OpenSSH_9.2p1 Debian\r\n") or "")
    assert explain_plain_text(b"\x16\x03\x03\x00\x7a") is None
    assert explain_plain_text(b"") is None


def test_a_failure_without_words_of_its_own_has_those_of_openssl() -> None:
    settings = TlsSettings("app.internal")
    incoming = ssl.MemoryBIO()
    client = make_context(settings).wrap_bio(incoming, ssl.MemoryBIO(), server_hostname="app.internal")
    incoming.write(b"\x16\x03\x03\x00\x05hello")

    with pytest.raises(ssl.SSLError) as caught:
        client.do_handshake()

    assert explain_failure(caught.value, settings) == "TLS with app.internal failed: unexpected message"


def test_a_failure_is_an_os_error_with_a_sentence() -> None:
    assert str(TlsError("the certificate has expired")) == "the certificate has expired"
    assert issubclass(TlsError, OSError)


class TestFiles:
    def mistake(self, ca: str | None = None, cert: str | None = None, key: str | None = None) -> tuple[str, str]:
        with pytest.raises(TlsSettingsError) as caught:
            make_context(TlsSettings("app.internal", ca, cert, key))
        return caught.value.key, str(caught.value)

    @pytest.mark.parametrize("key", ["ca", "cert"])
    def test_a_file_that_is_not_there(self, key: str, tmp_path: Path) -> None:
        path = str(tmp_path / "none.pem")

        assert self.mistake(**{key: path}) == (key, f"cannot read {path}: No such file or directory")

    @pytest.mark.parametrize("key", ["ca", "cert"])
    def test_a_folder(self, key: str, tmp_path: Path) -> None:
        assert self.mistake(**{key: str(tmp_path)}) == (key, f"cannot read {tmp_path}: Is a directory")

    @pytest.mark.parametrize("content", [b"", b"nothing of the kind\n", b"\xff\x00\x01"])
    def test_a_ca_file_without_a_certificate(self, content: bytes, tmp_path: Path) -> None:
        path = tmp_path / "ca.pem"
        path.write_bytes(content)

        assert self.mistake(ca=str(path)) == ("ca", f"{path} has no certificate in PEM form")

    def test_a_certificate_without_its_key(self, certificate: trustme.LeafCert, tmp_path: Path) -> None:
        cert = write_pem(certificate.cert_chain_pems[0], tmp_path / "client.pem")

        assert self.mistake(cert=cert) == (
            "cert",
            f"{cert} needs a certificate and its private key, in PEM form",
        )

    def test_a_key_without_a_certificate(self) -> None:
        assert self.mistake(key="client.key")[0] == "key"

    def test_a_key_that_is_not_there(self, certificate: trustme.LeafCert, tmp_path: Path) -> None:
        cert = write_pem(certificate.cert_chain_pems[0], tmp_path / "client.pem")
        key = str(tmp_path / "none.key")

        assert self.mistake(cert=cert, key=key) == ("key", f"cannot read {key}: No such file or directory")

    def test_the_key_of_another_certificate(
        self, ca: trustme.CA, certificate: trustme.LeafCert, tmp_path: Path
    ) -> None:
        cert = write_pem(certificate.cert_chain_pems[0], tmp_path / "client.pem")
        key = write_pem(ca.issue_cert("another").private_key_pem, tmp_path / "another.key")

        assert self.mistake(cert=cert, key=key) == ("key", f"the private key in {key} is not that of {cert}")

    def test_an_encrypted_key_asks_nobody_for_its_passphrase(
        self, certificate: trustme.LeafCert, tmp_path: Path
    ) -> None:
        cert = write_pem(certificate.cert_chain_pems[0], tmp_path / "client.pem")
        key = tmp_path / "client.key"
        key.write_bytes(encrypted(certificate.private_key_pem.bytes()))

        name, problem = self.mistake(cert=cert, key=str(key))

        assert name == "key"
        assert problem.startswith(f"{key} is encrypted: store the key without a passphrase")


def encrypted(pem: bytes) -> bytes:
    """Return a private key with a passphrase."""
    from cryptography.hazmat.primitives import serialization

    key = serialization.load_pem_private_key(pem, password=None)
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"secret"),
    )
