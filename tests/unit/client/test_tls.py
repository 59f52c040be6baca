"""The client speaks TLS with a server that it trusts, and with no other."""

import ssl

import pytest
import trustme

from mpi.api.app import create_app
from mpi.api.server.tls_files import open_tls_files
from mpi.client import ConnectionFailedError
from tests.unit.api.live import serving


def test_only_a_server_with_a_trusted_certificate_is_sent_the_key(
    open_one, client_index, client_key, tmp_path
):
    authority = trustme.CA()
    issued = authority.issue_cert("127.0.0.1")
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    cert.write_bytes(b"".join(blob.bytes() for blob in issued.cert_chain_pems))
    key.touch(mode=0o600)
    issued.private_key_pem.write_to_path(key)
    trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    authority.configure_trust(trusting)
    with serving(create_app(client_index), tls=open_tls_files(cert, key)) as url:
        client = open_one(url, client_key, tls=trusting)
        assert client.read_events(limit=1).cursor >= 0
        client.close()  # or the server waits for it
        with pytest.raises(ConnectionFailedError, match="CERTIFICATE_VERIFY_FAILED"):
            open_one(url, client_key).read_events()
