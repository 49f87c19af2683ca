"""A certificate for servers that speak TLS: made when a server starts, signed by itself, gone with its folder."""

import subprocess
from pathlib import Path

from waits import Failure

# What a web server usually has today: an elliptic curve of 256 bits, whose signatures cost a server little.
_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
_NAMES = "subjectAltName=DNS:localhost,IP:127.0.0.1,IP:::1"


def make_certificate(folder: Path) -> tuple[Path, Path]:
    """Make a certificate for this machine's loopback names; return its file and that of its private key.

    Raises Failure.
    """
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    files = ("-keyout", str(key), "-out", str(certificate))
    command = ["openssl", "req", "-x509", *_KEY, *files, "-days", "30", "-subj", "/CN=localhost", "-addext", _NAMES]
    try:
        subprocess.run(command, check=True, capture_output=True, text=True)
    except FileNotFoundError:
        raise Failure("openssl, which makes the certificate, is not installed: apt-get install openssl") from None
    except subprocess.CalledProcessError as error:
        reason = error.stderr.strip().splitlines()[-1:] or ["no reason given"]
        raise Failure(f"openssl could not make a certificate: {reason[0]}") from None
    return certificate, key
