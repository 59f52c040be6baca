import socket
from ipaddress import ip_network

import pytest

from mpi.domain.errors import InputError
from mpi.service.webhooks.addresses import AddressRefusedError, AddressRules, check_url, parse_networks

PRIVATE = [
    "127.0.0.1", "127.1.2.3", "0.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254",
    "100.64.0.1", "192.0.2.1", "198.18.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255", "::", "::1",
    "fe80::1", "fec0::1", "fc00::1", "fd00:ec2::254", "ff02::1", "2001:db8::1", "::7f00:1",
    "::ffff:127.0.0.1", "::ffff:169.254.169.254", "2002:7f00:1::", "2002:a00:1::",
    "2001:0:4136:e378:8000:63bf:f5ff:fffe", "64:ff9b::7f00:1", "64:ff9b:1::a00:1",
]  # fmt: skip
"""Addresses of each kind that is not public, also inside IPv6 addresses."""
PUBLIC = ["93.184.215.14", "2606:2800:21f:cb07:6820:80da:af6b:8b2c", "::ffff:93.184.215.14"]


def resolve_to(monkeypatch, *addresses):
    answers = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 443)) for address in addresses]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: answers)


@pytest.mark.parametrize("address", PRIVATE)
def test_no_address_but_a_public_one_is_called(address):
    with pytest.raises(AddressRefusedError):
        AddressRules().resolve(address, 443, is_encrypted=True)


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_are_called_with_tls_only(address):
    assert AddressRules().resolve(address, 443, is_encrypted=True) == [address]
    with pytest.raises(AddressRefusedError):
        AddressRules((ip_network("0.0.0.0/0"),)).resolve(address, 80, is_encrypted=False)


@pytest.mark.parametrize("host", ["127.1", "0x7f000001", "2130706433", "017700000001", "localhost"])
def test_other_spellings_of_loopback_are_refused(host):
    with pytest.raises(AddressRefusedError):
        AddressRules().resolve(host, 443, is_encrypted=True)


def test_a_name_with_one_private_address_is_refused(monkeypatch):
    resolve_to(monkeypatch, "93.184.215.14", "10.0.0.1")
    with pytest.raises(AddressRefusedError):
        AddressRules().resolve("two.example", 443, is_encrypted=True)


def test_allowed_networks_are_called_and_no_others(monkeypatch):
    rules = AddressRules(parse_networks("10.20.0.0/16, ::1"))
    assert rules.resolve("10.20.3.4", 443, is_encrypted=True) == ["10.20.3.4"]
    assert rules.resolve("::1", 80, is_encrypted=False) == ["::1"]
    for address in ("10.21.0.1", "127.0.0.1"):
        with pytest.raises(AddressRefusedError):
            rules.resolve(address, 443, is_encrypted=True)
    with pytest.raises(AddressRefusedError):
        rules.resolve("10.20.3.4", 80, is_encrypted=False)


def test_the_error_does_not_tell_an_unknown_name_from_a_private_address(monkeypatch):
    def unknown(*_, **__):
        raise socket.gaierror(-2, "unknown")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(InputError) as first:
        check_url("https://unknown.example/", AddressRules())
    resolve_to(monkeypatch, "10.0.0.1")
    with pytest.raises(InputError) as second:
        check_url("https://inside.example/", AddressRules())
    assert str(first.value) == str(second.value)


def test_networks_are_checked_when_the_index_is_opened():
    assert parse_networks("") == ()
    with pytest.raises(InputError, match="MPI_WEBHOOK_NETWORKS"):
        parse_networks("10.0.0.1/8")
