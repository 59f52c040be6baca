"""The server speaks TLS itself, if it is given a certificate and a key."""

import ssl

import httpx
import pytest
import trustme

from mpi.api.app import create_app
from mpi.api.server.serve import listen, may_be_public
from mpi.api.server.tls_files import open_tls_files
from mpi.domain.errors import InputError
from tests.index import with_settings
from tests.unit.api.live import problem, serving

HSTS = "strict-transport-security"
EVERYWHERE = "0.0.0.0"  # noqa: S104 - to be refused, and permitted with TLS


@pytest.fixture(scope="module")
def authority():
    return trustme.CA()


@pytest.fixture
def files(authority, tmp_path):
    """Paths of a certificate and its key."""
    issued = authority.issue_cert("127.0.0.1", "localhost", "mpi.example.gov")
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    cert.write_bytes(b"".join(blob.bytes() for blob in issued.cert_chain_pems))
    key.touch(mode=0o600)
    issued.private_key_pem.write_to_path(key)
    return cert, key


@pytest.fixture
def tls_context(authority):
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


def test_answers_over_tls_ask_browsers_to_stay_with_tls(fresh_index, files, tls_context):
    with serving(create_app(fresh_index), tls=open_tls_files(*files)) as url:
        assert url.startswith("https://")
        for path in ("/healthz", "/sign-in", "/v1/events", "/no-such"):
            answer = httpx.get(url + path, verify=tls_context, timeout=60)
            assert answer.headers[HSTS] == "max-age=31536000"
        with pytest.raises(httpx.TransportError):
            httpx.get(url.replace("https://", "http://") + "/healthz")


def test_a_proxy_with_tls_gets_the_header_and_plain_http_does_not(people):
    assert HSTS in people.get("/healthz", headers={"X-Forwarded-Proto": "https"}).headers
    assert HSTS not in people.get("/healthz").headers


def test_protocols_before_tls_1_2_are_refused(fresh_index, files, authority):
    old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    authority.configure_trust(old)
    with pytest.warns(DeprecationWarning, match="TLS"):
        old.maximum_version = ssl.TLSVersion.TLSv1_1
    with (
        serving(create_app(fresh_index), tls=open_tls_files(*files)) as url,
        pytest.raises(httpx.ConnectError),
    ):
        httpx.get(f"{url}/healthz", verify=old)


def test_named_hosts_are_answered_and_no_others(fresh_index):
    index = with_settings(fresh_index, host_names=frozenset({"mpi.example.gov"}))
    with serving(create_app(index)) as url:
        for host in ("mpi.example.gov", "MPI.example.gov:8520", "localhost"):
            assert httpx.get(f"{url}/healthz", headers={"Host": host}, timeout=60).status_code == 200
        for host in ("evil.example", "mpi.example.gov.evil.example", "mpi.example.gov:x", ""):
            problem(httpx.get(f"{url}/healthz", headers={"Host": host}, timeout=60), 421, "wrong-host")


def test_other_addresses_need_tls_and_named_hosts(files):
    tls = open_tls_files(*files)
    assert may_be_public(tls, {"mpi.example.gov"})
    for refused in ((None, {"mpi.example.gov"}), (tls, ())):
        with pytest.raises(InputError, match="without TLS"):
            listen(EVERYWHERE, 0, is_public=may_be_public(*refused))
    with listen(EVERYWHERE, 0, is_public=True) as listener:
        assert listener.getsockname()[0] == EVERYWHERE
    with pytest.raises(InputError, match="an IP address"):
        listen("mpi.example.gov", 0, is_public=True)


def test_neither_file_means_no_tls():
    assert open_tls_files(None, None) is None


def test_a_key_that_others_may_read_is_refused(files):
    files[1].chmod(0o640)
    with pytest.raises(InputError, match="chmod 600"):
        open_tls_files(*files)


def test_a_missing_or_wrong_file_is_refused_by_option(files, tmp_path, authority):
    cert, _key = files
    with pytest.raises(InputError, match="both"):
        open_tls_files(cert, None)
    with pytest.raises(InputError, match="--tls-key: cannot read"):
        open_tls_files(cert, tmp_path / "none.pem")
    other = tmp_path / "other.pem"
    other.touch(mode=0o600)
    authority.issue_cert("localhost").private_key_pem.write_to_path(other)
    for wrong in (other, cert):
        wrong.chmod(0o600)
        with pytest.raises(InputError, match="fit each other"):
            open_tls_files(cert, wrong)
