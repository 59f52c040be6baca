"""Forwarded headers count from trusted proxies only; without TLS, others are refused."""

import asyncio
from ipaddress import ip_network

import httpx
import pytest

from mpi.api.app import create_app
from mpi.api.server.proxy_rules import ProxyRules
from mpi.api.server.serve import find_proxy_rules, listen, may_be_public
from mpi.api.server.server_config import ServerConfig
from mpi.composition.network import read_allowed_hosts, read_trusted_proxies
from mpi.config import Settings
from mpi.domain.errors import InputError
from tests.index import with_settings

EVERYWHERE = "0.0.0.0"  # noqa: S104 - permitted with proxies
NAME = "mpi.example.gov"
PROXIES = (ip_network("10.20.0.0/16"),)
HSTS = "strict-transport-security"


@pytest.fixture(scope="module")
def ask(index):
    """Send one request to the application of a server, from an address, by rules about proxies."""
    app = create_app(with_settings(index, host_names=frozenset({NAME})), open_pages=False)

    def send(peer, path="/sign-in", *, is_required=True, host=NAME, headers=()):
        config = ServerConfig(app, request_timeout_s=10, grace_s=1, proxies=ProxyRules(PROXIES, is_required))
        config.load()

        async def get():
            transport = httpx.ASGITransport(app=config.loaded_app, client=(peer, 4000))
            async with httpx.AsyncClient(transport=transport, base_url="http://x") as client:
                return await client.get(path, headers={"Host": host, **dict(headers)})

        return asyncio.run(get())

    return send


@pytest.mark.parametrize(
    ("peer", "is_trusted"), [("10.20.3.4", True), ("10.21.0.1", False), ("127.0.0.1", False)]
)
def test_forwarded_headers_count_from_trusted_proxies_only(ask, peer, is_trusted):
    answer = ask(peer, is_required=False, headers={"X-Forwarded-Proto": "https"})
    assert answer.status_code == 200
    assert (HSTS in answer.headers) == is_trusted


@pytest.mark.parametrize("peer", ["10.21.0.1", "192.0.2.7", "2001:db8::1", "", "testclient"])
def test_a_sender_past_the_proxy_is_refused_whatever_it_states(ask, peer):
    answer = ask(peer, headers={"X-Forwarded-For": "10.20.0.1", "X-Forwarded-Proto": "https"})
    assert answer.status_code == 421
    assert "MPI_TRUSTED_PROXIES" in answer.json()["detail"]
    assert peer == "" or peer not in answer.text


@pytest.mark.parametrize("peer", ["10.20.0.1", "::ffff:10.20.0.1", "127.0.0.1", "::1"])
def test_a_proxy_and_this_machine_are_answered(ask, peer):
    assert ask(peer).status_code == 200


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics"])
@pytest.mark.parametrize("host", ["10.20.9.9:8520", "10.20.9.9", "[fd00::9]:8520"])
def test_a_probe_reaches_a_pod_by_its_address(ask, path, host):
    assert ask("192.0.2.7", path, host=host).status_code == 200


def test_a_probe_under_a_foreign_name_is_refused(ask):
    for host in ("evil.example", "10.20.9.9.evil.example", ""):
        assert ask("192.0.2.7", "/healthz", host=host).status_code == 421


def test_other_paths_need_a_named_host(ask):
    assert ask("10.20.0.1", "/sign-in", host="10.20.9.9").status_code == 421


def test_other_addresses_need_named_hosts_and_proxies_or_tls():
    assert may_be_public(None, {NAME}, PROXIES)
    assert not may_be_public(None, (), PROXIES)
    assert not may_be_public(None, {NAME}, ProxyRules().trusted)
    assert not may_be_public(None, {NAME})


def test_only_a_listener_beyond_this_machine_requires_proxies():
    with listen(EVERYWHERE, 0, is_public=True) as listener:
        assert find_proxy_rules(listener, None, PROXIES).is_required
    with listen("127.0.0.1", 0) as listener:
        assert not find_proxy_rules(listener, None, PROXIES).is_required


def test_hosts_and_proxies_are_read_from_the_settings():
    settings = Settings(
        allowed_hosts=" MPI.example.gov,[FD00::1]", host_names="old.example.gov", trusted_proxies="::1"
    )
    assert read_allowed_hosts(settings) == {NAME, "[fd00::1]", "old.example.gov"}
    assert read_trusted_proxies(settings) == (ip_network("::1"),)
    assert read_trusted_proxies(Settings(trusted_proxies="")) == ()


@pytest.mark.parametrize(
    "hosts", ["*", "https://mpi.example.gov", "mpi.example.gov:8520", "a b", "a..b", "*.gov"]
)
def test_a_host_that_is_no_name_is_refused(hosts):
    with pytest.raises(InputError, match="MPI_ALLOWED_HOSTS"):
        read_allowed_hosts(Settings(allowed_hosts=hosts))


@pytest.mark.parametrize("proxies", ["*", "0.0.0.0/0", "::/0", "proxy.example", "10.20.0.1/16"])
def test_proxies_that_are_no_network_or_every_address_are_refused(proxies):
    with pytest.raises(InputError, match="MPI_TRUSTED_PROXIES"):
        read_trusted_proxies(Settings(trusted_proxies=proxies))
