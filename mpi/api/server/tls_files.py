"""Certificate and private key by which the server speaks TLS itself."""

import ssl
import stat
from dataclasses import dataclass
from pathlib import Path

from mpi.domain.errors import InputError


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """Files of a certificate and its private key, which were checked.

    Args:
        cert: the certificate with its chain, in PEM.
        key: the private key, in PEM and without a password.
    """

    cert: Path
    key: Path


def open_tls_files(cert: Path | None, key: Path | None) -> TlsFiles | None:
    """Check certificate and key, and return them; None if neither is named.

    Raises:
        InputError: only one is named, a file cannot be read, others may read the key, or they do not fit.
    """
    if cert is None and key is None:
        return None
    if cert is None or key is None:
        raise InputError("TLS needs both a certificate and a key: give --tls-cert and --tls-key")
    try:
        mode = key.stat().st_mode
    except OSError as error:
        raise InputError(f"--tls-key: cannot read the file: {error.strerror}") from None
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise InputError("--tls-key: others may read or change the file: run chmod 600 on it")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        # Without a function, the library would ask the terminal for a password.
        context.load_cert_chain(cert, key, password=lambda: "")
    except (OSError, ValueError):
        raise InputError(
            "--tls-cert and --tls-key: no certificate and key in PEM that fit each other, without password"
        ) from None
    return TlsFiles(cert, key)
