import pytest

from mpi.api.request.client_address import get_client_network


@pytest.mark.parametrize(
    ("client", "network"),
    [
        (("192.0.2.7", 1), "192.0.2.7"),
        (("2001:db8:1:2:3:4:5:6", 1), "2001:db8:1:2::/64"),
        (("2001:db8:1:2::1", 1), "2001:db8:1:2::/64"),
        (("2001:db8:1:3::1", 1), "2001:db8:1:3::/64"),
        (("::ffff:192.0.2.7", 1), "192.0.2.7"),
        (("unknown", 0), "unknown"),
        (None, ""),
    ],
)
def test_one_customer_has_one_network(client, network):
    assert get_client_network({"type": "http", "client": client}) == network
